from __future__ import annotations

import re

from synthetic_sweep import mubrain_row, points_of, synthetic_metadata, synthetic_rows

from codesign.analysis.fronts import find_fronts
from codesign.reporting import figures
from codesign.reporting.distributions import axis_panels, behaviour_panels, behaviour_points
from codesign.reporting.figures import energy_panels, pareto_panels, styles_of

OBJECTIVES = synthetic_metadata().objectives


def test_every_point_is_an_element_of_its_own():
    points = points_of(synthetic_rows())
    panels = pareto_panels(find_fronts(points, OBJECTIVES), styles_of(points))
    # Three groups of energies that do not compare, and latency.
    assert [panel.svg.count('class="point"') for panel in panels] == [3, 9, 3, 6]
    assert "9 not drawn: latency or accuracy unknown" in panels[3].note


def test_a_cloud_is_one_picture_and_its_front_is_not(monkeypatch):
    monkeypatch.setattr(figures, "CLOUD_LIMIT", 5)
    points = points_of(synthetic_rows())
    panels = pareto_panels(find_fronts(points, OBJECTIVES), styles_of(points))
    assert [panel.svg.count('class="point"') for panel in panels] == [2, 1, 2, 2]
    assert all(panel.svg.count("data:image/png;base64") == 1 for panel in panels)


def test_each_chip_has_an_energy_panel_with_its_coverage():
    panels, legend = energy_panels(points_of(synthetic_rows()))
    assert [panel.title for panel in panels] == ["loihi", "mubrain", "truenorth"]
    assert "Covers synaptic operation." in panels[1].note
    assert legend[-1].text == "not split into terms"
    assert "neuron update" in [entry.text for entry in legend]


def test_behaviour_is_drawn_for_the_papers_rows():
    points = points_of(synthetic_rows())
    chosen = behaviour_points(points)
    assert {point.chip for point in chosen} == {"mubrain"}
    assert [(p.recipe, p.schedule) for p in chosen] == [
        ("layered", "layered"),
        ("layered", "async_momentum"),
        ("layered", "async_random"),
        ("unlayered_ms", "async_momentum"),
        ("unlayered_rs", "async_random"),
    ]
    panels = behaviour_panels(chosen, points)
    assert len(panels) == 4
    assert "Dotted" not in panels[1].note


def test_the_drained_twin_is_a_dotted_line():
    rows = [mubrain_row("layered", "random", seed, 0) for seed in (0, 1)]
    rows += [row | {"schedule": "drained", "stop": "drained", "point": row["point"] + "d"} for row in rows]
    points = points_of(rows)
    assert "Dotted: drained" in behaviour_panels(behaviour_points(points), points)[1].note


def test_nothing_recorded_draws_nothing():
    columns = ("latency_spikes_bins", "convergence_accuracy", "currents_first_layer", "currents_other_layers")
    row = mubrain_row("layered", "random", 0, 0) | dict.fromkeys(columns)
    points = points_of([row])
    assert behaviour_panels(behaviour_points(points), points) == []


def test_a_numeric_axis_is_drawn_against_each_objective():
    rows = [
        mubrain_row("unlayered_rs", "random", 0, 0)
        | {"axis.lanes": lanes, "axis.mode": "frame", "accuracy": 0.5 + lanes / 100, "point": str(lanes)}
        for lanes in (1.0, 4.0, 16.0)
    ]
    points = points_of(rows)
    panels, legend = axis_panels(points, ["accuracy", "energy_j", "latency_s"])
    assert [panel.title for panel in panels] == ["accuracy by lanes", "energy per sample by lanes"]
    assert [entry.text for entry in legend] == ["unlayered_rs under async_random on mubrain"]
    assert not re.search(r"font-family", panels[0].svg)

"""What holds for every chip and every execution: parts sum to totals, and prices are monotone where physics says so."""

from __future__ import annotations

import numpy as np
from handmade_hardware import SYNCHRONIZATIONS, chip_from, group, mesh, near, number
from hypothesis import given, settings
from hypothesis import strategies as st
from test_replay import MICROSECONDS, TIMES, cases

from codesign.analysis.results.columns import COLUMNS
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.chip.parts import Energies, StaticPower
from codesign.hardware.cost.cost import Cost, price
from codesign.hardware.placement.placement import Placement, place
from codesign.hardware.terms import COST_TERMS
from codesign.simulation.execution import Execution

_APART = ("synaptic_operation", "neuron_update", "chip_hop")  # the first two say more than a number
ENERGIES = tuple(name for name in Energies.model_fields if name not in _APART)
PICOJOULES = st.integers(0, 50).map(lambda n: f"{n} pJ")
KINDS = (*SYNCHRONIZATIONS.values(), SYNCHRONIZATIONS["barrier"].replace("scope: timestep", "scope: layer"))


@st.composite
def priced(draw: st.DrawFn) -> tuple[Execution, Chip, Placement, str]:
    """A random execution on a random chip of any synchronization, every number known."""
    execution, plain, _ = draw(cases())
    counted = draw(st.sampled_from(["evaluations", "active_neurons"]))
    energies = {name: draw(PICOJOULES) for name in ENERGIES}
    energies["synaptic_operation"] = number(draw(PICOJOULES), all_in="false")
    energies["neuron_update"] = number(draw(PICOJOULES), counted=counted)
    powers = {part: f"{draw(st.integers(0, 9))} mW" for part in StaticPower.model_fields}
    chip = chip_from(
        f"""
cores: {number(16)}
neurons_per_core: {number(plain.neurons_per_core.value[0])}
layers_share_core: {"true" if plain.layers_share_core else "false"}
vector_width: {number(plain.vector_width.value)}
clock: {number("1 MHz")}
crossbar: {draw(st.sampled_from(["true", "false"]))}
synchronization: {draw(st.sampled_from(KINDS))}
{group("static_power", **powers)}
{mesh(4, 2, 2)}{group("energies", **energies)}{group("times", **draw(MICROSECONDS))}"""
    )
    placement = place(execution.shape, chip, "scaled")
    return execution, chip, placement, draw(st.sampled_from(["accelerated", "real_time"]))


def cost_of(case: tuple[Execution, Chip, Placement, str], chip: Chip | None = None) -> Cost:
    execution, _, placement, operation = case
    return price(execution, placement if chip is None else placement.on(chip), operation=operation)


@settings(max_examples=40)
@given(priced())
def test_parts_sum_to_totals_and_samples_are_priced_as_if_alone(case: tuple[Execution, Chip, Placement, str]) -> None:
    """The execution joined with itself costs each sample the same."""
    execution, _, placement, operation = case
    cost = cost_of(case)
    twice = price(Execution.concatenate([execution, execution]), placement, operation=operation)
    np.testing.assert_array_equal(twice.energy.total_j, np.tile(cost.energy.total_j, 2))
    np.testing.assert_array_equal(twice.latency.total_s, np.tile(cost.latency.total_s, 2))
    terms = [cost.energy.terms_j[name] for name in COST_TERMS]
    assert not cost.not_modelled
    np.testing.assert_allclose(sum(terms), cost.energy.total_j, rtol=1e-12, atol=0)
    columns = cost.columns()
    parts = [columns[term.column] for term in COST_TERMS.values()]
    assert sum(parts) == near(columns["energy_j"], rel=1e-12)
    assert columns["energy_j"] == near(cost.energy.total_j.mean(), rel=1e-12)
    lengths = [columns[f"latency_{name}_s"] for name in ("compute", "network", "synchronization")]
    assert sum(lengths) == near(columns["latency_s"], rel=1e-12)
    assert set(columns) <= set(COLUMNS)
    latency = cost.latency
    np.testing.assert_allclose(
        latency.compute_s + latency.network_s + latency.synchronization_s, latency.total_s, rtol=1e-12, atol=1e-18
    )
    assert all(use >= 0 for use in columns["core_utilization"] or ())
    if latency.model != "timer, overload stretches" and columns["core_utilization"]:
        assert max(columns["core_utilization"]) <= 1 + 1e-9


@settings(max_examples=40)
@given(priced(), st.integers(0, 3))
def test_the_books_agree_where_all_cores_are_in_use_and_part_as_others_are_added(case, more):
    """Cores beside those in use take nothing from the board, and never add to what falls to the cores in use."""
    alone = with_parameter(case[1], "static_power.host", "0 W")
    full, larger = (
        cost_of(case, alone.model_copy(update={"cores": alone.cores.model_copy(update={"value": cores})})).energy
        for cores in (case[2].cores_used, case[2].cores_used + more)
    )
    np.testing.assert_allclose(full.cores_in_use_j, full.total_j, rtol=1e-12)
    assert (larger.total_j >= full.total_j * (1 - 1e-12)).all()
    assert (larger.cores_in_use_j <= full.cores_in_use_j * (1 + 1e-12)).all()
    hosted = cost_of(case).energy
    assert (hosted.cores_in_use_j <= hosted.total_j * (1 + 1e-12)).all()


@settings(max_examples=40)
@given(
    priced(),
    st.sampled_from(["synaptic_operation", "neuron_update", *ENERGIES]),
    st.sampled_from(TIMES),
    st.integers(1, 3),
)
def test_a_dearer_or_slower_event_never_saves_and_more_lanes_never_cost(case, energy, time, more):
    """With 3 lanes for 2 a message of 4 synapses takes as many operations, never more."""
    cost, dearer = cost_of(case), cost_of(case, with_parameter(case[1], f"energies.{energy}", "60 pJ"))
    assert (dearer.energy.total_j >= cost.energy.total_j * (1 - 1e-12)).all()
    np.testing.assert_array_equal(dearer.latency.total_s, cost.latency.total_s)
    slower = cost_of(case, with_parameter(case[1], f"times.{time}", "30 us"))
    assert (slower.latency.total_s >= cost.latency.total_s * (1 - 1e-12)).all()
    assert (slower.energy.total_j >= cost.energy.total_j * (1 - 1e-12)).all()
    lanes = case[1].vector_width.value
    wider = cost_of(case, with_parameter(case[1], "vector_width", "all" if lanes == "all" else lanes + more))
    assert (wider.latency.total_s <= cost.latency.total_s * (1 + 1e-12)).all()
    operations = "synaptic_operation"
    np.testing.assert_array_equal(wider.energy.terms_j[operations], cost.energy.terms_j[operations])

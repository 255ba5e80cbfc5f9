"""Figures and Table 7 of the paper, repeated by made-up sweeps whose numbers can be worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest
from paper_sweeps import WHOLE, claims, repeating, run, runs, section
from synthetic_sweep import Row, statuses, synthetic_rows, table_of, texts

from codesign.analysis.metadata import AxisFacts, PaperPart
from codesign.reporting.html import render_report

PARTS = get_args(PaperPart)


def reactive_rows() -> list[Row]:
    """Currents of 4 with layers waiting, 2 on output and 2.5 drained, in the mean; densities of 4, 3 and 5."""
    rows = []
    for seed, shift in enumerate((-0.1, 0.0, 0.1)):
        common = {"spike_density_quartiles": [1.0, 2.0, 6.0], "refractory": True}
        drained = common | {"stop": "drained", "schedule": "drained"}
        rows += [
            run("layered", "layered", seed, currents_other_layers=[0, 0, 0, 0, 10], spike_density=4 + shift, **common),
            run("layered", "random", seed, currents_other_layers=[0, 5, 0, 5], spike_density=3 + shift, **common),
            run("layered", "random", seed, currents_other_layers=[0, 0, 5, 5], spike_density=5 + shift, **drained),
        ]
    return rows


def test_figure_4_by_hand():
    found = section(reactive_rows(), repeating("figure4"))
    rows = texts(found.part.table)
    assert [row[:3] for row in rows] == [
        ["Layered", "drained", "4.000 ± 0"],
        ["Async RS, F = 8", "on output", "2.000 ± 0"],
        ["Async RS, F = 8", "drained", "2.500 ± 0"],
    ]
    # 4.302653 · 0.1 / √3 = 0.248.
    assert [row[3] for row in rows] == ["4.000 ± 0.25", "3.000 ± 0.25", "5.000 ± 0.25"]
    assert rows[0][5] == "1.00 to 6.00"
    expected = ("reactive", "more spikes drained", "fewer spikes on output")
    assert statuses(claims(found)) == dict.fromkeys(expected, "holds")
    assert "Async RS, F = 8, on output: 2.000 against 4.000 for Layered, a saving of 2.000" in (
        claims(found)["reactive"].sentence
    )
    assert [panel.title for panel in found.part.panels] == [
        "Currents integrated before firing, all but the first layer",
        "Currents integrated before firing, first layer",
        "Spikes a neuron",
    ]
    assert found.part.missing == ""


def converging(recipe: str, inference: str, curve: list[float], drained: float) -> list[Row]:
    return [
        run(
            *(recipe, inference, seed),
            convergence_accuracy=[value + shift for value in curve],
            drained_accuracy=drained + shift,
            accuracy=curve[1] + shift,
        )
        for seed, shift in enumerate((-0.01, 0.0, 0.01))
    ]


def test_figure_5_by_hand():
    rows = converging("layered", "random", [0.5, 0.6, 0.7, 0.8], 0.85)
    rows += converging("unlayered_rs", "random", [0.9, 0.92, 0.89, 0.88], 0.88)
    rows += converging("unlayered_ms", "momentum", [0.95, 0.96, 0.9, 0.9], 0.9)
    found = section(rows, repeating("figure5"))
    # Half widths: 4.302653 · 0.01 / √3 = 2.5 points.
    assert texts(found.part.table)[1][:6] == [
        *("Unlayered RS", "Async RS", "90.0 ± 2.5 %", "92.0 ± 2.5 %", "88.0 ± 2.5 %", "88.0 ± 2.5 %")
    ]
    stated = claims(found)
    assert statuses(stated) == dict.fromkeys(("right at once", "no need to drain", "momentum gains"), "holds")
    assert "Unlayered RS under Async RS: 90.0 % against 88.0 %, a difference of 2.0 points" in (
        stated["right at once"].sentence
    )
    assert "96.0 % against 90.0 %, a difference of 6.0 points" in stated["momentum gains"].sentence
    assert "stroke-dasharray" in found.part.panels[0].svg
    assert "Dashed: once all activity has drained" in found.part.panels[0].note


def test_figure_5_takes_the_curve_that_goes_on_longest():
    dropped = runs("unlayered_rs", "random", "accuracy", (0.9, 0.9), convergence_accuracy=[0.8, 0.9])
    drained = runs(
        *("unlayered_rs", "random", "accuracy", (0.95, 0.95)),
        convergence_accuracy=[0.8, 0.9, 0.95],
        stop="drained",
        schedule="drained",
        drained_accuracy=0.95,
    )
    table = texts(section(dropped + drained, repeating("figure5")).part.table)
    assert table[1][2:6] == ["80.0 ± 0.0 %", "90.0 ± 0.0 %", "95.0 ± 0.0 %", "95.0 ± 0.0 %"]


def test_figure_6_by_hand():
    found = section(synthetic_rows(), repeating("figure6"))
    rows = texts(found.part.table)
    # 19 / 60 and 15 / 60.
    assert [(row[2], row[3]) for row in rows] == [
        *(("60.00 ± 0", "1.00 ± 0"), ("45.00 ± 0", "0.750 ± 0"), ("19.00 ± 0", "0.317 ± 0"), ("15.00 ± 0", "0.250 ± 0"))
    ]
    assert claims(found)["earlier decisions"].status == "holds"
    assert "By a factor of 3.16 ± 0 and 4.00 ± 0." in claims(found)["earlier decisions"].sentence
    assert claims(found)["training matters"].status == "holds"
    assert len(found.part.panels) == 1


def group_size_rows() -> list[Row]:
    """Layered-trained accuracies 80, 60 and 30 % at F = 512, 64 and 8; unlayered 78, 71 and 60; densities by 4."""
    rows = runs("layered", "layered", "accuracy", (0.84, 0.85, 0.86), spike_density=4.0)
    for size, layered, unlayered, density in ((512, 0.8, 0.78, 4.0), (64, 0.6, 0.71, 6.0), (8, 0.3, 0.6, 8.0)):
        common = {"group_size": size, "schedule": f"f{size}", "stop": "drained", "steps_after_output": None}
        for seed, shift in enumerate((-0.01, 0.0, 0.01)):
            # The gains of unlayered training over layered training have a spread, too.
            rows.append(
                run("layered", "random", seed, accuracy=layered + shift, spike_density=density + shift, **common)
            )
            unlayered_row = {"accuracy": unlayered + shift / 2, "spike_density": (density + shift) / 4}
            rows.append(run("unlayered_rs", "random", seed, training_group_size=512, **unlayered_row, **common))
    return rows


def test_figure_7_by_hand():
    metadata = repeating("figure7", workload=replace(WHOLE, name="cifar10"), topology="vgg")
    found = section(group_size_rows(), metadata)
    rows = texts(found.part.table)
    assert [row[:4] for row in rows][:3] == [
        ["Layered", "Layered", "–", "85.0 ± 2.5 %"],
        ["Layered", "Async RS, F = 512", "–", "80.0 ± 2.5 %"],
        ["Layered", "Async RS, F = 64", "–", "60.0 ± 2.5 %"],
    ]
    printed = next(row for row in rows if row[2] != "–")
    assert printed[:5] == ["Unlayered RS", "Async RS, F = 64", "71.0 %", "71.0 ± 1.2 %", "0.0 ± 1.2"]
    assert printed[6:8] == ["about 1/4", "0.250 ± 0"]
    # The row says its F; only training with another F would be remarked.
    assert not any("F = " in row[-1] for row in rows)
    said = " ".join(found.differences)
    assert "network vgg (its figure 11 draws the layers and prints none)" in said
    assert "70,000 samples (60,000)" in said
    assert statuses(claims(found)) == {
        "hurts": "holds",
        "smaller groups cost more": "holds",
        "smaller groups fire more": "holds",
        # −2 points at F = 512, +11 and +30 at 64 and 8.
        "recovers": "holds in part",
        "recovers more": "holds",
        "a quarter of the density": "holds",
    }
    assert "a difference of 13.0 points" in claims(found)["recovers more"].sentence
    assert len(found.part.panels) == 2
    assert found.part.missing == ""


def knob_rows() -> list[Row]:
    rows = []
    for recipe, policy in (("unlayered_rs", "random"), ("unlayered_ms", "momentum")):
        for seed, shift in enumerate((-0.001, 0.0, 0.001)):
            dropout_axis, size_axis = f"axis.recipe.{recipe}.refractory_dropout", f"axis.recipe.{recipe}.group_size"
            for size, accuracy in ((4, 0.95), (8, 0.93), (16, 0.9)):
                row = {"training_group_size": size, size_axis: float(size), dropout_axis: 0.8}
                rows.append(run(recipe, policy, seed, accuracy=accuracy + shift * size, **row))
            for dropout, accuracy in ((0.0, 0.9), (1.0, 0.91)):
                row = {"training_group_size": 8, size_axis: 8.0, dropout_axis: dropout}
                rows.append(run(recipe, policy, seed, accuracy=accuracy + 2 * shift, **row))
    columns = {name for row in rows for name in row if name.startswith("axis.")}
    return [dict.fromkeys(columns) | row for row in rows]


def with_recipes(part: PaperPart, **settings: float):
    recipes = {
        name: {**recipe, "momentum_noise": 1e-6, "refractory_dropout": 0.8, **settings}
        for name, recipe in repeating(part).recipes.items()
    }
    names = ("unlayered_ms.group_size", "unlayered_ms.refractory_dropout")
    names += ("unlayered_rs.group_size", "unlayered_rs.refractory_dropout")
    axes = tuple(AxisFacts(name=f"recipe.{name}") for name in names)
    return repeating(part, recipes=recipes, axes=axes)


def test_figure_9_by_hand():
    found = section(knob_rows(), with_recipes("figure9"))
    table = texts(found.part.table)
    assert [row[:4] for row in table if row[1] == "Unlayered RS"] == [
        ["F of training", "Unlayered RS", "4", "95.0 ± 1.0 %"],
        ["F of training", "Unlayered RS", "8", "93.0 ± 2.0 %"],
        ["F of training", "Unlayered RS", "16", "90.0 ± 4.0 %"],
        ["refractory dropout", "Unlayered RS", "0", "90.0 ± 0.5 %"],
        ["refractory dropout", "Unlayered RS", "0.8", "93.0 ± 2.0 %"],
        ["refractory dropout", "Unlayered RS", "1", "91.0 ± 0.5 %"],
    ]
    stated = claims(found)
    # 5 points ± 4.302653 · 1.2 / √3 = 3.0; 3 points ± 1.5; 2 points ± 1.5.
    assert statuses(stated) == {
        "smaller groups": "holds",
        "refractory dropout helps": "holds",
        "full refractory dropout hurts": "holds",
        "momentum noise helps": "cannot be asked",
    }
    assert "Unlayered RS with F = 4: 95.0 % against 90.0 % for Unlayered RS with F = 16" in (
        stated["smaller groups"].sentence
    )
    assert found.part.missing == "The sweep has fewer than two values of momentum noise."
    assert [panel.title for panel in found.part.panels] == [
        "Accuracy by F of training",
        "Accuracy by refractory dropout",
    ]


def test_a_point_on_several_lines_is_named_by_the_value_of_each():
    axis = "axis.recipe.unlayered_ms.momentum_noise"
    rows = [row | {axis: 1e-6 if row["recipe"] == "unlayered_ms" else None} for row in knob_rows()]
    usual = {"training_group_size": 8, "axis.recipe.unlayered_ms.group_size": 8.0}
    usual |= {"axis.recipe.unlayered_ms.refractory_dropout": 0.8, axis: 0.0}
    noiseless = [run("unlayered_ms", "momentum", seed, accuracy=0.9 + 0.001 * seed, **usual) for seed in range(3)]
    rows += [dict.fromkeys(rows[0]) | row for row in noiseless]
    metadata = with_recipes("figure9")
    axes = (*metadata.axes, AxisFacts(name=axis.removeprefix("axis.")))
    stated = claims(section(rows, replace(metadata, axes=axes)))
    assert "Unlayered MS with refractory dropout 0.8: 93.0 % against" in stated["refractory dropout helps"].sentence
    assert "Unlayered MS with noise 1e-06: 93.0 % against" in stated["momentum noise helps"].sentence


def losing(recipe: str, curve: list[float], **changes: object) -> list[Row]:
    inference = {"layered": "layered", "unlayered_rs": "random", "unlayered_ms": "momentum"}[recipe]
    return [
        run(recipe, inference, seed, training_loss_curve=[value + shift for value in curve], **changes)
        for seed, shift in enumerate((-0.01, 0.0, 0.01))
    ]


def test_figure_10_by_hand():
    rows = losing("layered", [2.0, 1.0, 0.8, 0.7]) + losing("unlayered_rs", [2.0, 1.4, 0.9, 0.5])
    rows += losing("unlayered_ms", [2.0, 1.0, 0.9, 0.9])
    found = section(rows, repeating("figure10"))
    # 4.302653 · 0.01 / √3 = 0.0248.
    assert texts(found.part.table) == [
        ["Layered", "2.000 ± 0.025", "0.7000 ± 0.025", "0.7000 ± 0.025", "4", "0 of 3"],
        ["Unlayered RS", "2.000 ± 0.025", "0.5000 ± 0.025", "0.5000 ± 0.025", "4", "0 of 3"],
        ["Unlayered MS", "2.000 ± 0.025", "0.9000 ± 0.025", "0.9000 ± 0.025", "4", "0 of 3"],
    ]
    stated = claims(found)
    assert stated["lower loss"].status == "holds in part"
    assert "Unlayered RS: 0.5000 against 0.7000 for Layered, a saving of 0.2000" in stated["lower loss"].sentence
    # The fall to the second epoch: 1.0 against 0.6.
    assert stated["less steep at first"].status == "holds"
    assert "a difference of 0.4000" in stated["less steep at first"].sentence
    assert len(found.part.panels) == 1


def test_figure_12_by_hand():
    axis = "axis.recipe.unlayered_ms.momentum_noise"
    rows = [
        *losing("layered", [2.0, 1.0, 0.5], **{axis: None}),
        *losing("unlayered_rs", [2.0, 1.0, 0.5], **{axis: None}),
        *losing("unlayered_ms", [2.0, 1.0, 1.8], **{axis: 0.1}),
        *losing("unlayered_ms", [2.0, 1.0, 1.4], **{axis: 2.5}),
        *losing("unlayered_ms", [2.0, 1.2, 1.0], **{axis: 25.0}),
    ]
    diverged = run("unlayered_ms", "momentum", 2, **{axis: 2.5})
    diverged |= {"status": "failed", "reason": "diverged", "training_seed": 3, "point": "diverged"}
    metadata = repeating("figure12", axes=(AxisFacts(name=axis.removeprefix("axis.")),))
    found = section([*rows, diverged], metadata)
    assert [(row[0], row[5]) for row in texts(found.part.table)] == [
        ("Layered", "0 of 3"),
        ("Unlayered RS", "0 of 3"),
        # It rises by 0.8 of the 1.0 that it had fallen by.
        ("Unlayered MS, noise 0.1", "3 of 3"),
        # By 0.4, and one of four failed.
        ("Unlayered MS, noise 2.5", "1 of 4"),
        ("Unlayered MS, noise 25", "0 of 3"),
    ]
    stated = claims(found)
    assert stated["unstable with little noise"].status == "holds in part"
    assert (
        "3 of 3 training seeds of Unlayered MS, noise 0.1 and 1 of 4" in stated["unstable with little noise"].sentence
    )
    assert stated["stable otherwise"].status == "holds"


def cost_rows(seconds: dict[int | None, float]) -> list[Row]:
    rows = []
    for size, epoch_s in seconds.items():
        recipe, inference = ("layered", "layered") if size is None else ("unlayered_rs", "random")
        for seed, shift in enumerate((0.99, 1.0, 1.01)):
            cost = {"epoch_wall_s": epoch_s * shift, "training_memory_bytes": epoch_s * shift * 1e7}
            name = {} if size is None else {"recipe": f"rs{size}", "training_group_size": size}
            rows.append(run(recipe, inference, seed, **cost, **name))
    return rows


def test_table_7_by_hand():
    found = section(cost_rows({None: 2.0, 16: 1.0, 8: 1.1, 4: 1.3}), repeating("table7"))
    rows = texts(found.part.table)
    # 4.302653 · 0.02 / √3 = 0.050; the paper's 19 / 14 and 412 / 210.
    assert rows[1] == [
        *("Unlayered RS, F = 16", "19.00", "1.000 ± 0.025", "1.36", "0.500 ± 0"),
        *("412", "10.00 ± 0.25", "1.96", "0.500 ± 0", "3"),
    ]
    stated = claims(found)
    expected = ("time doubles", "memory doubles", "more time", "more memory")
    assert statuses(stated) == dict.fromkeys(expected, "does not hold")
    # 1.1 / 1.0 and 1.3 / 1.1; 24 / 19 and 37 / 24.
    assert "a factor of 1.10 ± 0 from F = 16 to 8 and 1.18 ± 0 from F = 8 to 4" in stated["time doubles"].sentence
    assert "good news" in stated["time doubles"].sentence
    assert "in the paper: 1.26 and 1.54." in stated["time doubles"].sentence
    assert [panel.title for panel in found.part.panels] == ["Time of training, by F", "Memory of training, by F"]


def test_doubling_is_asked_for_each_halving():
    # From 16 to 4 are two halvings: a factor of 4 is 2 for each.
    found = section(cost_rows({None: 1.0, 16: 1.0, 4: 4.0}), repeating("table7"))
    stated = claims(found)
    assert stated["time doubles"].status == "holds"
    assert "2.00 ± 0 from F = 16 to 4, for each halving" in stated["time doubles"].sentence
    # F = 16 takes as long as layered training, F = 4 longer.
    assert stated["more time"].status == "holds in part"
    assert "Unlayered RS, F = 8" in found.part.missing


@pytest.mark.parametrize("part", ["table2", "figure9"])
def test_a_part_is_on_the_page(part):
    rows = [row for row in synthetic_rows(seeds=(0, 1)) if row["chip"] == "mubrain"]
    table = table_of(rows, repeating(part))
    text = render_report(table)
    assert text.index('id="paper-part"') < text.index('id="verdict"')
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_says_what_it_lacks(part):
    found = section([], repeating(part))
    assert found.part.missing
    assert {claim.status for claim in found.part.claims} == {"cannot be asked"}
    assert all(claim.sentence for claim in found.part.claims)


def test_of_many_comparisons_the_two_that_differ_most_are_spelled_out():
    rows = runs("layered", "layered", "spike_density", (4.0, 4.1, 4.2))
    for size, density in ((2, 1.0), (4, 3.5), (8, 3.0), (16, 2.5)):
        densities = (density, density + 0.1, density + 0.2)
        rows += runs("layered", "random", "spike_density", densities, group_size=size, schedule=f"f{size}")
    sentence = claims(section(rows, repeating("figure4")))["fewer spikes on output"].sentence
    assert sentence.startswith("Most of all Async RS, F = 2, on output: 1.100 against 4.100 for Layered")
    assert "least of all Async RS, F = 4, on output: 3.600" in sentence
    assert "F = 8" not in sentence
    assert "in 4 of 4 comparisons the interval excludes zero" in sentence

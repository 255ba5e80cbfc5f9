from __future__ import annotations

import itertools

import pytest
from tiny_sweeps import tiny

from codesign.exploration.spec import SweepSpec
from codesign.exploration.variants import axis_units, chip_variants, recipe_variants

SEEDS = "seeds: {training: [0]}\n"


def with_axes(*axes: str) -> SweepSpec:
    return tiny((SEEDS, SEEDS + "axes:\n" + "".join(f"  {axis}\n" for axis in axes)))


def test_variants_are_the_product_of_the_axes_in_the_order_of_the_file():
    spec = with_axes(
        "recipe.layered.epochs: [1, 2, 3]",
        "chip.truenorth.vector_width: [7, 8]",  # of something else
        "recipe.layered.batch_size: [10, 20]",
    )
    found = recipe_variants(spec, "layered")
    expected = list(itertools.product([1, 2, 3], [10, 20]))
    assert [(one.value.epochs, one.value.batch_size) for one in found] == expected
    paths = ("recipe.layered.epochs", "recipe.layered.batch_size")
    assert [one.axes for one in found] == [tuple(zip(paths, map(float, values), strict=True)) for values in expected]
    assert [one.axes for one in recipe_variants(tiny(), "layered")] == [()]


def test_values_of_one_variant_are_set_at_once():
    """In any order of the axes, for no value but the last need fit those of the base."""
    policies, methods = "recipe.layered.policy: [fifo, random]", "recipe.layered.method: [unlayered]"
    for axes in ((policies, methods), (methods, policies)):
        assert [one.value.policy for one in recipe_variants(with_axes(*axes), "layered")] == ["fifo", "random"]
    axes = f"{SEEDS}axes:\n  chip.odin.group_size: [300]\n  chip.odin.neurons_per_core: [400]\n"
    (found,) = chip_variants(tiny((SEEDS, axes), ("  truenorth: {}", "  odin: {}")), "odin")
    assert (found.value.chip.group_size.value, found.value.chip.neurons_per_core.value) == (300, (400,))


@pytest.mark.parametrize(
    ("values", "unit"), [("[1 pJ, 2 pJ]", "J"), ("[1 pJ]", "J")], ids=["several values", "one value"]
)
def test_the_unit_of_an_axis_is_that_of_its_numbers(values, unit):
    energies = "chip.mubrain.energies.synaptic_operation"
    widths = "chip.mubrain.vector_width"
    spec = with_axes(f"{widths}: [1, 2]", f"{energies}: {values}", "recipe.layered.epochs: [1, 2]")
    units = axis_units(spec)
    assert [units[path] for path in (energies, widths, "recipe.layered.epochs")] == [unit, "", ""]


def test_an_axis_of_mixed_units_has_none():
    path = "chip.odin.times.synaptic_operation"
    spec = tiny((SEEDS, f"{SEEDS}axes:\n  {path}: [1 ns, 2]\n"), ("  truenorth: {}", "  odin: {}"))
    found = [one.value.chip.times.synaptic_operation for one in chip_variants(spec, "odin")]
    assert [None if one is None else one.cycles for one in found] == [None, 2]
    assert axis_units(spec)[path] == ""

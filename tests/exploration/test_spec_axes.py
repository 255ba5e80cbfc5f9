"""Values of axes and of chips: each by itself, and those that must go together."""

from __future__ import annotations

import pytest
from tiny_sweeps import TINY, assert_at_lines, axes, instead, plan_problems, problems, text_of, tiny

AXES = """\
axes:
  schedule.asynchronous.group_size: [4, 0, some]
  schedule.asynchronous.policy:
    - fifo
    - randum
  schedule.layered.steps_after_output: [1, 33]
  recipe.layered.epochs:
    - 1
    - x
  chip.mubrain.weight_bits: [chip, 33]
  chip.mubrain.vector_width:
    - 336
    - 0
"""


def test_values_that_an_axis_cannot_take_are_told_at_their_lines():
    first = len(TINY.splitlines())
    expected = [
        (2, "schedule.asynchronous.group_size: must be greater than 0, or 'all' or 'layer', found 0"),
        (2, "schedule.asynchronous.group_size: must be a whole number, or 'all' or 'layer', found 'some'"),
        (5, "schedule.asynchronous.policy: unknown scheduling policy 'randum'; did you mean 'random'?"),
        (6, "schedule.layered.steps_after_output: must be less than 33, found 33"),
        (9, "recipe.layered.epochs: must be a whole number, found 'x'"),
        (10, "chip.mubrain.weight_bits: must be 'chip' or 'none', or less than or equal to 32, found 33"),
        (13, "chip.mubrain.vector_width: "),
    ]
    found = [(line - first, message.removeprefix("axes.")) for line, message in problems(TINY + AXES)]
    assert_at_lines(found, expected)


def test_an_unknown_dataset_is_told_once():
    unknown = text_of(("name: digits", "name: digitz"), axes("workload.timesteps: [2, 3]", "workload.train: [20]"))
    ((line, told),) = problems(unknown)
    assert (line, told.startswith("workload.name: unknown dataset 'digitz'")) == (3, True)


def test_values_of_axes_need_to_go_together_only_as_they_are_combined():
    first, mode = "schedule.asynchronous.prioritize_input: [true]", "schedule.asynchronous.input_mode: [{}]"
    assert tiny(axes(first, mode.format("queued"))).axes
    text = "prioritize_input needs input_mode 'queued'; in mode 'frame' no input waits"
    alone = "axes.schedule.asynchronous.prioritize_input: prioritize_input = True"
    assert plan_problems(text_of(axes(first))) == [(16, f"{alone}: {text}")]
    other = "axes.schedule.asynchronous.input_mode: prioritize_input = True, input_mode = frame"
    assert plan_problems(text_of(axes(first, mode.format("queued, frame")))) == [(17, f"{other}: {text}")]


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (
            ["odin.times.synaptic_operation: [1 ns, 20000]", "odin.clock: [100 MHz, 100 Hz]"],
            *(
                17,
                "odin.clock: times.synaptic_operation = 20000, clock = 100 Hz: odin: times.synaptic_operation.cycles:",
            ),
        ),
        (  # a mesh of 4 × 8 tiles of 4 cores does not hold 200
            ["loihi.vector_width: [1, 2]", "loihi.cores: [64, 200]"],
            17,
            "loihi.cores: vector_width = 1, cores = 200: loihi_sanafe: network_on_chip: has place for 128 cores (4×8",
        ),
    ],
)
def test_numbers_of_a_chip_are_looked_at_together(lines, line, message):
    chip, _, _ = lines[0].partition(".")
    ((at, told),) = plan_problems(text_of(instead(f"{chip}: {{}}"), axes(*(f"chip.{one}" for one in lines))))
    assert (at, told.startswith(f"axes.chip.{message}")) == (line, True)


def test_an_all_in_energy_is_asked_for_the_other_operation_where_it_is_written():
    measured = "chips.truenorth_allin.operation: truenorth_allin: its all-in energy was measured in real_time"
    right = instead("truenorth_allin: {operation: real_time}")
    axis = axes("chip.truenorth_allin.operation: [real_time, accelerated]")
    for changes, line, start in (
        ([instead("truenorth_allin: {}")], 11, measured),
        ([instead("tn:\n    extends: truenorth_allin\n    operation: accelerated")], 13, "chips.tn.operation: "),
        ([right, axis], 16, "axes.chip.truenorth_allin.operation: "),
    ):
        (found,) = plan_problems(text_of(*changes))
        assert found[0] == line
        assert found[1].startswith(start)
        assert "contains the static energy of that one; it cannot be used for operation 'accelerated'" in found[1]
    assert tiny(right).chips["truenorth_allin"].operation == "real_time"


def test_an_axis_cannot_make_another_chip_of_an_entry():
    wrong = axes("chip.mubrain.extends: [mubrain, loihi]", "recipe.layered.method: [unlayered]")
    instead = "list schedules in the chip's entry, and give each chip an entry of its own"
    assert problems(text_of(wrong)) == [
        (16, f"axes.chip.mubrain.extends: cannot be varied; {instead}"),
        (17, "axes.recipe.layered.method: cannot be varied; give each a recipe of its own"),
    ]


def test_an_axis_on_which_no_result_depends_is_refused():
    wrong = axes("chip.speck.supply_voltage: [0.6 V, 0.7 V]", "chip.speck.technology_node: [28 nm]")
    told = "no result depends on it, because speck states no structure"
    found = [(16, f"axes.chip.speck.supply_voltage: {told}"), (17, f"axes.chip.speck.technology_node: {told}")]
    assert problems(text_of(instead("speck: {}"), wrong)) == found


def test_an_axis_may_set_apart_what_an_estimate_includes():
    """Operations of a chip whose layers do not wait are estimated with their updates, until an axis gives these."""
    estimated = instead("own: {extends: mubrain, energies: {synaptic_operation: null}}")
    assert tiny(estimated, axes("chip.own.energies.neuron_update: [1 pJ, 2 pJ]")).axes


def test_memories_are_built_for_the_widths_of_weights_that_an_axis_gives():
    """Loihi's file states a structure and weights of 9 bits, which no potential of 6 bits holds."""
    right, wrong = (
        (instead("loihi: {}"), axes("chip.loihi.potential_bits: [6, 16]", f"chip.loihi.weight_bits: [{bits}]"))
        for bits in ("4, 6", "4, chip")
    )
    assert tiny(*right).axes
    clash = "potential_bits = 6, weight_bits = chip: loihi_sanafe: potential_bits: a potential must hold"
    told = f"axes.chip.loihi.weight_bits: {clash} at least one weight, found 6 bits of potential and 9 of weights"
    assert plan_problems(text_of(*wrong)) == [(17, told)]

"""Values of axes and of chips: each by itself, and those that must go together."""

from __future__ import annotations

from collections import Counter

import pytest
from tiny_sweeps import TINY, assert_at_lines, plan_problems, problems

from codesign import units
from codesign.documents import parse_document
from codesign.exploration.definition.spec import SweepSpec
from codesign.hardware.chip.description import Chip

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
  recipe.layered.method: [layered, unlaired]
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
        (10, "recipe.layered.method: must be 'layered' or 'unlayered', found 'unlaired'"),
        (11, "chip.mubrain.weight_bits: must be 'chip' or 'none', or less than or equal to 32, found 33"),
        (14, "chip.mubrain.vector_width: "),
    ]
    found = [(line - first, message.removeprefix("axes.")) for line, message in problems(TINY + AXES)]
    assert_at_lines(found, expected)


def test_values_of_axes_need_to_go_together_only_as_they_are_combined():
    queued = TINY + "axes:\n  schedule.asynchronous.prioritize_input: [true]\n"
    line = len(queued.splitlines())
    assert parse_document(queued + "  schedule.asynchronous.input_mode: [queued]\n", "good.yaml", SweepSpec).axes
    text = "prioritize_input needs input_mode 'queued'; in mode 'frame' no input waits"
    alone = "axes.schedule.asynchronous.prioritize_input: prioritize_input = True"
    assert problems(queued) == [(line, f"{alone}: {text}")]
    other = "axes.schedule.asynchronous.input_mode: prioritize_input = True, input_mode = frame"
    assert problems(queued + "  schedule.asynchronous.input_mode: [queued, frame]\n") == [
        (line + 1, f"{other}: {text}")
    ]


CHIP_AXES = "  chip.odin.group_size: [8]\n  chip.odin.vector_width: [1, 2]\n  chip.odin.neurons_per_core: [4, 64]\n"
CLASH = "group_size = 8, vector_width = 1, neurons_per_core = 4: is larger than the chip's 4 neurons, found 8"
SLOW = "  chip.odin.times.synaptic_operation: [1 ns, 20000]\n  chip.odin.clock: [100 MHz, 100 Hz]\n"


@pytest.mark.parametrize(
    ("axes", "line", "message"),
    [
        (CHIP_AXES, 4, f"axes.chip.odin.neurons_per_core: {CLASH}"),
        (SLOW, 3, "axes.chip.odin.clock: times.synaptic_operation = 20000, clock = 100 Hz: must take at most 1 s"),
        ("  chip.odin.potential_bits: [2]\n", 2, "axes.chip.odin.potential_bits: potential_bits = 2: a potential must"),
    ],
)
def test_numbers_of_a_chip_are_looked_at_together(axes, line, message):
    text = TINY.replace("  truenorth: {}", "  odin: {}") + "axes:\n"
    (found,) = problems(text + axes)
    assert found[0] == len(TINY.splitlines()) + line
    assert found[1].startswith(message)


def test_a_value_that_is_wrong_with_all_others_is_told_at_its_own_axis():
    """Of the others, none can help it: a mesh of 4 × 8 tiles of 4 cores does not hold 200."""
    chip = TINY.replace("  truenorth: {}", "  loihi: {}")
    axes = "axes:\n  chip.loihi.cores: [64, 200]\n  chip.loihi.clock: [100 MHz, 200 MHz]\n"
    axes += "  chip.loihi.vector_width: [1, 2]\n"
    (found,) = problems(chip + axes)
    assert found[0] == len(TINY.splitlines()) + 2
    assert found[1].startswith("axes.chip.loihi.cores: cores = 200: has place for 128 cores (4×8 tiles of 4)")
    assert found[1].endswith("the chip has 200; leave out rows and columns for as many tiles as the cores need")


def test_an_all_in_energy_is_asked_for_the_other_operation_where_it_is_written():
    entry = "  truenorth: {}"
    assert entry in TINY
    measured = "chips.truenorth_allin.operation: truenorth_allin: its all-in energy was measured in real_time"
    operation = "  tn:\n    extends: truenorth_allin\n    operation: accelerated"
    right = TINY.replace(entry, "  truenorth_allin: {operation: real_time}")
    axis = "axes:\n  chip.truenorth_allin.operation: [real_time, accelerated]\nseeds:"
    for text, line, start in (
        (TINY.replace(entry, "  truenorth_allin: {}"), 11, measured),
        (TINY.replace(entry, operation), 13, "chips.tn.operation: "),
        (right.replace("seeds:", axis), 15, "axes.chip.truenorth_allin.operation: "),
    ):
        (found,) = plan_problems(text)
        assert found[0] == line
        assert found[1].startswith(start)
        assert "contains the static energy of that one; it cannot be used for operation 'accelerated'" in found[1]
    assert parse_document(right, "good.yaml", SweepSpec).chips["truenorth_allin"].operation == "real_time"


def test_an_axis_cannot_make_another_chip_of_an_entry():
    first = len(TINY.splitlines())
    axes = "axes:\n  chip.mubrain.extends: [mubrain, loihi]\n  chip.mubrain.schedules: [chip, layered]\n"
    assert problems(TINY + axes) == [
        (first + 2, "axes.chip.mubrain.extends: cannot be an axis; give each chip an entry of its own under `chips`"),
        (first + 3, "axes.chip.mubrain.schedules: cannot be an axis; the chip runs under all that its entry lists"),
    ]


def test_an_axis_may_set_apart_what_an_estimate_includes():
    """Operations of a chip whose layers do not wait are estimated with their updates, until an axis gives these."""
    entry = "  mubrain:"
    assert entry in TINY
    estimated = TINY.replace(entry, "  own: {extends: mubrain, energies: {synaptic_operation: null}}\n  mubrain:")
    axis = "axes:\n  chip.own.energies.neuron_update: [1 pJ, 2 pJ]\n"
    assert parse_document(estimated + axis, "good.yaml", SweepSpec).axes


def test_memories_are_built_for_the_widths_of_weights_that_an_axis_gives():
    """Loihi's file states a structure and weights of 9 bits, which no potential of 6 bits holds."""
    text = TINY.replace("  truenorth: {}", "  loihi: {}")
    axes = "axes:\n  chip.loihi.potential_bits: [6, 16]\n  chip.loihi.weight_bits: [%s]\n"
    assert parse_document(text + axes % "4, 6", "good.yaml", SweepSpec).axes
    clash = "potential_bits = 6, weight_bits = 9: a potential must hold at least one weight"
    assert problems(text + axes % "4, chip") == [
        (
            len(text.splitlines()) + 3,
            f"axes.chip.loihi.weight_bits: {clash}, found 6 bits of potential and 9 of weights",
        )
    ]


def test_twice_the_values_are_twice_the_work(monkeypatch: pytest.MonkeyPatch):
    work: Counter[str] = Counter()
    equal, parse = Chip.__eq__, units.parse_quantity

    def counted_equal(self: Chip, other: object) -> bool:
        work["compared"] += 1
        return equal(self, other)

    def counted_parse(text: object, unit: str) -> float:
        work["parsed"] += 1
        return parse(text, unit)

    monkeypatch.setattr(Chip, "__eq__", counted_equal)
    monkeypatch.setattr(units, "parse_quantity", counted_parse)
    done = []
    for count in (40, 80):
        values = [f"{number} fJ" for number in range(1, count + 1)]
        parse_document(f"{TINY}axes:\n  chip.mubrain.energies.synaptic_operation: {values}\n", "a.yaml", SweepSpec)
        done.append(work.copy())
        work.clear()
    few, many = done
    assert many["compared"] == 0
    assert many["parsed"] <= 2 * few["parsed"] + 50

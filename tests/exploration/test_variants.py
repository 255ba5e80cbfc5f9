from __future__ import annotations

import pytest
from mistakes_found import mistakes_of
from tiny_sweeps import axes, instead, plan_of, tiny

from codesign.exploration.definition.variants import axis_units, base_chip, chip_variants
from codesign.hardware.chip.structure import estimate
from codesign.hardware.library import find_chip


def test_values_of_one_variant_are_set_at_once():
    """In any order of the axes, although 200 cores do not fit on the tiles of the base."""
    sizes = "chip.loihi.cores: [200]", "chip.loihi.network_on_chip.rows: [8]"
    for order in (sizes, sizes[::-1]):
        (found,) = chip_variants(tiny(axes(*order), instead("loihi: {}")), "loihi")
        assert (found.value.chip.cores.value, found.value.chip.network_on_chip.rows) == (200, 8)


LOIHI = instead("loihi: {}")


@pytest.mark.parametrize(
    ("parameter", "written", "held", "unit"),
    [
        ("synchronization.times", "[1 us, 2 us]", [1e-6, 2e-6], "s"),
        ("synchronization.times", "[x0.5, 2 us]", ["x0.5", "2 us"], ""),
        ("network_on_chip.rows", "[8, 16]", [8.0, 16.0], ""),
    ],
)
def test_what_is_no_number_in_si_is_held_as_it_is_written_and_found_again_by_that(parameter, written, held, unit):
    path, parts = f"chip.loihi.{parameter}", "network_on_chip: {rows: null, columns: null}"
    spec = tiny(instead(f"loihi: {{capacity: scaled, clock: 100 MHz, {parts}}}"), axes(f"{path}: {written}"))
    assert [variant.axes for variant in chip_variants(spec, "loihi")] == [((path, value),) for value in held]
    assert axis_units(spec)[path] == unit


def test_kinds_of_synchronization_are_an_axis_and_share_what_they_execute_alike():
    words = ["asynchronous", "barrier", "neighbour", "timer 1 ms"]
    spec = tiny(axes(f"chip.loihi.synchronization: [{', '.join(words)}]"), LOIHI)
    found = chip_variants(spec, "loihi")
    assert [one.value.chip.synchronization.kind for one in found] == [word.split()[0] for word in words]
    assert [one.axes for one in found] == [(("chip.loihi.synchronization", word),) for word in words]
    points = [point for point in plan_of(spec).points if point.columns["chip"] == "loihi"]
    assert [point.columns["synchronization"] for point in points] == [word.split()[0] for word in words]
    runs = [point.jobs.execution.key for point in points]
    assert runs[1] == runs[2] == runs[3] != runs[0]
    assert len({point.jobs.cost.key for point in points}) == 4


def test_a_chip_entry_may_change_any_part_of_the_description():
    entry = """\
  quick:
    extends: loihi
    synchronization: {kind: neighbour, handshake: 20 ns}
    energies: {hop: null, hop_vertical: null}
    vector_width: 4
    mapping: balanced
    weight_bits: 4
"""
    spec = tiny(("  truenorth: {}\n", f"  loihi: {{}}\n{entry}"))
    (own,), (quick,) = chip_variants(spec, "loihi"), chip_variants(spec, "quick")
    chip = quick.value.chip
    assert (chip.name, chip.extends, chip.validation) == ("loihi_sanafe", "loihi_sanafe", ())
    assert (chip.synchronization.handshake.value, chip.energies.hop, chip.vector_width.value) == (20e-9, None, 4)
    assert (quick.value.entry.mapping, quick.value.entry.weight_bits) == ("balanced", 4)
    assert chip.energies.message == own.value.chip.energies.message
    assert (chip.weight_bits.value, own.value.chip.weight_bits.value) == (4, 9)  # its structure is stated
    # Axes start from there.
    handshakes = axes("chip.quick.synchronization.handshake: [1 ns, 2 ns]")
    varied = chip_variants(tiny(("  truenorth: {}\n", entry), handshakes), "quick")
    assert [one.value.chip.synchronization.handshake.value for one in varied] == [1e-9, 2e-9]


def test_mistakes_in_parts_of_a_description_are_told_at_the_sweeps_line():
    entry = """\
mine:
    extends: loihi
    synchronisation: {kind: neighbour}
    name: mine
    synchronization:
      kind: barrier
      scope: lyer
    energies:
      hop: 3
"""
    expected = [
        (13, "chips.mine.synchronisation: unknown key; did you mean 'synchronization'?"),
        (14, "chips.mine.name: unknown key;"),
        (17, "chips.mine.synchronization.scope: must be 'timestep' or 'layer', found 'lyer'"),
        (19, "chips.mine.energies.hop.value: needs a unit, found 3"),
    ]
    found = sorted(mistakes_of(tiny, instead(entry)))
    assert [line for line, _ in found] == [line for line, _ in expected], found
    assert all(told.startswith(start) for (_, told), (_, start) in zip(found, expected, strict=True)), found


def test_memories_of_a_chip_with_a_structure_have_the_width_of_the_weights_they_are_given():
    """ODIN's 65,536 synapses of 4 bits take half of that at 2, and its published energy falls; a chip that states no
    structure has no memories that could change."""
    both = axes("chip.odin.weight_bits: [2, 4, none]", "chip.speck.weight_bits: [2, 8]")
    spec = tiny(both, instead("odin: {}", "speck: {}"))
    narrow, own, unlimited = (one.value.chip for one in chip_variants(spec, "odin"))
    assert own == unlimited == find_chip("odin")
    assert narrow.weight_bits.value == 2
    assert narrow.e_synaptic_operation_j < own.e_synaptic_operation_j
    assert estimate(narrow).leakage_w < estimate(own).leakage_w
    assert {one.value.chip.weight_bits.value for one in chip_variants(spec, "speck")} == {8}
    fixed = instead("odin: {weight_bits: 2}")
    assert base_chip(tiny(fixed), "odin").e_synaptic_operation_j == narrow.e_synaptic_operation_j
    varied = chip_variants(tiny(fixed, axes("chip.odin.weight_bits: [chip, none, 2]")), "odin")
    assert [one.value.chip.weight_bits.value for one in varied] == [4, 4, 2]


def test_a_number_beside_the_width_of_weights_in_an_entry_holds_at_that_width():
    """It was scaled from the width of the chip's file, as it is by an axis or a trial, which come after the entry."""
    entry = "energies: {synaptic_operation: 5 pJ}"
    fixed = tiny(instead(f"odin: {{weight_bits: 2, {entry}}}"))
    assert base_chip(fixed, "odin").e_synaptic_operation_j == 5e-12
    after = tiny(instead(f"odin: {{{entry}}}"), axes("chip.odin.weight_bits: [2, 4]"))
    narrow, own = (one.value.chip.e_synaptic_operation_j for one in chip_variants(after, "odin"))
    assert narrow < own == 5e-12
    written, narrowed = after.chips["odin"], fixed.chips["odin"]
    trial = after.model_copy(update={"chips": {"odin": narrowed.of_trial(written, {})}})
    assert base_chip(trial, "odin").e_synaptic_operation_j == narrow

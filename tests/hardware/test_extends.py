"""Chips that extend others: what is inherited, what is not, and where mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import DocumentError
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.library import chip_names, chip_variant, find_chip, load_chip

BASE = """\
name: base
title: The base
description: Four cores on a board.
operating_point: 1 V
aliases: [basis]
citation: paper
sources: {paper: {citation: A paper}}
cores: {value: 4, confidence: stated, source: paper}
clock: 10 MHz
synchronization:
  kind: barrier
  scope: timestep
  times: {by_tiles: {1: 1 us, 4: 3 us}, confidence: measured, source: paper, note: on a board}
energies:
  synaptic_operation:
    value: 5 pJ
    range: [4 pJ, 6 pJ]
    per: operation
    includes: [spike]
    confidence: measured
    source: paper
    note: at room temperature
    quote: 5 pJ a synaptic event
  neuron_update: {value: 2 pJ, counted: active_neurons, confidence: stated, source: paper}
  hop: 1 pJ
times: {synaptic_operation: {cycles: 2, confidence: stated, source: paper}}
network_on_chip: {shape: mesh, rows: 2, columns: 2, cores_per_tile: 1}
validation:
  - {name: a run, workload: a lot, energy: 1 uJ, confidence: measured, source: paper}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    return tmp_path


def variant(text: str, extends: str = "base") -> str:
    Path("mine.yaml").write_text(f"name: mine\nextends: {extends}\n{text}", encoding="utf-8")
    return "mine.yaml"


def mistakes(text: str, extends: str = "base") -> list[str]:
    with pytest.raises(DocumentError) as error:
        load_chip(Path(variant(text, extends)))
    return [f"{problem.file}:{problem.line}: {problem.message}" for problem in error.value.problems]


@pytest.mark.parametrize("extends", ["base", "./base.yaml"])
def test_what_it_does_not_say_is_the_bases(folder: Path, extends: str) -> None:
    base, mine = load_chip(Path("base.yaml")), load_chip(Path(variant("vector_width: 8\n", extends)))
    assert (mine.name, mine.title, mine.aliases, mine.validation, mine.extends) == ("mine", "mine", (), (), "base")
    assert (base.description, mine.description, mine.operating_point) == ("Four cores on a board.", "", "not stated")
    assert mine.vector_width.value == 8
    names = {name: number for name in ("energies", "times", "cores", "clock") if (number := getattr(base, name))}
    assert {name: getattr(mine, name) for name in names} == names


def test_a_new_value_keeps_what_it_is_a_number_of_and_loses_where_the_old_one_came_from(folder: Path) -> None:
    text = """\
energies:
  synaptic_operation: 7 pJ
  neuron_update: {value: 3 pJ, confidence: measured, source: board}
  hop: null
times: {synaptic_operation: 3}
sources: {board: {citation: A board}}
"""
    mine = load_chip(Path(variant(text)))
    operation, update = mine.energies.synaptic_operation, mine.energies.neuron_update
    assert (operation.value, operation.per, operation.includes) == (7e-12, "operation", ("spike",))
    assert (operation.source, operation.note, operation.quote, operation.range) == ("own", "", "", None)
    assert (update.counted, update.source) == ("active_neurons", "board")
    assert mine.energies.hop is None
    assert (mine.times.synaptic_operation.cycles, mine.times.synaptic_operation.source) == (3, "own")
    assert set(mine.sources) == {"paper", "board", "own"}
    # A remark alone leaves the number what it was.
    remark = load_chip(Path(variant("energies: {synaptic_operation: {note: at 25 °C}}\n"))).energies.synaptic_operation
    assert (remark.value, remark.note, remark.source) == (5e-12, "at 25 °C", "paper")


def test_null_takes_whole_parts_out_of_an_entry(folder: Path) -> None:
    """In a file `remove` does, and a part whose lines are all commented out is a mistake."""
    parts = dict.fromkeys(("times", "static_power", "power_gating", "can_flush", "supports"))
    mine = chip_variant("./base.yaml", parts)
    assert isinstance(mine, Chip)
    assert (mine.times.given, mine.can_flush, mine.energies.hop.value) == ({}, "unknown", 1e-12)
    assert "times: must be a mapping of" in mistakes("times:\n")[0]


def test_another_kind_of_synchronization_keeps_what_both_have(folder: Path) -> None:
    by_layer = load_chip(Path(variant("synchronization: {scope: layer}\n"))).synchronization
    assert (by_layer.scope, by_layer.times.of(4)) == ("layer", 3e-6)
    faster = load_chip(Path(variant("synchronization: {times: 2 us}\n"))).synchronization
    assert (faster.times.by_tiles, faster.times.note, faster.times.source) == ({1: 2e-6}, "", "own")
    neighbour = load_chip(Path(variant("synchronization: {kind: neighbour, handshake: 5 ns}\n")))
    assert neighbour.synchronization.handshake.value == 5e-9
    # A group size belongs to chips whose layers do not wait: the new kind takes it away unless it is given again.
    grouped = variant("synchronization: {kind: asynchronous}\ngroup_size: 3\n")
    Path("grouped.yaml").write_text(Path(grouped).read_text(encoding="utf-8").replace("mine", "grouped"))
    assert load_chip(Path("grouped.yaml")).group_size.value == 3
    back = "synchronization: {kind: barrier, scope: layer}\n"
    assert load_chip(Path(variant(back, "grouped"))).group_size is None
    assert load_chip(Path(variant("synchronization: {kind: clocked}\n", "grouped"))).group_size.value == 3
    assert "mine.yaml:4: group_size: a barrier chip has none" in mistakes(f"{back}group_size: 5\n", "grouped")[0]


def test_room_for_weights_in_one_form_takes_the_place_of_the_other(folder: Path) -> None:
    bits = variant("weight_bits: 8\nweight_memory: 4096\n")
    Path("bits.yaml").write_text(Path(bits).read_text(encoding="utf-8").replace("mine", "bits"))
    given = load_chip(Path("bits.yaml"))
    mine = load_chip(Path(variant("synapses_per_core: 100\n", "bits")))
    for chip in (mine, with_parameter(given, "synapses_per_core", 100)):
        assert (chip.synapses_per_core.value, chip.weight_memory) == ((100,), None)
    assert with_parameter(mine, "weight_memory", 4096).synapses_per_core is None
    both = "synapses_per_core: 100\nweight_memory: 4096\n"
    assert mistakes(both, "bits") == [
        "mine.yaml:4: weight_memory: is given together with synapses_per_core; keep the one that is known"
    ]


def test_mistakes_stand_where_they_were_written(folder: Path) -> None:
    text = """\
energies: {synaptic_operation: {value: 1}}
remove: [clock, energies.spike]
synchronization: {kind: timer}
"""
    assert mistakes(text) == [
        "mine.yaml:3: energies.synaptic_operation.value: needs a unit, found 1; write for example '26 pJ'",
        "mine.yaml:4: remove.1: there is no 'energies.spike' to remove; allowed: hop, neuron_update, "
        "synaptic_operation",
        "mine.yaml:5: 'synchronization.overload' is missing",
        "mine.yaml:5: 'synchronization.tick' is missing",
    ]
    needs = "times.synaptic_operation.cycles: needs the chip's clock"
    assert mistakes("remove: [clock]\n") == [f"base.yaml:26: {needs}"]
    assert "weight_memory: must be a whole number of bits" in mistakes("weight_memory: 64 KB\nweight_bits: 8\n")[0]
    assert mistakes("", "bse")[0].startswith("mine.yaml:2: extends: unknown chip 'bse'; did you mean ")
    wrong = "extends: must be the name of a chip or the path of its file, found a list"
    assert mistakes("", "[base]") == [f"mine.yaml:2: {wrong}"]


@settings(max_examples=20)
@given(st.sampled_from(chip_names()), st.data())
def test_parts_of_a_chip_over_itself_change_nothing(name: str, data: st.DataObject) -> None:
    """Merging what a file says over what it says gives the same description, but for the measurements."""
    chip = find_chip(name)
    written = yaml.safe_load(next(Path(__file__).parents[2].glob(f"chips/{name}.yaml")).read_text(encoding="utf-8"))
    usable = sorted(
        {"cores", "energies", "times", "static_power", "synchronization", "sources", "clock"} & set(written)
    )
    parts = {key: written[key] for key in data.draw(st.sets(st.sampled_from(usable)))}
    same = chip_variant(name, parts)
    left_out = {"validation", "extends", "model_error", "sources"}  # those of measurements go with them
    assert same.model_dump(exclude=left_out) == chip.model_dump(exclude=left_out)

"""Chip files of one's own, which say no more than they must."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from handmade_hardware import Builder, cost_of, near, shape_of
from mistakes_found import mistakes_of

import codesign as cd
from codesign.documents import parse_document
from codesign.hardware.cost.uncertainty import uncertainty_columns

PAGE = (Path(__file__).parents[2] / "docs" / "chips.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

OWN = """\
name: mine
cores: 2
neurons_per_core: [64, 32]
clock: 100 MHz
vector_width: all
weights: {signed: false}
weight_bits: 8
synchronization: {kind: barrier, scope: timestep, times: 2 us}
sources: {paper: {citation: a paper}}
energies: {synaptic_operation: 3 pJ, neuron_update: {value: 1 pJ, range: [0.5 pJ, 2 pJ]}, \
message: {value: 3 pJ, source: paper}, neuron_access: {value: 1 pJ, confidence: measured}}
times: {synaptic_operation: 5 ns, neuron_update: 3, output: 2 cycles}
"""
STATED = "confidence: stated, source: own"
ESTIMATED = "confidence: estimated, source: own"
WRITTEN_OUT = f"""\
name: mine
title: mine
citation: own
operating_point: not stated
sources: {{own: {{citation: the chip's own file}}, paper: {{citation: a paper}}}}
can_flush: unknown
can_end_sample: unknown
cores: {{value: 2, {STATED}}}
neurons_per_core: {{value: [64, 32], {STATED}}}
clock: {{value: 100 MHz, {STATED}}}
vector_width: {{value: all, {STATED}}}
weights: {{signed: false, {ESTIMATED}}}
weight_bits: {{value: 8, {STATED}}}
synchronization: {{kind: barrier, scope: timestep, times: {{by_tiles: {{1: 2 us}}, {ESTIMATED}}}}}
energies:
  synaptic_operation: {{value: 3 pJ, all_in: false, {ESTIMATED}}}
  neuron_update: {{value: 1 pJ, range: [0.5 pJ, 2 pJ], counted: evaluations, {ESTIMATED}}}
  message: {{value: 3 pJ, confidence: estimated, source: paper}}
  neuron_access: {{value: 1 pJ, confidence: measured, source: own}}
times:
  synaptic_operation: {{value: 5 ns, {ESTIMATED}}}
  neuron_update: {{cycles: 3, {ESTIMATED}}}
  output: {{cycles: 2, {ESTIMATED}}}
description: ""
"""


def test_bare_values_stand_for_numbers_that_the_file_itself_states() -> None:
    assert parse_document(OWN, "mine.yaml", cd.Chip) == parse_document(WRITTEN_OUT, "mine.yaml", cd.Chip)


def test_a_chip_made_in_python_is_that_of_a_file() -> None:
    said = yaml.safe_load(OWN)
    assert cd.Chip(**said) == parse_document(OWN, "mine.yaml", cd.Chip)
    truenorth = cd.find_chip("truenorth")  # some of its numbers are derived
    assert cd.Chip(**truenorth.model_dump()) == truenorth


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vector_width: 0", "vector_width: must be greater than 0, or 'all', found 0"),
        ("technology_node: 28", "technology_node: needs a unit, found 28; write for example '28 nm'"),
        ("energies: {spike: 3 ps}", "energies.spike: must be a quantity in J such as '26 pJ', found '3 ps'"),
        ("cores:", "cores: must be a whole number, found nothing"),
        ("technology_node: 28 um", "technology_node: must be at most 10 µm, found 28 µm"),
        ("technology_node: 28 pm", "technology_node: must be at least 1 nm, found 28 pm"),
        ("clock: 200 mHz", "clock: must be at least 1 Hz, found 200 mHz"),
        ("energies: {spike: -1 pJ}", "energies.spike: must be greater than or equal to 0, found '-1 pJ'"),
        (
            "energies: {spike: {value: 2 pJ, range: [3 pJ, 4 pJ]}}",
            "energies.spike: range must hold the value 2 pJ, found 3 pJ to 4 pJ",
        ),
        (
            "energies: {spike: {range: [1 pJ, 5 pJ]}}",
            "energies.spike: needs a 'value' within its range, such as its geometric mean, 2.2 pJ",
        ),
        (
            "synchronization: {kind: barier}",
            "synchronization.kind: must be 'asynchronous', 'barrier', 'timer', 'clocked' or 'neighbour', "
            "found 'barier'; did you mean 'barrier'?",
        ),
        ("synchronization: {kind: barrier, times: 5 s}", "times: must be at most 1 s, found 5 s"),
        (
            "synchronization: {kind: timer, tick: 1 ms, ticks_per_timestep: 0, overload: skip}",
            "synchronization.overload: must be 'stretch' or 'drop', found 'skip'",
        ),
        ("name: My Chip", "name: must be lower-case letters, digits and '_', beginning with a letter or digit, found"),
    ],
)
def test_a_wrong_bare_value_is_named_with_its_line(line: str, message: str) -> None:
    needed = ("name: mine", "synchronization: {kind: clocked}", "cores: 4")
    lines = [given for given in needed if given.partition(":")[0] != line.partition(":")[0]]
    told = mistakes_of(parse_document, "\n".join([*lines, line]), "mine.yaml", cd.Chip)
    assert any(at == len(lines) + 1 and message in text for at, text in told), told


def test_the_ten_lines_of_the_documents_give_energy_latency_and_area_with_ranges(tmp_path: Path) -> None:
    text = BLOCKS[0]
    assert len(text.splitlines()) == 10
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    execution = Builder(topology="5-60-2").message(-1, 0, 3).update(0, 0, 60, 2).message(1, 1, 2).build()
    cost = cost_of(execution, cd.load_chip(str(file)))  # as the documents call it
    columns = cost.columns() | uncertainty_columns(cost)
    assert columns["energy_j"] > 0
    assert min(columns["energy_draws_j"]) < columns["energy_j"] < max(columns["energy_draws_j"])
    assert min(columns["latency_draws_s"]) < columns["latency_s"] < max(columns["latency_draws_s"])
    assert columns["area_low_m2"] == near(columns["area_m2"] / 2.5)
    assert columns["area_high_m2"] == near(columns["area_m2"] * 2.5)


def test_the_measurements_of_the_documents_are_recomputed(tmp_path: Path) -> None:
    """5 nJ beside 2,000 operations at 3 pJ and 40 spikes at 2 pJ: 6.08 nJ."""
    (text,) = (block for block in BLOCKS if block.startswith("validation:"))
    energies = "energies: {synaptic_operation: 3 pJ, spike: 2 pJ, neuron_update: 1 pJ}"
    (tmp_path / "mine.yaml").write_text(f"{OWN}{text}".replace(re.search("energies: .*", OWN)[0], energies))
    chip = cd.load_chip(tmp_path / "mine.yaml")
    assert {(one.source, one.confidence, one.workload) for one in chip.validation} == {("own", "measured", "")}
    assert "own" in chip.sources
    energy, latency = cd.validate(chip)
    assert (energy.model_low, energy.reason) == (near(6.08e-9), "")
    assert latency.model_low is not None


def test_the_variant_of_the_documents_is_one(tmp_path: Path) -> None:
    (text,) = (block for block in BLOCKS if block.startswith("name: ") and "\nextends: " in block)
    file = tmp_path / "loihi_neighbour.yaml"
    file.write_text(text)
    assert cd.load_chip(file).extends == "loihi_davies2018"


def test_layers_that_share_a_core_without_leave_are_an_assumption() -> None:
    chip = parse_document(OWN, "mine.yaml", cd.Chip)

    def told(topology: str) -> list[str]:
        assumptions = cd.place(shape_of(topology), chip).assumptions
        return [text for text in assumptions if "two layers" in text]

    assert told("8-32-32") == ["mine does not state whether two layers may share a core; here they do"]
    assert told("8-64-32") == []

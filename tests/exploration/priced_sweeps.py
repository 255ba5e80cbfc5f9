"""A sweep of tiny models on made-up chips, one a kind of synchronization, and price files for it."""

from __future__ import annotations

from pathlib import Path

from handmade_hardware import HEAD, STATED, SYNCHRONIZATIONS, group, mesh, number
from tiny_sweeps import arguments

from codesign.documents import parse_document
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.pricing.grid import PricingProblem
from codesign.exploration.pricing.models import prepare
from codesign.exploration.pricing.space import PriceSpace, build_space
from codesign.exploration.pricing.spec import PricingSpec, narrowed_sweep
from codesign.exploration.runs.progress import Progress

ENERGIES = group(
    "energies",
    synaptic_operation=number("10 pJ", all_in="false"),
    neuron_update=number("3 pJ", counted="evaluations"),
    message="30 pJ",
    hop="4 pJ",
    clock_cycle="7 pJ",
)
TIMES = group(
    "times",
    synaptic_operation="30 ns",
    message=f"{{cycles: 3, {STATED}}}",
    neuron_update=f"{{cycles: 2, {STATED}}}",
    output="20 ns",
    hop="5 ns",
)


def chip_text(name: str, synchronization: str) -> str:
    return f"""{HEAD.replace("name: tiny", f"name: {name}")}
cores: {number(8)}
neurons_per_core: {number(16)}
layers_share_core: false
clock: {number("50 MHz")}
vector_width: {number(2)}
synchronization: {synchronization}
static_power: {{chip: {number("1 mW")}}}
{mesh(2, 4)}{ENERGIES}{TIMES}"""


STRUCTURE = """\
technology_node: 28 nm
supply_voltage: 0.8 V
synapses_per_core: 2048
weight_bits: 8
potential_bits: 16
structure: {memory: sram}
"""
"""Area, leakage and the times of operations, updates and outputs follow from it; all else is given."""


def structured_text() -> str:
    """A chip whose prices follow its structure."""
    text = chip_text("structured", SYNCHRONIZATIONS["barrier"]).replace(
        f"static_power: {{chip: {number('1 mW')}}}\n", STRUCTURE
    )
    times = ("synaptic_operation: {value: 30 ns", "neuron_update: {cycles: 2", "output: {value: 20 ns")
    left_out = [f"  {time}, {STATED}}}\n" for time in times]
    for line in left_out:
        assert line in text
        text = text.replace(line, "")
    return text


SWEEP = """\
name: priced
title: Priced
workload: {{name: digits, timesteps: 3, train: 60, validation: 20, test: 40}}
network: {{hidden: "20-8"}}
preset: nmnist
recipe_defaults: {{epochs: 1, batch_size: 30, learning_rate: 5.0e-3}}
recipes:
  layered: {{method: layered}}
  unlayered: {{method: unlayered, policy: random, group_size: 4}}
chips:
{chips}
seeds: {{training: [0, 1]}}
"""

OBJECTIVES = "objectives: [{column: accuracy}, {column: energy_j}, {column: latency_s}, {column: vector_width}]\n"


def write_sweep(folder: Path) -> Path:
    """Write the chips and their sweep, one more with a structure; each chip has an entry for each operation."""
    entries = []
    texts = {kind: chip_text(kind, synchronization) for kind, synchronization in SYNCHRONIZATIONS.items()}
    for kind, text in {**texts, "structured": structured_text()}.items():
        path = folder / f"{kind}.yaml"
        path.write_text(text, encoding="utf-8")
        for operation in ("accelerated", "real_time"):
            entries.append(f"  {kind}_{operation}: {{extends: {path}, operation: {operation}}}")
    sweep = folder / "priced.yaml"
    sweep.write_text(SWEEP.format(chips="\n".join(entries)), encoding="utf-8")
    return sweep


def changed_sweep(folder: Path, old: str, new: str) -> Path:
    """A sweep beside that of the folder, with a piece of its text replaced."""
    path = folder / "changed.yaml"
    path.write_text((folder / "priced.yaml").read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path


def price_file(place: Path, chip: str, body: str, *, more: str = "") -> str:
    """The text of a price file over the sweep in a folder, or over another one."""
    sweep = place / "priced.yaml" if place.is_dir() else place
    return f"name: prices\nsweep: {sweep}\nchip: {chip}\nschedule: chip\n{more}{body}"


def read_prices(text: str) -> PricingSpec:
    return parse_document(text, "prices.yaml", PricingSpec)


def spec_of(place: Path, chip: str, body: str, *, more: str = "") -> PricingSpec:
    return read_prices(price_file(place, chip, body, more=more))


def space_of(spec: PricingSpec) -> PriceSpace:
    return build_space(base_chip(narrowed_sweep(spec), spec.chip), spec.axes, spec.linked)


def problem_of(spec: PricingSpec, folder: Path, cache_root: Path) -> PricingProblem:
    """The problem of a price file, its executions from the store in `folder`."""
    return prepare(spec, arguments(folder, cache_root, Progress()))

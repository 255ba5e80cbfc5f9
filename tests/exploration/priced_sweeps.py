"""A sweep of tiny models on four made-up chips, one a kind of synchronization, and price files for it."""

from __future__ import annotations

from pathlib import Path

from codesign.documents import parse_document
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.pricing.grid import Problem
from codesign.exploration.pricing.models import prepare
from codesign.exploration.pricing.spec import PricingSpec
from codesign.exploration.store import Store

KINDS = {
    "asynchronous": "{kind: asynchronous}",
    "clocked": "{kind: clocked}",
    "barrier": "{kind: barrier, scope: timestep, times: {by_tiles: {1: 2 us, 2: 3 us, 8: 4 us}, confidence: stated, "
    "source: made_up}, least_step: {cycles: 30, confidence: stated, source: made_up}}",
    "timer": "{kind: timer, tick: {value: 20 us, confidence: stated, source: made_up}, overload: stretch}",
}

CHIP = """\
name: {kind}
title: A chip for tests
description: made up
citation: made_up
operating_point: on paper
sources: {{made_up: {{citation: made up for tests}}}}
can_flush: "yes"
supports: {{leak: "yes", reset: [zero, subtract]}}
cores: {{value: 8, confidence: stated, source: made_up}}
neurons_per_core: {{value: 16, confidence: stated, source: made_up}}
layers_share_core: false
clock: {{value: 50 MHz, confidence: stated, source: made_up}}
vector_width: {{value: 2, confidence: stated, source: made_up}}
synchronization: {synchronization}
network_on_chip: {{shape: mesh, rows: 2, columns: 4, cores_per_tile: 1, confidence: stated, source: made_up}}
energies:
  synaptic_operation: {{value: 10 pJ, all_in: false, confidence: stated, source: made_up}}
  neuron_update: {{value: 3 pJ, counted: evaluations, confidence: stated, source: made_up}}
  message: {{value: 30 pJ, confidence: stated, source: made_up}}
  hop: {{value: 4 pJ, confidence: stated, source: made_up}}
  clock_cycle: {{value: 7 pJ, confidence: stated, source: made_up}}
static_power: {{value: 1 mW, confidence: stated, source: made_up}}
times:
  synaptic_operation: {{value: 30 ns, confidence: stated, source: made_up}}
  message: {{cycles: 3, confidence: stated, source: made_up}}
  neuron_update: {{cycles: 2, confidence: stated, source: made_up}}
  output: {{value: 20 ns, confidence: stated, source: made_up}}
  hop: {{value: 5 ns, confidence: stated, source: made_up}}
"""

SWEEP = """\
name: priced
title: Priced
workload: {{name: digits, timesteps: 3, train: 60, validation: 20, test: 12}}
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
    """Write the chips and their sweep; each chip has an entry for each operation."""
    entries = []
    for kind, synchronization in KINDS.items():
        path = folder / f"{kind}.yaml"
        path.write_text(CHIP.format(kind=kind, synchronization=synchronization), encoding="utf-8")
        for operation in ("accelerated", "real_time"):
            entries.append(f"  {kind}_{operation}: {{chip: {path}, operation: {operation}}}")
    crossbar = CHIP.format(kind="crossbar", synchronization=KINDS["asynchronous"]).replace("{value: 16,", "{value: 24,")
    (folder / "crossbar.yaml").write_text(crossbar + "crossbar: true\n", encoding="utf-8")
    entries.append(f"  crossbar: {{chip: {folder / 'crossbar.yaml'}}}")
    sweep = folder / "priced.yaml"
    sweep.write_text(SWEEP.format(chips="\n".join(entries)), encoding="utf-8")
    return sweep


def price_file(sweep: Path, chip: str, body: str, *, more: str = "") -> str:
    """The text of a price file."""
    return f"name: prices\nsweep: {sweep}\nchip: {chip}\nschedule: chip\n{more}{body}"


def spec_of(text: str) -> PricingSpec:
    return parse_document(text, "prices.yaml", PricingSpec)


def problem_of(spec: PricingSpec, folder: Path, cache_root: Path) -> Problem:
    """The problem of a price file, its executions from the store in `folder`."""
    return prepare(spec, store=Store(folder / "store"), executor=SerialExecutor(), cache_root=cache_root)

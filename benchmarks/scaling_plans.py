"""Large plans, and jobs that do nothing, for `scaling.py`."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any

from codesign.documents import parse_document
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.executors.base import Failure
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.jobs.store import Entry
from codesign.exploration.plan import Plan
from codesign.exploration.planning import build_plan
from codesign.workload.dataset import WorkloadOutline

_SWEEP = """\
name: scaling_{kind}
workload: {{name: digits}}
network: {{hidden: "[64x3]"}}
preset: nmnist
recipes:
{recipes}
chips:
  mubrain: {{capacity: scaled, schedules: [asynchronous]}}
schedules:
  asynchronous: {{policy: momentum, group_size: 8, stop: on_output}}
seeds: {{training: {seeds}}}
axes:
{axes}
objectives:
  - {{column: accuracy, direction: maximize}}
  - {{column: energy_j, direction: minimize}}
"""

# What jobs leave, as long as on the digits workload with a network of [64x3]: a model, an execution, a price.
MODEL = bytes(170_000)
EXECUTION = bytes(60_000)
PRICE = json.dumps(
    {
        "accuracy": 0.5,
        "spike_density": 1.0,
        "energy_j": 1e-9,
        "energy_coverage": ["synaptic_operation"],
        "assumptions": [],
        "term_draws": [0.123456] * 540,
    }
).encode()


def large_sweep(kind: str, jobs: int) -> SweepSpec:
    """A sweep of at least so many jobs.

    `trainings`: a seventh each of trainings, of executions, the same in floats and layered, and of the pricing of each.
    `prices`: a thousand prices of each execution, 64 of which are a job for a worker; every price counts here.
    """
    if kind == "trainings":
        rates, seeds = 100, max(1, math.ceil(jobs / 700))
        recipes = "  unlayered: {method: unlayered, policy: random, group_size: 8}"
        axes = f"  recipe.unlayered.learning_rate: {[round(1e-4 * (1 + i), 6) for i in range(rates)]}"
    else:
        seeds = max(1, math.ceil(jobs / 2000))
        recipes = "  layered: {method: layered}\n  unlayered: {method: unlayered, policy: random, group_size: 8}"
        energies = ", ".join(f"{i + 1} pJ" for i in range(1000))
        axes = f"  chip.mubrain.energies.synaptic_operation: [{energies}]"
    text = _SWEEP.format(kind=kind, recipes=recipes, seeds=list(range(seeds)), axes=axes)
    return parse_document(text, "scaling.yaml", SweepSpec)


def plan_of(spec: SweepSpec) -> Plan:
    """Its plan on 16 × 16 pixels of two polarities, without data."""
    outline = WorkloadOutline(fingerprint="0" * 64, input_grid=(2, 16, 16), classes=10, timesteps=10, timestep_s=0.01)
    return build_plan(spec, outline)


def null_train(inputs: TrainInputs, workload: object, report: object = None) -> Entry:
    """In place of `run_train`."""
    return Entry(payload=MODEL, facts={"trained_epochs": 1})


def null_execute(inputs: ExecuteInputs, model: bytes, workload: object) -> Entry:
    """In place of `run_execute`."""
    return Entry(payload=EXECUTION, facts={"samples": 1})


def null_assess(execution: bytes, wanted: Sequence[SummaryInputs | CostInputs]) -> tuple[Entry | Failure, ...]:
    """In place of `run_assess`."""
    return tuple(Entry(payload=PRICE, facts={}) for _ in wanted)


def sleep_for(seconds: float, answer: bytes) -> bytes:
    """A job that takes a core in Ray's books and none of the machine."""
    time.sleep(seconds)
    return answer


def spin_for(seconds: float) -> int:
    """A job that computes for so long of its own processor's time, however busy the machine is."""
    end, turns = time.process_time() + seconds, 0
    while time.process_time() < end:
        turns += sum(range(1000))
    return turns


def replace_jobs(runner: Any) -> None:
    """Have a module `codesign.exploration.runner` run jobs that do nothing."""
    runner.run_train, runner.run_execute, runner.run_assess = null_train, null_execute, null_assess

"""Sweeps small enough to run in a test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from mistakes_found import mistakes_of

from codesign.documents import parse_document
from codesign.errors import TrainingDivergedError
from codesign.exploration import runner
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.executors.base import Failure
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.jobs.jobs import TrainInputs
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.plan import Plan, PlannedPoint
from codesign.exploration.planning import build_plan
from codesign.exploration.running import RunArguments
from codesign.exploration.runs.progress import Progress
from codesign.exploration.sweep import SweepOutcome, run_sweep
from codesign.exploration.work import Job
from codesign.exploration.workloads import Workloads
from codesign.workload.dataset import WorkloadOutline

TINY = """\
name: tiny
title: Tiny
workload: {name: digits, timesteps: 3, train: 60, validation: 20, test: 20}
network: {hidden: "12-8"}
preset: nmnist
recipe_defaults: {epochs: 1, batch_size: 30, learning_rate: 5.0e-3}
recipes:
  layered: {method: layered}
chips:
  mubrain: {capacity: scaled, schedules: [layered, asynchronous]}
  truenorth: {}
schedules:
  asynchronous: {policy: random, group_size: 4}
seeds: {training: [0]}
"""

LAYERED = "  layered: {method: layered}"
"""Its recipe."""
SEEDS = "seeds: {training: [0]}\n"
"""Its last line."""

PRICES = """\
name: prices
sweep: ./tiny.yaml
chip: mubrain
schedule: asynchronous
axes:
  energies.synaptic_operation: {from: 1 pJ, to: 100 pJ, points: 5}
"""
"""A price file over it."""


def replaced(text: str, changes: Iterable[tuple[str, str]]) -> str:
    """A text with pieces of it replaced."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def text_of(*changes: tuple[str, str]) -> str:
    """The text of the tiny sweep with pieces of it replaced."""
    return replaced(TINY, changes)


def tiny(*changes: tuple[str, str]) -> SweepSpec:
    return parse_document(text_of(*changes), "tiny.yaml", SweepSpec)


def axes(*lines: str) -> tuple[str, str]:
    """The change that adds axes."""
    return SEEDS, "\n  ".join((f"{SEEDS}axes:", *lines)) + "\n"


def beside(*recipes: str) -> tuple[str, str]:
    """The change that adds recipes to the layered one."""
    return LAYERED, "\n  ".join((LAYERED, *recipes))


def instead(*chips: str) -> tuple[str, str]:
    """The change that puts other chips in the place of TrueNorth."""
    return "  truenorth: {}", "\n".join(f"  {chip}" for chip in chips)


def problems(text: str) -> list[tuple[int, str]]:
    """Line and message of every mistake in the text of a sweep."""
    return mistakes_of(parse_document, text, "bad.yaml", SweepSpec)


def outline(**changes: Any) -> WorkloadOutline:
    """A workload of 16 × 16 pixels of two polarities, with parts replaced."""
    parts = {"input_grid": (2, 16, 16), "classes": 10, "timesteps": 10, "timestep_s": 0.01, **changes}
    return WorkloadOutline(**{"fingerprint": "0" * 64, **parts})


def plan_of(spec: SweepSpec) -> Plan:
    """Its plan on 16 × 16 pixels of two polarities, without looking at data."""
    return build_plan(spec, outline())


UNLAYERED = beside("rs: {method: unlayered, policy: random}")


def keys(spec: SweepSpec) -> dict[str, set[str]]:
    """Keys of all its jobs, by kind."""
    jobs = plan_of(spec).jobs
    return {
        "train": {job.execution.model.key for job in jobs},
        "execute": {one.execution.key for job in jobs for one in job.evaluations},
        "summary": {one.summary.key for job in jobs for one in job.evaluations},
        "cost": {job.cost.key for job in jobs},
    }


def counts(spec: SweepSpec) -> dict[str, int]:
    """Number of different jobs, by kind."""
    return {kind: len(found) for kind, found in keys(spec).items()}


def feasible(spec: SweepSpec, **columns: Any) -> list[PlannedPoint]:
    """The points of its plan that a chip can execute, with these columns."""
    points = (point for point in plan_of(spec).points if point.jobs is not None)
    return [point for point in points if all(point.columns[name] == value for name, value in columns.items())]


def changed(spec: SweepSpec, base: SweepSpec) -> set[str]:
    """Kinds of job whose keys differ."""
    ours, theirs = keys(spec), keys(base)
    return {kind for kind in ours if ours[kind] != theirs[kind]}


CHIP = "  mubrain: {capacity: scaled, schedules: [layered, asynchronous]}"


def with_part(text: str) -> tuple[str, str]:
    """The change that says something else of `mubrain` than its file."""
    return CHIP, CHIP.replace("]}", f"], {text}}}")


OWN_CHIP = """\
name: own
title: Made up
description: for a test
citation: made_up
operating_point: on paper
sources: {made_up: {citation: made up}}
cores: {value: 2, confidence: stated, source: made_up}
layers_share_core: true
can_flush: "no"
vector_width: {value: 2, confidence: stated, source: made_up}
synchronization: {kind: asynchronous}
times:
  synaptic_operation: {value: 1 ns, confidence: stated, source: made_up}
  neuron_update: {value: 1 ns, confidence: estimated, source: made_up}
  output: {value: 1 ns, confidence: stated, source: made_up}
  message: {value: 1 ns, confidence: stated, source: made_up}
"""
OWN_WEIGHTS = """\
weight_bits: {value: 3, confidence: stated, source: made_up}
weights: {signed: false, scale: network, confidence: stated, source: made_up}
potential_bits: {value: 6, confidence: stated, source: made_up}
potential_fraction_bits: {value: 2, confidence: stated, source: made_up}
"""


class Recording(Progress):
    """Remembers what ran."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.failures: list[Failure] = []
        self.notes: list[str] = []

    def finished(self, job: Job, wall_s: float, results: int = 1) -> None:
        super().finished(job, wall_s, results)
        self.ran.append(f"{job.kind} {job.label}")

    def failed(self, job: Job, failure: Failure) -> None:
        super().failed(job, failure)
        self.failures.append(failure)

    def part_failed(self, job: Job, failure: Failure) -> None:
        super().part_failed(job, failure)
        self.failures.append(failure)

    def note(self, text: str) -> None:
        super().note(text)
        self.notes.append(text)

    def kinds(self) -> list[str]:
        return [job.split()[0] for job in self.ran]


def arguments(folder: Path | str, cache_root: Path, progress: Progress, **options: Any) -> RunArguments:
    """What a run with its store in `folder`, which may be a URL, is given; `options` are further `RunArguments`, and
    `output` is in the folder."""
    names = ("store", options.pop("output", "out"))
    store, output = (folder / name if isinstance(folder, Path) else f"{folder}/{name}" for name in names)
    return RunArguments(
        store=Store(store, on_damage=progress.note),
        output=output,
        progress=progress,
        workloads=Workloads(cache_root=cache_root),
        **{"executor": SerialExecutor(), **options},
    )


def run(
    spec: SweepSpec, folder: Path | str, cache_root: Path, *, progress: Recording | None = None, **options: Any
) -> tuple[SweepOutcome, Recording]:
    """Run a sweep with `arguments`."""
    progress = progress or Recording()
    again = f"codesign sweep {spec.name}"
    return run_sweep(spec, arguments(folder, cache_root, progress, again=again, **options)), progress


def let_trainings_diverge(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Let every training by a method diverge, until this is undone."""
    original = runner.run_train

    def diverge(inputs: TrainInputs, *arguments: Any, **options: Any) -> Entry:
        if inputs.recipe.method == method:
            raise TrainingDivergedError("the loss became nan")
        return original(inputs, *arguments, **options)

    monkeypatch.setattr(runner, "run_train", diverge)

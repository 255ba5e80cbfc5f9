"""Sweeps small enough to run in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codesign.documents import parse_document
from codesign.exploration.executors.base import Executor, Failure
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.plan import Plan, build_plan
from codesign.exploration.runs.progress import Progress
from codesign.exploration.spec import SweepSpec
from codesign.exploration.store import Store
from codesign.exploration.sweep import SweepOutcome, run_sweep
from codesign.exploration.work import Work
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
  mubrain_fitted: {capacity: scaled, schedules: [layered, asynchronous]}
  truenorth: {}
schedules:
  asynchronous: {policy: random, group_size: 4}
seeds: {training: [0]}
"""


def tiny(*changes: tuple[str, str]) -> SweepSpec:
    """The tiny sweep with pieces of its text replaced."""
    text = TINY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_document(text, "tiny.yaml", SweepSpec)


def outline(**changes: Any) -> WorkloadOutline:
    """A workload of 16 × 16 pixels of two polarities, with parts replaced."""
    parts = {"input_grid": (2, 16, 16), "classes": 10, "timesteps": 10, "timestep_s": 0.01, **changes}
    return WorkloadOutline(**{"fingerprint": "0" * 64, **parts})


def plan_of(spec: SweepSpec) -> Plan:
    """Its plan on 16 × 16 pixels of two polarities, without looking at data."""
    return build_plan(spec, outline())


UNLAYERED = ("  layered: {method: layered}", "  layered: {method: layered}\n  rs: {method: unlayered, policy: random}")


def keys(spec: SweepSpec) -> dict[str, set[str]]:
    """Keys of all its jobs, by kind."""
    jobs = [point.jobs for point in plan_of(spec).points if point.jobs is not None]
    return {
        "train": {job.execution.model.key for job in jobs},
        "execute": {one.key for job in jobs for one in job.executions},
        "summary": {one.key for job in jobs for one in job.summaries},
        "cost": {job.cost.key for job in jobs},
    }


def changed(spec: SweepSpec, base: SweepSpec) -> set[str]:
    """Kinds of job whose keys differ."""
    ours, theirs = keys(spec), keys(base)
    return {kind for kind in ours if ours[kind] != theirs[kind]}


CHIP = "  mubrain_fitted: {capacity: scaled, schedules: [layered, asynchronous]}"


def with_override(text: str) -> tuple[str, str]:
    """The change that overrides numbers of `mubrain_fitted`."""
    return CHIP, CHIP.replace("]}", f"], overrides: {{{text}}}}}")


class Recording(Progress):
    """Remembers what ran."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.failures: list[Failure] = []
        self.notes: list[str] = []
        self.executor = ""

    def planned(self, work: Work, executor: str) -> None:
        self.executor = executor

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        self.jobs.append(f"{kind} {label}")

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        self.failures.append(failure)

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        self.failures.append(failure)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def kinds(self) -> list[str]:
        return [job.split()[0] for job in self.jobs]


def run(
    spec: SweepSpec,
    folder: Path,
    cache_root: Path,
    *,
    executor: Executor | None = None,
    output: str = "out",
    models: bool = False,
) -> tuple[SweepOutcome, Recording]:
    """Run a sweep with its store in `folder`."""
    progress = Recording()
    outcome = run_sweep(
        spec,
        store=Store(folder / "store", on_damage=progress.note),
        output=folder / output,
        executor=executor or SerialExecutor(),
        progress=progress,
        workloads=Workloads(cache_root=cache_root),
        models=models,
    )
    return outcome, progress

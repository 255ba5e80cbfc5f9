"""Studies small enough to run in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_sweeps import Recording, arguments, replaced

from codesign.documents import parse_document
from codesign.exploration.runs.progress import FrontLine
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.study.study import StudyOutcome, run_study

WIDTH = "network.hidden.1: {from: 4, to: 8}"
SPACE = """\
space:
  recipe: [layered, unlayered]
  recipe.learning_rate: {from: 1.0e-3, to: 2.0e-2, scale: log}
  recipe.policy: [random, momentum]
  recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log}
  recipe.group_size: {from: 1, to: 8, scale: log}
  schedule.group_size: {same_as: recipe.group_size}
  neuron.time_constant: {from: 1 ms, to: 100 ms, scale: log}
  network.hidden.1: {from: 4, to: 8}
"""

STUDY = (
    """\
name: tiny
title: Tiny
workload: {name: digits, timesteps: 2, train: 60, validation: 40, test: 20}
network: {hidden: "6-4", neuron: {threshold: 0.05}}
preset: nmnist
recipe_defaults: {epochs: 4, batch_size: 20, learning_rate: 1.0e-2}
recipes:
  unlayered: {method: unlayered, policy: random}
  layered: {method: layered}
chips:
  mubrain: {capacity: scaled, schedules: [asynchronous]}
schedules:
  asynchronous: {policy: random, group_size: 4}
seeds: {training: [0, 1]}
"""
    + SPACE
    + """\
objectives:
  - {column: accuracy, direction: maximize, reference: 0}
  - {column: energy_j, direction: minimize, reference: 1 mJ}
sampler: {name: tpe, seed: 3, options: {n_startup_trials: 4}}
budget: {trials: 8}
in_flight: 3
"""
)

FIDELITY = "fidelity: {levels: [{epochs: 1, seeds: 1}], keep: 0.5, cohort: 4}\n"


def searching(*parameters: str) -> tuple[str, str]:
    """The change that searches for others in the place of the first layer's width."""
    return WIDTH, "\n  ".join(parameters)


def study(*changes: tuple[str, str], more: str = "") -> StudySpec:
    """The tiny study with pieces of its text replaced."""
    return parse_document(replaced(STUDY, changes) + more, "tiny.yaml", StudySpec)


class Watch(Recording):
    """Remembers what was told, too."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.fronts: list[list[FrontLine]] = []

    def trial_ended(self, text: str, state: str) -> None:
        super().trial_ended(text, state)
        self.told.append(text)

    def front(self, lines: Any, hypervolume: str = "") -> None:
        super().front(lines, hypervolume)
        self.fronts.append(list(lines))


def run(spec: StudySpec, folder: Path, cache_root: Path, **options: Any) -> tuple[StudyOutcome, Watch]:
    """Run a study with `arguments`."""
    watch = Watch()
    return run_study(spec, arguments(folder, cache_root, watch, again="codesign study tiny.yaml", **options)), watch

"""Which idle rule learns best: unlayered trainings that differ in `idle_gradient` alone.

    python benchmarks/idle_rule.py --json idle_rule.json --data-root DIR

Every workload is trained at F = 4, 8 and 16 with each rule and five seeds, under the random policy, by the network and
with the neurons of the paper's N-MNIST experiment. Weights are those of the best validation epoch, as everywhere; they
are tested under the training schedule, drained, and under `on_output`. Finished runs are kept in FILE.runs.jsonl beside
the JSON file and are not run again under the same settings.

Prints means over seeds with their 95 % Student-t intervals and the differences from rule `all`, paired by seed. The
JSON holds `runs`, one row a training, and `means` and `differences`, one row a workload, F and rule.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import torch

from codesign.analysis.results.statistics import Interval, difference, interval
from codesign.errors import DataError
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.idle import IdleGradient
from codesign.training.evaluation import evaluate
from codesign.training.presets import PRESETS
from codesign.training.recipe import Recipe
from codesign.training.trainer import train
from codesign.workload.dataset import Workload, load_workload
from codesign.workload.spec import WorkloadSpec

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A workload and how it is trained; small enough for all runs to take minutes."""

    workload: WorkloadSpec
    epochs: int
    batch_size: int
    learning_rate: float


SETTINGS = {
    "digits": Setting(workload=WorkloadSpec(name="digits"), epochs=40, batch_size=64, learning_rate=3e-3),
    "mnist": Setting(
        workload=WorkloadSpec(name="mnist", train=5_000, validation=1_000, test=2_000),
        epochs=5,
        batch_size=50,
        learning_rate=2e-3,
    ),
    "nmnist": Setting(
        workload=WorkloadSpec(name="nmnist", split="pooled", validation=150, test=300),
        epochs=40,
        batch_size=50,
        learning_rate=5e-4,
    ),
}
RULES = get_args(IdleGradient)
GROUP_SIZES = (4, 8, 16)
MEASURES = {
    "validation_drained": "validation, drained",
    "validation_on_output": "validation, on output",
    "test_drained": "test, drained",
    "test_on_output": "test, on output",
    "loss": "final loss",
    "spike_density": "spike density",
}
"""Accuracies, last epoch's mean cross-entropy over the training samples, emitted spikes per hidden neuron and drained
test sample."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training; everything that its outcome depends on but the code."""

    workload: str
    group_size: int
    rule: IdleGradient
    seed: int

    @property
    def recipe(self) -> Recipe:
        preset, setting = PRESETS["nmnist"], SETTINGS[self.workload]
        return Recipe(
            method="unlayered",
            policy="random",
            group_size=self.group_size,
            idle_gradient=self.rule,
            epochs=setting.epochs,
            batch_size=setting.batch_size,
            learning_rate=setting.learning_rate,
            weight_decay=preset.weight_decay,
            input_dropout=preset.input_dropout,
            refractory_dropout=preset.refractory_dropout,
        )

    @property
    def key(self) -> str:
        """Hash of the run and of its settings, by which a finished run is known."""
        parts = [asdict(self), SETTINGS[self.workload].workload.model_dump(mode="json"), self.recipe.model_dump()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def main() -> None:
    arguments = _arguments()
    names = [name for name in arguments.workloads if _is_there(name, arguments.data_root)]
    runs = list(_runs(names, arguments.seeds))
    finished_file = arguments.json.with_suffix(".runs.jsonl")
    finished = _finished(finished_file)
    missing = [run for run in runs if run.key not in finished]
    print(f"{len(runs)} trainings, {len(runs) - len(missing)} of them finished before", flush=True)
    start = time.perf_counter()
    # a fresh process each, because a forked one cannot use torch's threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool, finished_file.open("a") as file:
        futures = [pool.submit(_train, run, arguments.data_root) for run in missing]
        for done, future in enumerate(as_completed(futures), start=1):
            row = future.result()
            finished[row["key"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            left = (time.perf_counter() - start) / done * (len(missing) - done)
            print(f"[{done}/{len(missing)}] {_progress(row)}; {left / 60:.1f} min left", flush=True)
    rows = [finished[run.key] for run in runs]
    means, differences = list(_means(rows)), list(_differences(rows))
    arguments.json.write_text(json.dumps({"runs": rows, "means": means, "differences": differences}, indent=1) + "\n")
    _print("mean over seeds", means)
    _print("difference from rule 'all', paired by seed; * where the interval excludes zero", differences)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="where to write the results")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder with datasets")
    parser.add_argument("--workloads", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1 (default: 5)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="trainings at a time (default: 2)")
    return parser.parse_args()


def _is_there(name: str, data_root: Path | None) -> bool:
    """Whether a workload can be loaded; says so if not. Leaves it in the cache of binned events."""
    try:
        workload = _load(name, data_root)
    except DataError as error:
        print(f"{name} is left out: {error}")
        return False
    sizes = [len(workload.train), len(workload.validation), len(workload.test)]
    print("{}: {} samples for training, {} for validation, {} for test".format(name, *sizes), flush=True)
    return True


@cache
def _load(name: str, data_root: Path | None) -> Workload:
    return load_workload(SETTINGS[name].workload, data_root=data_root)


def _runs(names: list[str], seeds: int) -> Iterator[Run]:
    """Seed by seed, so that an interrupted measurement has whole pairs."""
    for seed in range(seeds):
        for name in names:
            for group_size in GROUP_SIZES:
                for rule in RULES:
                    yield Run(workload=name, group_size=group_size, rule=rule, seed=seed)


def _finished(file: Path) -> dict[str, Row]:
    """Runs of earlier calls; a last line that was cut off is left out."""
    rows = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[row["key"]] = row
    return rows


def _train(run: Run, data_root: Path | None) -> Row:
    torch.set_num_threads(1)
    workload = _load(run.workload, data_root)
    topology = parse_topology(f"{workload.input_size}-{PRESETS['nmnist'].hidden}-{workload.classes}")
    network = SpikingNetwork(topology, PRESETS["nmnist"].neuron, timestep_s=workload.timestep_s, seed=run.seed)
    start = time.perf_counter()
    result = train(network, run.recipe, workload.train, workload.validation, seed=run.seed)
    seconds = time.perf_counter() - start
    drained = run.recipe.schedule
    row = {"key": run.key, **asdict(run), "seconds": seconds, "best_epoch": result.best_epoch}
    for split, events in (("validation", workload.validation), ("test", workload.test)):
        executions = {
            "drained": evaluate(network, events, drained, seed=run.seed),
            "on_output": evaluate(network, events, replace(drained, stop="on_output"), seed=run.seed),
        }
        row.update({f"{split}_{stop}": execution.accuracy for stop, execution in executions.items()})
    return {**row, "loss": result.history[-1].loss, "spike_density": executions["drained"].spike_density}


def _progress(row: Row) -> str:
    accuracies = f"validation {row['validation_drained']:.3f}, test {row['test_drained']:.3f}"
    return "{workload} F={group_size} seed {seed} {rule}: {}, {seconds:.1f} s".format(accuracies, **row)


def _groups(rows: list[Row]) -> Iterator[tuple[Row, dict[str, pd.DataFrame]]]:
    """Each workload and F, and its runs by rule with one line a seed."""
    frame = pd.DataFrame(rows)
    if not len(frame):
        return
    for (name, group_size), part in frame.groupby(["workload", "group_size"], sort=False):
        by_rule = {rule: part[part["rule"] == rule].set_index("seed") for rule in RULES}
        yield {"workload": name, "group_size": int(group_size)}, by_rule


def _means(rows: list[Row]) -> Iterator[Row]:
    for place, by_rule in _groups(rows):
        for rule, runs in by_rule.items():
            yield {**place, "rule": rule, **{name: asdict(interval(runs[name])) for name in MEASURES}}


def _differences(rows: list[Row]) -> Iterator[Row]:
    for place, by_rule in _groups(rows):
        for rule in (rule for rule in RULES if rule != "all"):
            found = {name: asdict(difference(by_rule[rule][name], by_rule["all"][name])) for name in MEASURES}
            yield {**place, "rule": rule, **found}


def _print(title: str, rows: list[Row]) -> None:
    signed = "difference" in title
    lines = [["workload", "F", "rule", *MEASURES.values()]]
    for row in rows:
        cells = [_text(Interval(**row[name]), signed=signed) for name in MEASURES]
        lines.append([row["workload"], str(row["group_size"]), row["rule"], *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(found: Interval, *, signed: bool) -> str:
    if found.mean is None:
        return "-"
    half_width = "" if found.half_width is None else f" ± {found.half_width:.4f}"
    certain = " *" if signed and (found.above_zero or found.below_zero) else ""
    return (f"{found.mean:+.4f}" if signed else f"{found.mean:.4f}") + half_width + certain


if __name__ == "__main__":
    main()

"""Time and memory of unlayered training and asynchronous inference, next to layered training elsewhere.

    python benchmarks/training_step.py --json results.json
    python benchmarks/training_step.py --json results.json --quick --only shd

Prints a table of all measurements and one of the comparisons that they are made for, and writes the first as JSON: a
list of rows. `benchmarks/README.md` says what the columns mean.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from baselines import BASELINES
from measure import Case, Job, gains_key
from measure import run as measure_job
from ratios import ratios_of
from shapes import SHAPES, Gains, calibrate, schedule_of

Row = dict[str, Any]

_POLICIES = ("random", "momentum")
_GROUP_SIZES = (16, 8, 4)
_THREADS = (1, 2)
_MOST_DEVIATION = 0.1
"""Of the spike density from the paper's; rows beyond say nothing about it."""

_SECONDS = 90.0
_QUICK_SECONDS = 10.0
_MEMORY_PROCESSES = 2


def main() -> None:
    arguments = _arguments()
    start = time.perf_counter()
    rows = measure([arguments.only] if arguments.only else list(SHAPES), quick=arguments.quick)
    lines = [(ratio.shape, ratio.what, ratio.value, ratio.aim, ratio.verdict) for ratio in ratios_of(rows)]
    ratios = pd.DataFrame(lines, columns=["shape", "comparison (one thread unless stated)", "value", "goal", "verdict"])
    for table in (pd.DataFrame(rows), ratios):
        print(table.to_string(index=False, na_rep="-", float_format="{:.4g}".format), end="\n\n")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(rows)} rows in {arguments.json}, {time.perf_counter() - start:.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="where to write the rows")
    parser.add_argument("--quick", action="store_true", help="mostly F = 8, few repeats, about 2 minutes")
    parser.add_argument("--only", choices=list(SHAPES), help="measure one shape alone")
    return parser.parse_args()


def _cases(*, quick: bool) -> list[Case]:
    """All rows of a shape."""
    cases = []
    for threads in _THREADS:
        few = quick and threads > 1
        policies = _POLICIES[:1] if few else _POLICIES
        schedules = [(policy, 8) for policy in policies] if quick else [(p, f) for p in policies for f in _GROUP_SIZES]
        small = [] if few else [("random", 4), ("random", 1)] if quick else [("random", 1)]
        cases += [_case("codesign", "train", schedule, threads) for schedule in [*schedules, *small]]
        cases += [_case("codesign-simulate", "train", schedule, threads) for schedule in schedules]
        cases += [_case("codesign", "infer", schedule, threads) for schedule in schedules]
        cases += [] if few else [_case("codesign-counted", "infer", ("random", 8), threads)]
        cases += [] if few else [_case("codesign-recompute", "train", ("random", 8), threads)]
        layered = [] if few else ["codesign-layered", *BASELINES]
        cases += [_case(name, "train", ("layered", None), threads) for name in layered]
        cases.append(_case("roofline", "infer", ("layered", None), threads))
    return cases


def _is_main(case: Case) -> bool:
    return (case.policy, case.group_size) == ("random", 8)


def _case(implementation: str, mode: str, schedule: tuple[str, int | None], threads: int) -> Case:
    policy, group_size = schedule
    return Case(implementation=implementation, mode=mode, policy=policy, group_size=group_size, threads=threads)


def measure(shapes: Sequence[str], *, quick: bool) -> list[Row]:
    """All rows of some shapes."""
    return [row for name in shapes for row in _of_shape(name, quick=quick)]


def _of_shape(name: str, *, quick: bool) -> list[Row]:
    cases = _cases(quick=quick)
    gains = _calibrate(name, cases, quick=quick)
    _tell(f"{name}: time, {len(cases)} cases in turn")
    seconds = _QUICK_SECONDS if quick else _SECONDS
    result = _run(Job(kind="time", shape=name, cases=tuple(cases), gains=gains, seconds=seconds))
    rows: list[Row] = result["rows"]
    skipped = result["skipped"]
    for implementation, reason in skipped.items():
        print(f"{name}: {implementation} skipped: {reason}")
    measurable = [case for case in cases if case.implementation not in (*skipped, "roofline")]
    if quick:
        measurable = [case for case in measurable if case.threads == 1 and case.mode == "train"]
        measurable = [case for case in measurable if case.policy == "layered" or _is_main(case)]
    _tell(f"{name}: memory, {len(measurable)} processes")
    jobs = [Job(kind="memory", shape=name, cases=(case,), gains=gains) for case in measurable]
    with ThreadPoolExecutor(_MEMORY_PROCESSES) as pool:
        found = {job.cases[0]: result["memory_mb"] for job, result in zip(jobs, pool.map(_run, jobs), strict=True)}
    for row in rows:
        case = Case(**{key: row[key] for key in Case.__dataclass_fields__})
        row["memory_mb"] = found.get(case)
        _judge(row)
    return rows


def _calibrate(name: str, cases: Iterable[Case], *, quick: bool) -> dict[str, Gains]:
    shape = SHAPES[name]
    gains: dict[str, Gains] = {}
    for case in cases:
        key = gains_key(case)
        if key not in gains:
            _tell(f"{name}: weights for policy {case.policy}, F = {case.group_size or 'a whole layer'}")
            samples = shape.calibration_samples // (2 if quick else 1)
            gains[key] = calibrate(shape, schedule_of(case.policy, case.group_size), samples=samples)
    return gains


def _run(job: Job) -> dict[str, Any]:
    """Measure in a process of its own."""
    # torch's threads would otherwise spin for milliseconds after each parallel operation, on a core that others need
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(measure_job, job).result()


def _judge(row: Row) -> None:
    """Add `valid`, and a `note` where it is false."""
    row["valid"] = True
    if row["spike_density"] is None:
        return
    wanted = SHAPES[row["shape"]].spike_density
    deviation = row["spike_density"] / wanted - 1
    if abs(deviation) > _MOST_DEVIATION:
        row["valid"] = False
        row["note"] = f"spike density {row['spike_density']:.3f} is {100 * deviation:+.0f} % off the paper's {wanted}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

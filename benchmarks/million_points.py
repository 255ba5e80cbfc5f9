"""Prices a grid of a million design points, and checks it against points priced alone.

    python benchmarks/million_points.py --data-root DIR [--file sweeps/prices_nmnist.yaml] [--alone 200]

Executions are trained and run first where the store lacks them; that is not timed. Then it prints the time of the whole
pricing (latencies, points, front, Parquet and page, replays left out) and the peak of the resident set, and for a
random sample of points whether energy and latency of every model equal those of the point priced alone within 1e-12,
and how long that took.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq

from codesign.exploration.jobs.encoding import decode_execution
from codesign.exploration.jobs.store import Store
from codesign.exploration.pricing.models import prepare
from codesign.exploration.pricing.pricing import run_pricing
from codesign.exploration.pricing.spec import load_prices
from codesign.exploration.running import RunArguments
from codesign.exploration.workloads import Workloads
from codesign.hardware.cost.cost import price
from codesign.training.memory import PeakMemory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path("sweeps/prices_nmnist.yaml"))
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--store", type=Path, default=Path("reports/.store"))
    parser.add_argument(
        "--alone", type=int, choices=range(1, 10**6), default=200, metavar="N", help="points priced alone"
    )
    arguments = parser.parse_args()

    spec = load_prices(arguments.file)
    store = Store(arguments.store)
    quiet = RunArguments(store=store, output="", workloads=Workloads(data_root=arguments.data_root))
    problem = prepare(spec, quiet)
    executions = [decode_execution(model.payload) for model in problem.models]
    samples = executions[0].samples
    size, prices = problem.space.size, len(problem.space.axes)
    print(f"{size:,} points, {prices} prices, {len(executions)} models, {samples} samples")

    with tempfile.TemporaryDirectory() as folder:
        held_mb, memory = psutil.Process().memory_info().rss / 1e6, PeakMemory()
        start = time.perf_counter()
        run = RunArguments(store=store, output=folder, workloads=quiet.workloads)
        outcome = run_pricing(spec, run, replay=False)
        seconds = time.perf_counter() - start
        peak_mb = held_mb + (memory.risen_bytes() or math.nan) / 1e6
        size_mb = outcome.points.stat().st_size / 1e6
        rng = np.random.default_rng(0)
        chosen = np.sort(rng.choice(size, size=min(arguments.alone, size), replace=False))
        rows = pq.read_table(outcome.points).take(chosen).to_pydict()
    print(f"{seconds:.1f} s, {outcome.on_front:,} on the front; points.parquet {size_mb:.1f} MB")
    print(f"resident: {held_mb:.0f} MB before, {peak_mb:.0f} MB at most")

    start, equal = time.perf_counter(), 0
    for i, number in enumerate(chosen.tolist()):
        positions = [int(one) for one in np.unravel_index(number, problem.space.shape)]
        for model, execution in zip(problem.models, executions, strict=True):
            name = f"{model.recipe}.{model.seed}"
            one = price(execution, problem.placement_at(positions), operation=problem.operation, bound_only=True)
            found = rows[f"energy_j.{name}"][i], rows[f"latency_s.{name}"][i]
            equal += np.allclose(found, np.array((one.energy_j, one.latency_s), dtype=float), rtol=1e-12, atol=0.0)
    alone = (time.perf_counter() - start) / len(chosen)
    total = len(chosen) * len(executions)
    ratio = alone * size / seconds
    print(f"alone: {1e3 * alone:.1f} ms a point; {equal} of {total} equal; the grid is {ratio:,.0f} times faster")
    if equal != total:
        raise SystemExit("the grid differs from points priced alone")


if __name__ == "__main__":
    main()

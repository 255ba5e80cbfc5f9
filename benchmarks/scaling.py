"""What the driver of a large sweep takes, what Ray adds, and what that means for many workers.

    python benchmarks/scaling.py --json scaling.json              # about 15 minutes, 8 GB of disk
    python benchmarks/scaling.py --json scaling.json --quick      # a tenth of the jobs

Each measurement runs in a process of its own. Plans are real, as are keys, store, runner, record and progress; their
jobs do nothing and leave results of the usual size. Then jobs that sleep and jobs that compute go through Ray, and one
real sweep through `serial` and through Ray. At last, what was measured for a job says how many workers can be kept
busy. Linux only.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

WORKERS = (10, 100, 300, 1000)
JOB_S = (0.1, 1.0, 10.0, 60.0)


def parts(jobs: int, *, quick: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Measurements by name: the function that makes them, and its arguments."""
    few = 10 if quick else 1
    plan = {"kind": "trainings", "jobs": jobs // few, "forced": True, "in_flight": 4}
    return {
        "trainings": ("measure_plan", plan),
        "trainings, 2000 under way": ("measure_plan", {**plan, "forced": False, "in_flight": 2000}),
        "prices": ("measure_plan", {**plan, "kind": "prices"}),
        "sleeping": ("measure_jobs", {"workers": 32, "jobs": 1600 // few, "job_s": 1.0}),
        "sweep": ("measure_sweeps", {"seeds": 2 if quick else 12, "epochs": 30}),
        "efficiency": ("measure_efficiency", {"jobs": 12 if quick else 40, "seconds": 1.0}),
    }


def measure(function: str, arguments: dict[str, Any]) -> Any:
    """One measurement, in this process."""
    import scaling_driver
    import scaling_ray

    module = scaling_driver if hasattr(scaling_driver, function) else scaling_ray
    return getattr(module, function)(**arguments)


def utilization(driver_s: float) -> list[dict[str, float]]:
    """Share of the workers' time spent on jobs, of each of which the driver does `driver_s`, one after the other."""
    return [
        {"workers": workers, "job_s": job_s, "utilization": min(1.0, job_s / (workers * driver_s))}
        for workers in WORKERS
        for job_s in JOB_S
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where to write all results")
    parser.add_argument("--jobs", type=int, default=100_000, help="of the large plans")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="measurements whose name begins so")
    parser.add_argument("--folder", type=Path, help="for stores; by default one for temporary files")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for name, (function, options) in parts(arguments.jobs, quick=arguments.quick).items():
        if name.startswith(arguments.only):
            process = ProcessPoolExecutor(1, get_context("spawn"))
            with TemporaryDirectory(dir=arguments.folder) as folder, process:
                found[name] = process.submit(measure, function, {**options, "folder": Path(folder)}).result()
            print(json.dumps({name: found[name]}, indent=1), flush=True)
    if (sleeping := found.get("sleeping")) is not None:
        found["utilization"] = utilization(sleeping["cpu_us"]["driver"] / 1e6)
        print(json.dumps({"utilization": found["utilization"]}, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

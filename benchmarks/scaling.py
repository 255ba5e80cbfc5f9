"""What the driver of a large sweep takes, what Ray adds, and what that means for many workers.

    python benchmarks/scaling.py --json scaling.json              # about 15 minutes, 8 GB of disk
    python benchmarks/scaling.py --json scaling.json --quick      # a tenth of the jobs

Each measurement runs in a process of its own. Plans are real, as are keys, store, runner, record and progress; their
jobs do nothing and leave results of the usual size. Then jobs that sleep and jobs that compute go through Ray, and one
real sweep through `serial` and through Ray. At last, what was measured for a job is put into a simulation of more
workers than there are cores here. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaling_model import utilization

WORKERS = (2, 10, 100, 300, 1000)
JOB_S = (0.1, 1.0, 10.0, 60.0)


def parts(jobs: int, *, quick: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Measurements by name: the function that makes them, and its arguments."""
    few = 10 if quick else 1

    def plan(kind: str, count: int, *, forced: bool, in_flight: int = 4) -> tuple[str, dict[str, Any]]:
        return "measure_plan", {"kind": kind, "jobs": count, "forced": forced, "in_flight": in_flight}

    return {
        "trainings, a tenth": plan("trainings", jobs // 10, forced=True),
        "trainings": plan("trainings", jobs, forced=True),
        "trainings, not forced to the disk": plan("trainings", jobs, forced=False),
        "trainings, 2000 under way": plan("trainings", jobs, forced=False, in_flight=2000),
        "prices": plan("prices", jobs, forced=True),
        "batches, 2 workers": ("measure_jobs", {"workers": 2, "jobs": 20_000 // few, "job_s": 0.0}),
        "sleeping, 2 workers": ("measure_jobs", {"workers": 2, "jobs": 200 // few, "job_s": 0.3}),
        "sleeping, 32 workers": ("measure_jobs", {"workers": 32, "jobs": 1600 // few, "job_s": 1.0}),
        "sweep": ("measure_sweeps", {"seeds": 2 if quick else 12, "epochs": 30}),
        "efficiency": ("measure_efficiency", {"jobs": 12 if quick else 40, "seconds": 1.0}),
    }


def measure(function: str, arguments: dict[str, Any], folder: Path) -> Any:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--part", json.dumps([function, arguments]), "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{function} {arguments} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_here(function: str, arguments: dict[str, Any], folder: Path) -> Any:
    """The same in this process."""
    import scaling_driver
    import scaling_ray

    module = scaling_driver if hasattr(scaling_driver, function) else scaling_ray
    call: Callable[..., Any] = getattr(module, function)
    return call(**arguments, folder=folder)


def simulate(driver_us: float) -> list[dict[str, float]]:
    """Utilization for numbers of workers and times of jobs."""
    return [
        {"workers": workers, "job_s": job_s, "utilization": utilization(workers, job_s, driver_us / 1e6)}
        for workers in WORKERS
        for job_s in JOB_S
    ]


def show(name: str, found: Any) -> None:
    """A measurement as text."""
    print(f"\n{name}")
    if isinstance(found, list):
        for row in found:
            print("   ", ", ".join(f"{key} {_number(value)}" for key, value in row.items()))
        return
    for key, value in found.items():
        if key == "stages":
            for stage, row in value.items():
                print(f"    {stage:24}", ", ".join(f"{what} {_number(one)}" for what, one in row.items()))
        elif isinstance(value, dict):
            print(f"    {key:24}", ", ".join(f"{what} {_number(one)}" for what, one in sorted(value.items())))
        else:
            print(f"    {key:24} {_number(value)}")


def _number(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_number, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--jobs", type=int, default=100_000, help="of the large plans")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", help="measurements whose name begins so")
    parser.add_argument("--folder", type=Path, help="for stores; by default one for temporary files")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part is not None:
        function, options = json.loads(arguments.part)
        print(json.dumps(measure_here(function, options, arguments.folder)))
        return
    found: dict[str, Any] = {}
    wanted = parts(arguments.jobs // (10 if arguments.quick else 1), quick=arguments.quick)
    if arguments.only is not None:
        wanted = {name: part for name, part in wanted.items() if name.startswith(arguments.only)}
        if not wanted:
            parser.error(f"no measurement's name begins with {arguments.only!r}")
    for name, (function, options) in wanted.items():
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            found[name] = measure(function, options, Path(folder))
        show(name, found[name])
    sleeping = found.get("sleeping, 32 workers")
    if sleeping is not None:
        driver_us = sleeping["cpu_us"]["driver"]
        found["simulation"] = simulate(driver_us)
        show(f"simulation with {driver_us:.0f} µs a job", found["simulation"])
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Whether this tree is slower than the last one measured on a machine like this one.

    python benchmarks/history.py                 # compares; fails if a time is over 5 % worse, or memory trebled
    python benchmarks/history.py --add           # also writes the measurement into benchmarks/history.jsonl

Ratios of `training_step.py --quick`, medians of three runs (7 minutes). A ratio within one run says the same whatever
else the machine does, but not the same on another processor: an entry is compared with the last of the same processor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from ratios import Ratio, ratios_of
from shapes import SHAPES
from training_step import measure

_FILE = Path(__file__).with_name("history.jsonl")
_RUNS = 3

Entry = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--add", action="store_true", help=f"append the measurement to {_FILE.name}")
    arguments = parser.parse_args()
    machine, commit = _machine(), _commit()
    last = next((entry for entry in reversed(_entries()) if entry["machine"] == machine), None)
    found = _medians([ratios_of(measure(list(SHAPES), quick=True)) for _ in range(_RUNS)])
    before = {} if last is None else last["ratios"]
    worse = [ratio for ratio in found if ratio.name in before and _change(ratio, before[ratio.name]) > ratio.spread]
    for ratio in found:
        was = f"{before[ratio.name]:.3f}" if ratio.name in before else "-"
        print(f"{ratio.name:<75} {was:>7} {ratio.value:7.3f} {'WORSE' if ratio in worse else ''}".rstrip())
    print(f"before: {'nothing from this processor' if last is None else last['date'] + ' ' + last['commit']}")
    if arguments.add:
        entry = {
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit,
            "machine": machine,
            "ratios": {ratio.name: round(ratio.value, 4) for ratio in found},
        }
        with _FILE.open("a") as file:
            file.write(json.dumps(entry) + "\n")
    sys.exit(1 if worse else 0)


def _change(ratio: Ratio, before: float) -> float:
    """How many times as bad as before."""
    return before / ratio.value if ratio.more else ratio.value / before


def _medians(runs: list[list[Ratio]]) -> list[Ratio]:
    """Each ratio at its median over the runs, where the machine was free for it in all of them."""
    found = []
    for ratio in runs[0]:
        same = [one for run in runs for one in run if one.name == ratio.name and not one.note]
        if len(same) == len(runs):
            found.append(sorted(same, key=lambda one: one.value)[len(same) // 2])
    return found


def _entries() -> list[Entry]:
    return [json.loads(line) for line in _FILE.read_text().splitlines()] if _FILE.exists() else []


def _machine() -> str:
    """Processor, its vectors and cores: vendors' names can be the same for different generations."""
    info = Path("/proc/cpuinfo")
    fields = [line.partition(":") for line in info.read_text().splitlines()] if info.exists() else []
    said = {name.strip(): value.strip() for name, _, value in fields}  # by the last processor
    name = said.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in said:
        name += f" (family {said['cpu family']}, model {said.get('model')})"
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores"


def _commit() -> str:
    """The commit of the tree, with a + if files differ from it."""
    return subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=_FILE.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


if __name__ == "__main__":
    main()

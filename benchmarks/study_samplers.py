"""Searches one space with several samplers and seeds, and compares the hypervolumes that they reach.

    python benchmarks/study_samplers.py sweeps/study_digits.yaml --samplers tpe random --seeds 0 1 2

All searches share the store `FOLDER/store`, so that what two of them have in common runs once, and each keeps its
report in `FOLDER/<sampler>-<seed>`; FOLDER is reports/samplers unless `--folder` names another. What is interrupted
goes on where it was. Hypervolumes are on the validation split, up to the file's references, as multiples of the
baseline's alone, which takes part in none of them. Further options are for `codesign study`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import yaml

from codesign.analysis.results.metadata import StudyFacts
from codesign.analysis.results.pareto import hypervolume
from codesign.analysis.results.table import ResultTable, read_results


def search(file: str, sampler: str, seed: int, folder: Path, rest: list[str]) -> ResultTable:
    """Run a study, or go on with it, as its command does, from a file that says the sampler."""
    folder.mkdir(parents=True, exist_ok=True)
    output, chosen = folder / f"{sampler}-{seed}", folder / f"{sampler}-{seed}.yaml"
    entry = {"extends": str(Path(file).resolve()), "sampler": {"name": sampler, "seed": seed}}
    chosen.write_text(yaml.safe_dump(entry), encoding="utf-8")
    where = ["--store", str(folder / "store"), "--output", str(output)]
    done = subprocess.run([sys.executable, "-m", "codesign", "study", str(chosen), *where, *rest], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)  # it has said why
    return read_results(output / "results.parquet")


def volumes(table: ResultTable) -> tuple[StudyFacts, list[float]]:
    """What a study says of its search; hypervolume after each quarter of its trials, in multiples of the baseline's."""
    study = table.metadata.study
    if study is None or study.baseline is None or study.baseline.state != "complete":
        raise SystemExit(f"{table.metadata.sweep}: has no baseline")
    objectives = table.metadata.objectives
    alone = hypervolume(
        [[value for value in study.baseline.values if value is not None]],
        [objective.direction for objective in objectives],
        [objective.reference for objective in objectives if objective.reference is not None],
    )
    count = len(study.trials)
    ends = [max(1, round(count * quarter / 4)) for quarter in (1, 2, 3, 4)]
    return study, [(study.trials[end - 1].hypervolume or 0.0) / alone for end in ends]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--samplers", nargs="+", default=["tpe", "random"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=Path("reports/samplers"))
    arguments, rest = parser.parse_known_args()  # what is left is for `codesign study`

    lines = ["sampler    seed trials complete front   hypervolume after each quarter, over the baseline's"]
    ends = defaultdict[str, list[float]](list)
    for seed in arguments.seeds:
        for sampler in arguments.samplers:
            study, reached = volumes(search(arguments.study, sampler, seed, arguments.folder, rest))
            trials = study.trials
            complete, front = (sum(one.state == "complete" for one in trials), sum(one.on_front for one in trials))
            cells = " ".join(f"{one:6.3f}" for one in reached)
            lines.append(f"{sampler:10} {seed:4} {len(trials):6} {complete:8} {front:5}   {cells}")
            ends[sampler].append(reached[-1])
    print("\n".join(["", *lines]))
    for sampler, last in ends.items():
        spread = statistics.stdev(last) if len(last) > 1 else float("nan")
        print(f"{sampler:10} mean {statistics.mean(last):.3f}, standard deviation {spread:.3f}, {len(last)} seeds")


if __name__ == "__main__":
    main()

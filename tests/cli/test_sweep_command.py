from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tiny_sweeps import let_trainings_diverge, text_of
from typer.testing import CliRunner

from codesign.cli.main import app
from codesign.errors import InputError
from codesign.exploration.definition.library import sweep_names
from codesign.files.folder import temporary_beside

SWEEP = text_of(("[layered, asynchronous]", "[chip, layered]"), ("training: [0]", "training: [0, 1]"))


@pytest.fixture
def folder(tmp_path: Path, cache_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a sweep."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODESIGN_CACHE", str(cache_root))
    (tmp_path / "tiny.yaml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sweep", *arguments], catch_exceptions=False)
    return result.exit_code, result.output


def test_dry_run_counts_and_does_nothing(folder: Path) -> None:
    code, said = invoke("tiny.yaml", "--dry-run", "--store", "store")
    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "tiny: Tiny"
    assert lines[1] == "3 design points, 6 rows of results with their seeds, 2 of them infeasible"
    # The widest layer has 10 neurons, more than a group of 8: drained, and layered, each with the chip's weights and
    # with float weights. µBrain cannot drop what waits.
    assert lines[2] == (
        "to run: 2 models (0 in the store), 8 executions (0 in the store), 12 summaries and prices "
        "(0 in the store): 22 jobs"
    )
    assert "infeasible on truenorth: truenorth: the first layer needs 512 inputs per neuron, a neuron has 256" in said
    assert [path.name for path in folder.iterdir()] == ["tiny.yaml"]


def test_dry_run_names_a_network_that_does_not_fit(folder: Path) -> None:
    axes = "axes: {network.hidden: [10, 100, 200]}\nchips: {small: {extends: mubrain}}\n"
    (folder / "shapes.yaml").write_text(f"extends: tiny.yaml\nremove: [chips]\n{axes}", encoding="utf-8")
    _, said = invoke("shapes.yaml", "--dry-run", "--store", "store")
    assert "infeasible on small with 2 of 3 networks, such as 512-100-10: small: the first layer needs 51,200 " in said


def test_answers_alone_are_on_standard_output(folder: Path) -> None:
    (folder / "asked.yaml").write_text(f"{SWEEP}questions: {{which: {{choose: chip, most: accuracy}}}}\n")
    words = ["sweep", "asked.yaml", "--executor", "serial", "--models", "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    (answer,) = json.loads(result.stdout)
    assert answer["question"] == "Which chip has the highest accuracy?"
    assert "to run: 2 models" in result.stderr
    assert "models   " in result.stderr


def test_a_dry_run_changes_nothing(folder: Path) -> None:
    """Neither what a killed writer left nor what is damaged."""
    assert invoke("tiny.yaml", "--executor", "serial")[0] == 0
    store = folder / "reports/.store"
    for path in [*store.glob("??/*")]:
        path.write_bytes(b"damaged")
    left = Path(temporary_beside(str(store / "left")))
    left.touch()
    os.utime(left, (0, 0))
    state = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code, said = invoke("tiny.yaml", "--dry-run")
    assert code == 0
    assert "to run: 2 models (0 in the store)" in said
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == state


@pytest.mark.pages
def test_a_run_what_is_then_left_to_do_and_models_where_they_are_asked_for(folder: Path) -> None:
    code, said = invoke("tiny.yaml", "--executor", "serial")
    assert code == 0  # infeasible points are results
    assert "executor: serial" in said
    assert (folder / "reports/tiny/results.parquet").is_file()
    assert (folder / "reports/tiny/report.html").is_file()
    assert ": 0 jobs" in invoke("tiny.yaml", "--dry-run")[1]
    _, said = invoke("tiny.yaml", "--dry-run", "--seeds", "3")
    assert said.splitlines()[2].startswith("to run: 1 model (2 in the store)")
    _, said = invoke("tiny.yaml", "--models")
    assert "train layered" not in said  # everything is in the store
    assert f"models   {Path('reports/tiny/models')} (2)" in said
    page = (folder / "reports/tiny/models/layered-seed1.md").read_text(encoding="utf-8")
    assert "    codesign sweep tiny.yaml --models\n" in page


PARTS = """\
extends: ../../tiny.yaml
name: question
datasets:
  digits: {}
  few: {workload: {train: 30}}
scales:
  large: {seeds: {training: [0, 1, 2, 3]}}
  one: {seeds: {training: [0]}, chips: {mubrain: {schedules: [layered]}}, remove: [chips.truenorth]}
"""


@pytest.fixture
def question(folder: Path) -> Path:
    """A folder whose sweep, found by name, exists for two datasets at two scales."""
    (folder / "sweeps/deep").mkdir(parents=True)
    (folder / "sweeps/deep/question.yaml").write_text(PARTS, encoding="utf-8")
    return folder


@pytest.mark.parametrize("file", ["deep/question", "deep/question.yaml", "sweeps/deep/question.yaml"])
def test_a_dry_run_says_which_dataset_and_scale_it_took(question: Path, file: str) -> None:
    lines = invoke(file, "--dry-run")[1].splitlines()
    assert lines[:3] == [
        "question_digits_large: Tiny",
        "dataset digits (of digits, few), scale large (of large, one)",
        "3 design points, 12 rows of results with their seeds, 4 of them infeasible",
    ]
    lines = invoke(file, "--dry-run", "--dataset", "few", "--scale", "one", "--seeds", "5")[1].splitlines()
    assert lines[0] == "question_few_one: Tiny"
    assert lines[2] == "1 design point, 5 rows of results with their seeds, 0 of them infeasible"


def test_a_run_keeps_the_dataset_and_scale_that_it_took(question: Path) -> None:
    from codesign.analysis.results.table import read_results
    from codesign.exploration.runs.record import read_record
    from codesign.files import open_folder

    code, said = invoke("deep/question", "--scale", "one", "--executor", "serial")
    assert code == 0
    assert "question_digits_one: dataset digits (of digits, few), scale one (of large, one)" in said
    table = read_results(question / "reports/question_digits_one/results.parquet")
    assert table.metadata.sweep == "question_digits_one"
    assert set(table.frame["sweep"]) == {"question_digits_one"}
    assert table.metadata.command == "codesign sweep deep/question --dataset digits --scale one"
    record = read_record(open_folder(question / "reports/question_digits_one"))
    assert record.name == "question_digits_one"
    assert record.command == "codesign sweep deep/question --dataset digits --scale one --executor serial"
    invoke("deep/question", "--scale", "one", "--seeds", "1", "--executor", "serial")
    again = read_results(question / "reports/question_digits_one/results.parquet").metadata
    assert again.command == "codesign sweep deep/question --dataset digits --scale one --seeds 1"
    assert again.jobs.trained == 0


def test_failed_points_end_in_exit_code_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_trainings_diverge(monkeypatch, "layered")
    code, said = invoke("tiny.yaml", "--executor", "serial", "--models", "--seeds", "7")
    assert code == 1
    assert "14 of 14 feasible rows of results failed" in said
    assert "models (0)" in said


def test_options_that_contradict_each_other(folder: Path) -> None:
    with pytest.raises(InputError, match="need --executor ray"):
        invoke("tiny.yaml", "--executor", "serial", "--workers", "2")
    with pytest.raises(InputError, match="cannot be combined with --ray-address"):
        invoke("tiny.yaml", "--ray-address", "host:1", "--workers", "2")


def test_sweeps_are_named_by_their_folder_and_bases_are_not(question: Path) -> None:
    (question / "sweeps/deep/_base.yaml").write_text(SWEEP, encoding="utf-8")
    (question / "sweeps/_hidden").mkdir()
    (question / "sweeps/_hidden/x.yaml").write_text(SWEEP, encoding="utf-8")
    assert [name for name in sweep_names() if name.startswith("deep/")] == ["deep/question"]
    assert not any(part.startswith("_") for name in sweep_names() for part in name.split("/"))
    with pytest.raises(InputError, match=r"no sweep file 'qestion.yaml'; did you mean 'deep/question'\?"):
        invoke("qestion.yaml")
    with pytest.raises(InputError, match=r"no sweep file 'sweeps/dep/question.yaml'; did you mean 'deep/question'\?"):
        invoke("sweeps/dep/question.yaml")
    for name in (".", "..", "../smoke", "deep/../smoke", "sweeps/", "/smoke", "smoke.txt"):
        with pytest.raises(InputError):
            invoke(name, "--dry-run")
    assert invoke("deep/_base", "--dry-run")[1].startswith("tiny: Tiny")  # it has all that a sweep needs


def test_sweeps_in_the_working_folder_are_found_by_name(folder: Path) -> None:
    (folder / "sweeps").mkdir()
    (folder / "sweeps/nmnist.yaml").write_text(SWEEP)  # before the one that is shipped
    assert invoke("nmnist", "--dry-run")[1].startswith("tiny: Tiny")
    assert invoke("smoke", "--dry-run")[1].startswith("smoke: ")

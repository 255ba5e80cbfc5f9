from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import codesign
from codesign.cli.main import app
from codesign.errors import InputError, TrainingDivergedError

ROOT = Path(codesign.__file__).parent.parent
SWEEP = """\
name: tiny
title: Tiny
workload: {name: digits, timesteps: 2, train: 40, validation: 20, test: 20}
network: {hidden: "6"}
recipe_defaults: {epochs: 1}
recipes:
  layered: {method: layered}
chips:
  mubrain: {schedules: [chip, layered]}
  truenorth: {}
seeds: {training: [0, 1]}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a sweep."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODESIGN_CACHE", str(cache))
    (tmp_path / "tiny.yaml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sweep", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def program(*arguments: str, path: Path = ROOT, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codesign", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom codesign.cli.main import app\n"
        f"try:\n    app({arguments!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'ray', 'pandas', 'pyarrow', 'numpy', 'optuna', 'seaborn', 'matplotlib', 'pint', 'tonic'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Usage" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "heavy: []"


def test_dry_run_counts_and_does_nothing(folder: Path) -> None:
    code, said = invoke("tiny.yaml", "--dry-run", "--store", "store")
    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "tiny: Tiny"
    assert lines[1] == "6 design points, 2 of them infeasible"
    # The widest layer has 10 neurons, more than a group of 8: drained, and layered, each with the chip's weights and
    # with float weights. µBrain cannot drop what waits.
    assert lines[2:5] == [
        "train 2 to run 0 in the store",
        "execute 8 to run 0 in the store",
        "price 4 to run 0 in the store",
    ]
    assert "infeasible on truenorth: truenorth: layer 1 needs 512 inputs per neuron, a neuron has 256" in said
    assert not (folder / "reports").exists()


def test_a_run_and_what_is_then_left_to_do(folder: Path) -> None:
    code, said = invoke("tiny.yaml", "--executor", "serial")
    assert code == 0  # infeasible points are results
    assert "executor: serial" in said
    assert (folder / "reports/tiny/results.parquet").is_file()
    assert (folder / "reports/tiny/report.html").is_file()
    _, said = invoke("tiny.yaml", "--dry-run")
    assert "0 to run" in said
    _, said = invoke("tiny.yaml", "--dry-run", "--seeds", "3")
    assert " ".join(said.splitlines()[2].split()) == "train 1 to run 2 in the store"


def test_failed_points_end_in_exit_code_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*arguments: object, **options: object) -> None:
        raise TrainingDivergedError("the loss became nan")

    monkeypatch.setattr("codesign.exploration.runner.run_train", diverge)
    code, said = invoke("tiny.yaml", "--executor", "serial")
    assert code == 1
    assert "4 of 4 feasible design points failed" in said
    assert "TrainingDivergedError: the loss became nan" in said


def test_mistakes_in_a_file_end_in_exit_code_2_with_their_lines(folder: Path) -> None:
    (folder / "bad.yaml").write_text(SWEEP.replace("layered]", "layred]").replace("epochs: 1", "epochs: -1"))
    ended = program("sweep", "bad.yaml", folder=folder)
    assert ended.returncode == 2
    assert "bad.yaml:5: recipe_defaults.epochs: must be greater than 0, found -1" in ended.stderr
    assert "bad.yaml:9: chips.mubrain.schedules.1: unknown schedule 'layred'; did you mean 'layered'?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_options_that_contradict_each_other(folder: Path) -> None:
    with pytest.raises(InputError, match="need --executor ray"):
        invoke("tiny.yaml", "--executor", "serial", "--workers", "2")
    with pytest.raises(InputError, match="cannot be chosen with --ray-address"):
        invoke("tiny.yaml", "--ray-address", "host:1", "--workers", "2")


def test_an_unknown_sweep_names_those_there_are(folder: Path) -> None:
    with pytest.raises(InputError, match=r"no sweep file 'mubrain_vs_loihy'; did you mean 'mubrain_vs_loihi'\?"):
        invoke("mubrain_vs_loihy")


def test_sweeps_in_the_working_folder_are_found_by_name(folder: Path) -> None:
    (folder / "sweeps").mkdir()
    (folder / "sweeps/nmnist.yaml").write_text(SWEEP)  # before the one that is shipped
    assert invoke("nmnist", "--dry-run")[1].startswith("tiny: Tiny")
    assert invoke("smoke", "--dry-run")[1].startswith("smoke: ")


@pytest.mark.parametrize("name", ["smoke", "sweeps/mubrain_vs_loihi.yaml", "mubrain_vs_loihi"])
def test_shipped_sweeps_are_found_from_an_installed_package(tmp_path: Path, cache: Path, name: str) -> None:
    """The layout of the wheel: chips and sweeps inside the package, nothing beside it."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    shutil.copytree(ROOT / "codesign", site / "codesign", ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("chips", "sweeps"):
        shutil.copytree(ROOT / part, site / "codesign" / part, dirs_exist_ok=True)
    empty.mkdir()
    ended = program("sweep", name, "--dry-run", path=site, folder=empty)
    assert ended.returncode == 0, ended.stderr
    assert "design points" in ended.stdout


@pytest.mark.recordings
def test_the_nmnist_sweep_can_be_planned(folder: Path) -> None:
    from codesign.workload.dataset import list_datasets

    states = {status.name: status.state for status in list_datasets()}
    if states["nmnist"] not in ("complete", "partial"):
        pytest.skip("N-MNIST recordings are not there; set CODESIGN_DATA to the folder that holds them")
    code, said = invoke("nmnist", "--dry-run")
    assert code == 0
    assert "train" in said

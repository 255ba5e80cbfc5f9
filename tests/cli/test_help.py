"""What the program says of itself: help, its version, and options that cannot be."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from program import run_python
from typer.testing import CliRunner

from codesign import versions
from codesign.cli.main import app, main
from codesign.cli.options import place


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("run --help", 0, "{MODEL} [CHIP]... "),
        ("chips validate --help", 0, "[OPTIONS] [NAME]... "),
        ("--help", 0, "--debug"),
        ("data --help", 0, "List the datasets found, and where"),
        ("report --help", 0, "a path or a URL. [default: (report.html in the folder"),
        (
            "study --help",
            0,
            "or with a larger budget. While it runs, `optuna-dashboard reports/NAME/journal.log` shows",
        ),
        ("sweep smoke --seeds 0", 2, "'--seeds': "),
        ("sweep smoke --workers x", 2, "'--workers': "),
        ("init s3://bucket/x.yaml", 2, "must be a path of this machine, found the URL s3://bucket/x.yaml"),
        ("data --data-root s3://bucket/x", 2, "must be a path of this machine, found the URL s3://bucket/x"),
        # an empty path would scatter files over the working folder, or mean the default
        ("sweep smoke --store ''", 2, "must be a path or a URL, found nothing"),
        ("report ''", 2, "must be a path or a URL, found nothing"),
        ("run m --data ''", 2, "must be a path or a URL, found nothing"),
        ("chips check ''", 2, "must be a path or a URL, found nothing"),
        ("sweep smoke --executor foo", 2, "'--executor': "),
    ],
)
def test_the_program_explains_itself_and_creates_nothing(
    words: str, code: int, message: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, shlex.split(words), env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert ended.exit_code == code
    assert message in ended.output
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_home_folder_even_where_the_shell_leaves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [place("~/x"), place("s3://~/x")] == [f"{tmp_path}/x", "s3://~/x"]


def test_bad_input_is_bad_input_with_a_traceback_too(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["codesign", "chips", "show", "nowhere.yaml", "--debug"])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "Traceback" in told
    assert "\nerror: nowhere.yaml" in told


def test_python_without_docstrings_is_refused_before_hours_of_work(tmp_path) -> None:
    ended = run_python("-OO", "-m", "codesign", "sweep", "smoke", "--dry-run", folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("which Altair needs to draw charts; use `python -O`\n")


def test_the_version_is_told_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(versions, "version", absent)
    ended = CliRunner().invoke(app, ["--version"], catch_exceptions=False)
    assert ended.output == "codesign run from its source folder\n"

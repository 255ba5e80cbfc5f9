from __future__ import annotations

from typer.testing import CliRunner
from workload_files import write_nmnist

from codesign.cli.data import app


def lines(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0
    return result.output.splitlines()


def test_the_command_lists_every_dataset_with_its_state(tmp_path):
    write_nmnist(tmp_path)
    head, *rows = lines("--data-root", str(tmp_path))
    assert head == f"data root: {tmp_path}"
    assert [row.split()[:2] for row in rows] == [
        ["arrays", "missing"],
        ["audio", "missing"],
        ["basic_motions", "missing"],
        ["cifar10", "missing"],
        ["digits", "embedded"],
        ["dvsgesture", "missing"],
        ["japanese_vowels", "missing"],
        ["mnist", "missing"],
        ["nmnist", "partial"],
        ["shd", "missing"],
    ]
    assert f"expected in {tmp_path / 'mnist'}" in rows[7]
    assert "40 of 60,000 training and 10 of 10,000 test recordings" in rows[8]


def test_the_data_root_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path / "nothing"))
    assert lines()[0] == f"data root: {tmp_path / 'nothing'} (does not exist)"

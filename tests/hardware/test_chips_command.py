from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from handmade_hardware import structured
from rich.console import Console
from scripts import script
from typer.testing import CliRunner

from codesign.cli.chip_pages import print_list
from codesign.cli.chips import app
from codesign.errors import DocumentError, InputError
from codesign.hardware.library import chip_names, find_chip
from codesign.hardware.validation.validation import validate

CHIPS = Path(__file__).parents[2] / "chips"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "80")
    return CliRunner()


def fits(output: str) -> bool:
    return all(len(line.rstrip()) <= 80 for line in output.splitlines())


def test_the_list_has_a_line_of_80_columns_for_every_chip(runner: CliRunner) -> None:
    output = runner.invoke(app, []).output
    assert fits(output)
    lines = {line.split()[0]: line for line in output.partition("\n\n")[0].splitlines()[1:]}
    assert set(lines) == set(chip_names())
    assert lines["loihi_sanafe"].split()[1] == "(loihi)"
    kinds = {name: line.removeprefix(f"{name} ").split(") ")[-1].split()[0] for name, line in lines.items()}
    assert kinds == {name: find_chip(name).synchronization.kind for name in chip_names()}  # as files spell them
    assert lines["truenorth_allin"].split()[1:7] == ["timer", "4,096", "1", "26", "pJ", "all-in"]
    # of SpiNNaker 2, 75.2 mW and 148 times 3.22 mW; a network pays for the cores that it uses
    assert lines["spinnaker2"].split()[-4:-2] == ["551.8", "mW"]
    assert "static: power with all cores in use; a network pays for those that it uses" in " ".join(output.split())
    assert lines["morphic"].split()[-2:] == ["no", "8"]  # six leave latency unmodelled


def test_the_list_says_what_a_chip_is_where_there_is_room(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "190")
    lines = {line.split()[0]: line for line in runner.invoke(app, []).output.partition("\n\n")[0].splitlines()[1:]}
    assert set(lines) == set(chip_names())
    assert lines["speck"].endswith("  Asynchronous vision chip with nine convolutional cores")
    for name, line in lines.items():
        what = " ".join(find_chip(name).description.split()).partition(". ")[0].rstrip(".")
        assert line.endswith(f"  {what}")
        assert len(what) < 100
    monkeypatch.setenv("COLUMNS", "120")
    output = runner.invoke(app, []).output
    assert all(len(line) <= 120 for line in output.splitlines())
    assert "Asynchronous vision chip with nine…" in output


def test_a_broken_file_beside_others_is_named_once_these_are_listed(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "mine.yaml").write_text("name: mine\nextends: odin\n", encoding="utf-8")
    (tmp_path / "chips" / "bad.yaml").write_text("name: bad\nextends: odin\nlanes: 3\n", encoding="utf-8")
    for command in ([], ["compare"], ["validate"]):
        result = runner.invoke(app, command)
        assert ("mine" in result.output, "odin_allin" in result.output) == (True, True)
        assert isinstance(result.exception, InputError)  # exit code 2, like every wrong input
        assert str(result.exception).startswith("chips/bad.yaml:3: unknown key 'lanes'")
    assert runner.invoke(app, ["validate", "mine"]).exit_code == 0


def test_latency_is_not_modelled_in_full_where_hops_or_agreement_lack() -> None:
    loihi, sne = find_chip("loihi"), find_chip("sne")
    agreeing = loihi.model_copy(update={"synchronization": sne.synchronization})
    for chip, told in ((loihi, "yes"), (loihi.model_copy(update={"network_on_chip": None}), "no"), (agreeing, "no")):
        console = Console(file=io.StringIO(), width=80)
        print_list(console, [chip])
        assert console.file.getvalue().splitlines()[1].split()[-2] == told


def test_show_gives_every_number_with_its_effect_confidence_and_source(runner: CliRunner) -> None:
    output = runner.invoke(app, ["show", "ubrain"]).output
    line = next(line for line in output.splitlines() if "energies.synaptic_operation" in line)
    assert line.split()[1:3] == ["185", "fJ"]
    assert line.split()[-3:] == ["derived", "price", "stuijt2021"]
    line = next(line for line in output.splitlines() if line.split()[:1] == ["neurons_per_core"])
    assert line.split()[1:] == ["336", "stated", "spikes", "stuijt2021"]
    assert "can_flush: whether a decision saves the energy of what still waits" in output
    assert "barrier_message" not in output  # nothing waits
    assert output.index("Not known") < output.index("neurons_per_core")
    assert output.splitlines()[-1] == "Remarks, sources and measurements: chips/mubrain.yaml"
    assert all(len(line.rstrip()) <= 80 for line in output.splitlines()[:-1])


@pytest.mark.parametrize(
    ("name", "energy"),
    [
        ("odin", "incremental: events have energies, and static power comes on top"),
        ("spinnaker_sharp2012", "and static power is not known"),
        ("odin_allin", "in accelerated operation only"),
        ("poets", "not known for a synaptic operation"),
    ],
)
def test_show_tells_operating_point_accounting_and_gating(runner: CliRunner, name: str, energy: str) -> None:
    told = " ".join(runner.invoke(app, ["show", name]).output.split())
    chip = find_chip(name)
    assert " ".join(chip.description.split()) in told
    assert f"Operating point: {chip.operating_point}" in told
    assert energy in told
    assert "a core not in use draws an unknown power" in told


BUILT = {
    "name": "mine",
    "cores": 8,
    "synapses_per_core": 1024,
    "network_on_chip": "{shape: mesh, rows: 2, columns: 2, cores_per_tile: 2}",
    "structure": "{memory: sram, state_memory: flip_flops, state_bits: 16}",
}
KINDS = {
    "{kind: barrier, scope: layer, times: 100 ns}": "barrier by layer",
    "{kind: timer, tick: 5 us, overload: drop}": "timer, overload: drop",
}


@pytest.mark.parametrize(("kind", "words"), KINDS.items())
def test_show_tells_how_a_chip_is_built(runner: CliRunner, tmp_path: Path, kind: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(structured(**BUILT, synchronization=kind))
    output = runner.invoke(app, ["show", str(file)]).output
    told = " ".join(output.split())
    assert f"synchronization: {words}" in told
    assert "network: a mesh of 2 × 2 tiles of 2 cores, numbered along its rows" in told
    assert "memories: weights in sram, states in flip_flops" in told
    if "times:" in kind:  # one time holds for any number of tiles
        (line,) = [line for line in output.splitlines() if line.split()[:1] == ["synchronization.times"]]
        assert line.split()[1:4] == ["100", "ns", "50"]


def test_validate_takes_every_chip_and_also_writes_its_checks_as_json(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "checks.json"
    result = runner.invoke(app, ["validate", "--json", str(file)])
    assert result.exit_code == 0
    assert fits(result.output.partition("Checks: ")[0])
    assert all(f"({name})" in result.output for name in chip_names())
    rows = json.loads(file.read_text(encoding="utf-8"))
    checks = [check for name in chip_names() for check in validate(find_chip(name))]
    names = ("chip", "measurement", "measured", "model_low", "status", "error")
    assert [[row[name] for name in names] for row in rows] == [[getattr(one, name) for name in names] for one in checks]
    row = next(row for row in rows if row["measurement"] == "power at 75 MHz")
    assert (row["measured"], row["unit"], row["fitted"]) == (477e-6, "W", [])
    parts = {"synaptic_operation": 8.43 * 37.5, "clock": 1.78 * 75, "static_chip": 27.3}  # in microwatts
    assert row["shares"] == pytest.approx({name: part / sum(parts.values()) for name, part in parts.items()})
    assert row["errors"] == pytest.approx([row["model_low"] / 477e-6 - 1, row["model_high"] / 477e-6 - 1])
    assert any(row["status"] == "fitted" and row["fitted"] for row in rows)
    (chip := tmp_path / "mine.yaml").write_text("name: mine\nextends: odin\n", encoding="utf-8")
    refused = runner.invoke(app, ["validate", "--json", str(chip)])  # elsewhere --json takes no file
    assert (refused.exit_code, "must end with .json" in refused.output) == (2, True)
    assert chip.read_text(encoding="utf-8") == "name: mine\nextends: odin\n"


def test_the_documented_tables_are_those_of_the_chips() -> None:
    documents = script("docs/site/validation.py")
    text = documents.PAGE.read_text(encoding="utf-8")
    chips = [find_chip(name) for name in chip_names()]
    assert documents.page(text, chips) == text
    assert "| power at 75 MHz | 476.9 µW | 477 µW | 0.0 % | measured |  |" in text


BELIEF = "MNIST deep belief network, benchmark"


@pytest.mark.parametrize(
    ("chip", "measurement", "quantity", "words"),
    [
        ("odin_allin", "power at 1.3 MHz", "power", "{} % too low at 1.3 MHz"),
        ("loihi_davies2018", "nearest-neighbor query", "energy", "the result is {} to {} % above the measurement"),
        ("loihi_sanafe", "nearest-neighbor query", "energy", "and {} to {} % above it with those fitted to a board"),
        ("mubrain", "radar gestures", "energy", "static power alone is {} % below the measurement"),
        ("spinnaker_sharp2012", BELIEF, "power", "On the belief network the two sets are {} % below and"),
        ("spinnaker_stromatias2013", BELIEF, "power", "and {} % above the measured power"),
        ("spinnaker_stromatias2013", "power of a chip", "power", "are {} % below the power of a busy chip"),
    ],
)
def test_the_documented_sentences_name_the_errors_of_the_tables(chip, measurement, quantity, words):
    found = [one for one in validate(find_chip(chip)) if (one.measurement, one.quantity) == (measurement, quantity)]
    (errors,) = [one.errors for one in found if one.errors]
    text = " ".join(script("docs/site/validation.py").PAGE.read_text(encoding="utf-8").split())
    assert words.format(*(f"{abs(error) * 100:.0f}" for error in errors)) in text


def test_check_prints_ok_or_raises_every_mistake(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", str(CHIPS / "speck.yaml")])
    assert result.exit_code == 0
    assert result.output.startswith("OK: ")
    bad = tmp_path / "bad.yaml"
    bad.write_text((CHIPS / "speck.yaml").read_text().replace("source: sinabs", "source: sinab", 2))
    exception = runner.invoke(app, ["check", str(bad)]).exception
    assert isinstance(exception, DocumentError)
    assert len(exception.problems) == 1
    assert "unknown source 'sinab'" in str(exception)

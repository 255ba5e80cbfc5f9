"""What a killed process or a damaged disk leaves of a study's journal is mended, and what belongs elsewhere refused."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path

import optuna
import plug_ins
import pytest
from tiny_studies import searching, study

import codesign as cd
from codesign import Policy
from codesign.errors import InputError, StoreError
from codesign.exploration.study.driver import Driver
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.study.storage import JOURNAL, Trials, definition_of, open_study
from codesign.files import held, lock_of

SPEC = study()
OTHER = study(("to: 2.0e-2", "to: 3.0e-2"))
CHIPS = Path(__file__).parents[2] / "chips"


def definition(spec: StudySpec) -> dict[str, str]:
    return definition_of(spec, "0" * 64)


def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one if one[name] != other[name]}


def with_trials(folder: Path, count: int = 3) -> Path:
    """A journal with so many complete trials and one that is under way."""
    with open_study(SPEC, Trials(folder), definition=definition(SPEC), on_note=print) as opened:
        for number in range(count):
            trial = opened.ask()
            trial.suggest_float("x", 0, 1)
            opened.tell(trial, [0.1 * number, 1.0])
        opened.ask().suggest_float("x", 0, 1)
    return folder / JOURNAL


def reopened(folder: Path, spec: StudySpec = SPEC) -> tuple[list[str], list[str]]:
    """States of the trials, and what was said."""
    notes: list[str] = []
    with open_study(spec, Trials(folder), definition=definition(spec), on_note=notes.append) as opened:
        return [trial.state.name for trial in opened.get_trials()], notes


def test_a_closed_study_leaves_what_optuna_logs_as_it_was(tmp_path: Path) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    with_trials(tmp_path)
    after = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(before)
    assert after == optuna.logging.INFO


ALL = ["COMPLETE"] * 3 + ["RUNNING"]


@pytest.mark.parametrize("torn", [b"", b'{"op_code":4,"wor', b"\x00" * 40, b"[1, 2"])
def test_trials_are_kept_and_a_torn_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    journal = with_trials(tmp_path)
    whole = journal.read_bytes()
    journal.write_bytes(whole + torn)
    states, notes = reopened(tmp_path)
    assert states == ALL
    assert ["the last line was torn" in note for note in notes] == ([True] if torn else [])
    assert journal.read_bytes().startswith(whole)
    assert not torn or not journal.read_bytes().startswith(whole + torn)
    journal.write_bytes(torn)  # when the first line was written
    assert reopened(tmp_path)[0] == []


@pytest.mark.parametrize(
    ("line", "damaged", "said"),
    [(-4, b"garbage\n", ".*; move it away: finished jobs"), (0, b'{"op_code":0}\n', "KeyError.*; move it away")],
)
def test_a_line_that_makes_no_sense_is_told_of(tmp_path: Path, line: int, damaged: bytes, said: str) -> None:
    journal = with_trials(tmp_path)
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line] = damaged
    journal.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=rf"journal\.log: cannot be opened: {said}"):
        reopened(tmp_path)


def test_a_definition_edited_into_something_else_counts_as_changed(tmp_path: Path) -> None:
    journal = with_trials(tmp_path)
    entries = [json.loads(line) for line in journal.read_bytes().splitlines()]
    for entry in entries:
        if "user_attr" in entry and "trial_id" not in entry:
            entry["user_attr"] = dict.fromkeys(entry["user_attr"], "edited")
    journal.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    with pytest.raises(InputError, match=r"from before its .* changed, which cannot be mixed"):
        reopened(tmp_path)


def test_a_stale_lock_of_optuna_holds_nobody_up(tmp_path: Path) -> None:
    journal = with_trials(tmp_path)
    journal.with_name(f"{JOURNAL}.lock").touch()
    start = time.monotonic()
    assert reopened(tmp_path)[0] == ALL
    with_trials(tmp_path)
    assert time.monotonic() - start < 10  # Optuna waits half a minute


@pytest.mark.parametrize("fails", ["os.fsync", "optuna.storages.journal._file.open"])
def test_a_disk_that_fails_is_told_with_the_journal(tmp_path, monkeypatch, fails):
    """When a trial begins or ends, and when the study is opened."""

    def fail(*given: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with_trials(tmp_path, count=0)
    said = r"journal\.log: cannot be (written|opened): (OSError: )?Input/output error"
    driver = object.__new__(Driver)
    driver._place = str(tmp_path / JOURNAL)
    with open_study(SPEC, Trials(tmp_path), definition=definition(SPEC), on_note=print) as opened:
        monkeypatch.setattr(fails, fail, raising=False)
        for use in (opened.ask, lambda: opened.set_user_attr("a", 1), lambda: opened.tell(0, [0.1, 1.0])):
            with pytest.raises(StoreError, match=said), driver._storing():
                use()
        monkeypatch.undo()
    monkeypatch.setattr("optuna.storages.journal._file.open", fail, raising=False)
    with pytest.raises(InputError, match=said):
        reopened(tmp_path, OTHER)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with held(lock_of(tmp_path)), pytest.raises(InputError, match=r"is held by another process, which writes there"):
        reopened(tmp_path)
    assert reopened(tmp_path) == ([], [])


def test_trials_of_another_search_do_not_mix(tmp_path: Path) -> None:
    with_trials(tmp_path)
    with pytest.raises(InputError, match="holds trials of 'tiny' from before its space changed"):
        reopened(tmp_path, OTHER)
    more = study(("trials: 8", "trials: 80"), ("title: Tiny", "title: Other"))
    assert definition(more) == definition(SPEC)
    assert definition_of(SPEC, "1" * 64)["data"] != definition(SPEC)["data"]


def test_a_key_that_files_get_later_leaves_trials_without_it_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = definition(SPEC)
    monkeypatch.setattr(StudySpec, "added", frozenset({"static_book"}))
    assert before.items() - definition(SPEC).items() == {("static_book", before["static_book"])}
    assert definition(study(more="static_book: cores_in_use\n")).keys() == before.keys()


def test_trials_of_another_device_are_another_search() -> None:
    """It rounds differently; cores and time limits change nothing."""
    assert definition(study(more="resources: {train: {cpus: 2, timeout: 2 h}}\n")) == definition(SPEC)
    for kind, devices in (("train", "cuda cpu"), ("execute", "cpu cuda")):
        other = definition(study(more=f"resources: {{{kind}: {{gpus: 1}}}}\n"))
        assert other == {**definition(SPEC), "devices": devices}


def test_another_order_of_the_file_is_another_search_where_it_says_something() -> None:
    """What is first is the baseline, and what trials have that is not searched for; parameters are drawn in order."""
    recipes = "  unlayered: {method: unlayered, policy: random}\n", "  layered: {method: layered}\n"
    drawn = OF_NETWORK.splitlines(keepends=True)
    for part, (first, second) in {"baseline": recipes, "space": drawn}.items():
        other = definition(study((first + second, second + first)))
        assert differing(other, definition(SPEC)) == {part}
    assert definition(study(more="baseline: {recipe: unlayered, chip: mubrain}\n")) == definition(SPEC)
    of_chip = ("[asynchronous]}", "[asynchronous]}\n  loihi: {schedules: [asynchronous]}"), searching("chip: [loihi]")
    own = of_chip[0], ("{schedules: [asynchronous]}", "{}"), of_chip[1]
    assert definition(study(*own)).keys() - definition(study(*of_chip)).keys() == {"schedules of chips"}


class Hinge:
    version = 1

    def __call__(self, simulation: object, labels: object) -> object: ...


class OtherHinge(Hinge):
    version = 2


def by_layer(version: int) -> Policy:
    return Policy(name="mine", priority=lambda waiting: waiting.layer, version=version)


@pytest.mark.parametrize(
    ("group", "written", "versions", "said"),
    [
        (
            "policies",
            ("policy: [random, momentum]", "policy: [random, momentum, mine]"),
            [by_layer(1), by_layer(2)],
            "policy mine",
        ),
        ("losses", ("{method: layered}", "{method: layered, loss: mine}"), [Hinge, OtherHinge], "loss mine"),
    ],
)
def test_a_policy_or_loss_of_another_version_is_another_search(monkeypatch, group, written, versions, said):
    found = []
    for plug_in in [*versions, None]:
        plug_ins.register(monkeypatch, f"codesign.{group}", **({"mine": plug_in} if plug_in else {}))
        found.append(definition(study(written)) if plug_in else definition(SPEC))
    before, after, without = found
    assert differing(before, after) == {said}
    assert said not in without


def test_a_study_without_an_ended_trial_begins_anew_with_another_file(tmp_path: Path) -> None:
    with_trials(tmp_path, count=0)
    assert reopened(tmp_path, OTHER) == ([], ["the file changed before any trial ended: the study starts over"])


OF_NETWORK = "  neuron.time_constant: {from: 1 ms, to: 100 ms, scale: log}\n  network.hidden.1: {from: 4, to: 8}\n"


def test_what_a_model_to_begin_with_holds_matters_to_a_search_and_not_where_files_lie(tmp_path: Path) -> None:
    found = []
    for folder, seed in (("here", 0), ("there", 0), ("here", 1)):
        place = tmp_path / folder
        network = cd.SpikingNetwork("512-6-4-10", cd.NeuronSpec(threshold=0.05), timestep_s=0.01, seed=seed)
        cd.save_model(place / "mine.safetensors", network, cd.describe_model(network, name="mine"))
        (place / "own.yaml").write_text("name: own\nextends: mubrain\n", encoding="utf-8")
        begun = ("method: layered", f"method: layered, from: {place}/mine.safetensors")
        chip = ("mubrain: {capacity", f"mubrain: {{extends: {place}/own.yaml, capacity")
        found.append(definition(study((OF_NETWORK, ""), begun, chip)))
    first, moved, other = found
    assert first == moved
    assert differing(first, other) == {"model files"}


def test_other_chips_or_versions_are_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chip = tmp_path / "mine.yaml"
    text = (CHIPS / "mubrain.yaml").read_text(encoding="utf-8").replace("name: mubrain", "name: mine")
    chip.write_text(text, encoding="utf-8")
    spec = study(("mubrain: {capacity", f"mubrain: {{extends: {chip}, capacity"))
    before = definition(spec)
    assert "value: 0.185 pJ" in text
    chip.write_text(text.replace("value: 0.185 pJ", "value: 0.2 pJ"), encoding="utf-8")
    changed = definition(spec)
    assert differing(before, changed) == {"chip files"}
    monkeypatch.setattr("codesign.exploration.jobs.jobs.EXECUTE_VERSION", 10**6)
    upgraded = definition(spec)
    assert differing(changed, upgraded) == {"codesign version"}


def test_results_at_a_url_are_refused() -> None:
    with pytest.raises(InputError, match="trials are stored next to the results of a study, in a local folder"):
        Trials("memory://x")

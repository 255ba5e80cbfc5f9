"""Whole studies: the same trials whatever interrupts them or runs their jobs, and nothing computed twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pyarrow.parquet as pq
import pytest
import tiny_sweeps
from tiny_studies import FIDELITY, SPACE, WIDTH, Watch, run, searching, study
from tiny_sweeps import let_trainings_diverge

from codesign.analysis.results.pareto import hypervolume, pareto_front
from codesign.analysis.results.table import contents_equal, read_results
from codesign.errors import InputError
from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.runner import Runner
from codesign.exploration.runs.record import read_record
from codesign.exploration.study.storage import JOURNAL
from codesign.exploration.study.study import StudyOutcome
from codesign.files import open_folder

FEWER = ("trials: 8", "trials: 4")
ENERGY = "  - {column: energy_j, direction: minimize, reference: 1 mJ}\n"


class Killed(BaseException):
    """Ends a run where a killed process would have ended."""


def same(a: StudyOutcome, b: StudyOutcome) -> bool:
    """Whether two studies found the same, in every file."""
    assert a.facts == b.facts
    assert Path(a.trials).read_bytes() == Path(b.trials).read_bytes()
    return contents_equal(read_results(a.results), read_results(b.results))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that studies share: what they have in common is computed once."""
    return tmp_path_factory.mktemp("studies")


Search = Callable[..., tuple[StudyOutcome, Watch]]


@pytest.fixture
def search(folder: Path, tmp_path: Path, cache_root: Path) -> Search:
    """Runs the tiny study, with pieces replaced and more added, in the shared store and a folder of the test's own."""

    def start(*changes: tuple[str, str], more: str = "", store: Path = folder, **options: Any) -> Any:
        return run(study(*changes, more=more), store, cache_root, output=str(tmp_path), **options)

    return start


@pytest.fixture(scope="module")
def ended() -> dict[str, Any]:
    """What `undisturbed` has run, by what is added to the file: pytest may make that fixture more than once."""
    return {}


@pytest.fixture(scope="module", params=["", FIDELITY], ids=["plain", "fidelity"])
def undisturbed(request: pytest.FixtureRequest, ended: dict[str, Any], folder: Path, cache_root: Path) -> Any:
    """A study from beginning to end: what is added to the file, what came out, what was told."""
    more = request.param
    if more not in ended:
        ended[more] = more, *run(study(more=more), folder, cache_root, output="fidelity" if more else "plain")
    return ended[more]


with_fidelity = pytest.mark.parametrize("undisturbed", [FIDELITY], ids=["fidelity"], indirect=True)
"""A study with fidelity has all that goes on without it, and more."""


def test_what_a_study_leaves(undisturbed: Any) -> None:
    more, outcome, watch = undisturbed
    facts, results = outcome.facts, read_results(outcome.results)
    trials = facts.trials
    assert [trial.number for trial in trials] == list(range(8))
    assert len(watch.told) == 8
    complete = [trial for trial in trials if trial.state == "complete"]
    dropped = [trial for trial in trials if trial.state == "dropped"]
    # Of each cohort of four, two go on.
    assert (len(complete), len(dropped)) == ((4, 4) if more else (8, 0))
    assert {trial.level for trial in complete} == {1 if more else 0}
    assert {trial.level for trial in dropped} <= {0}
    values = [trial.values for trial in complete]
    # No accuracy at all is not better than the reference, and does not count.
    counting = [trial for trial in complete if trial.values[0] > 0]
    front = pareto_front([trial.values for trial in counting], ["maximize", "minimize"])
    chosen = {trial.number for trial, on_front in zip(counting, front, strict=True) if on_front}
    assert {trial.number for trial in trials if trial.on_front} == chosen != set()
    assert trials[-1].hypervolume == hypervolume(values, ["maximize", "minimize"], [0.0, 1e-3])
    assert all(trial.spreads[0] is not None for trial in complete)
    # The front and the baseline were tested, with both training seeds, on samples that no choice saw.
    labels = {"baseline", *(str(trial.number) for trial in trials if trial.on_front)}
    assert set(results.frame["axis.trial"]) == labels
    assert len(results.frame) == 2 * len(labels)
    assert set(results.frame["status"]) == {"ok"}
    assert all(topology in results.metadata.topology for topology in results.frame["topology"])
    table = pq.read_table(outcome.trials).to_pydict()
    assert table["number"] == list(range(8))
    assert table["accuracy"] == [trial.values[0] for trial in trials]
    assert "<html" in Path(outcome.report).read_text(encoding="utf-8")
    record = read_record(open_folder(Path(outcome.results).parent))
    assert (record.kind, record.state, record.jobs.total) == ("study", "finished", record.jobs.ended)
    assert (record.search.trials, sum(record.search.told.values()), record.search.in_flight) == (8, 8, 0)
    assert record.search.place == str(Path(outcome.results).with_name(JOURNAL))


def test_a_second_run_runs_nothing_and_writes_the_same(undisturbed: Any, folder: Path, cache_root: Path) -> None:
    more, outcome, _ = undisturbed
    again, watch = run(study(more=more), folder, cache_root, output=Path(outcome.results).parent.name)
    assert watch.ran == []
    assert watch.told == []
    assert same(again, outcome)


@with_fidelity
def test_a_sweep_and_a_study_do_not_replace_each_other(undisturbed, folder, cache_root, tmp_path):
    with pytest.raises(InputError, match=r"holds the study 'tiny', which the sweep would replace; rename one, or"):
        tiny_sweeps.run(tiny_sweeps.tiny(), folder, cache_root, output="fidelity")
    tiny_sweeps.run(tiny_sweeps.tiny(), folder, cache_root, output=str(tmp_path))
    with pytest.raises(InputError, match=r"holds the sweep 'tiny', which the study would replace; rename one, or"):
        run(study(), folder, cache_root, output=str(tmp_path))
    assert not (tmp_path / JOURNAL).exists()


@pytest.mark.parametrize("undisturbed", [""], ids=["plain"], indirect=True)
def test_trials_share_the_files_that_were_read_first(undisturbed, search, tmp_path, monkeypatch):
    (own := tmp_path / "own.yaml").write_text("name: own\nextends: mubrain\n", encoding="utf-8")
    monkeypatch.setattr(Watch, "trial_ended", lambda *_: own.write_text("name: [", encoding="utf-8"))
    edited, _ = search(("mubrain: {capacity", f"mubrain: {{extends: {own}, capacity"))
    assert edited.facts.trials == undisturbed[1].facts.trials


def die_after(monkeypatch: pytest.MonkeyPatch, owner: Any, method: str, calls: int) -> None:
    """Let a run end right after so many calls of a method, once."""
    original, left = getattr(owner, method), [calls]

    def dying(self: Any, *arguments: Any, **options: Any) -> Any:
        result = original(self, *arguments, **options)
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return result

    monkeypatch.setattr(owner, method, dying)


WRITES = [
    (optuna.Study, "ask", 1),
    (optuna.Study, "tell", 5),
    (optuna.trial.Trial, "set_user_attr", 1),
    (optuna.trial.Trial, "set_constraint", 1),
]


@with_fidelity
@pytest.mark.parametrize(("owner", "method", "calls"), [(Runner, "step", 9), *WRITES])
def test_a_study_that_is_killed_ends_as_if_it_had_not_been(
    undisturbed: Any,
    search: Search,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    method: str,
    calls: int,
) -> None:
    """In the middle of its jobs, or between two writes of its journal."""
    more, outcome, _ = undisturbed
    die_after(monkeypatch, owner, method, calls)
    store = tmp_path if owner is Runner else folder
    with pytest.raises(Killed):
        search(more=more, store=store)
    again, _ = search(more=more, store=store)
    assert same(again, outcome)


@pytest.mark.thorough
@pytest.mark.parametrize("steps", [1, 9, 30])
def test_a_study_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    undisturbed: Any, search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Would catch what goes wrong only for a trial that is resumed twice, or at its last level."""
    more, outcome, _ = undisturbed
    for runs in range(200):
        try:
            with monkeypatch.context() as patch:
                die_after(patch, Runner, "step", steps + 3 * runs)  # a little further each time, so that it ends
                again, _ = search(more=more, store=tmp_path)
            break
        except Killed:
            continue
    assert runs > 0
    assert same(again, outcome)


@with_fidelity
@pytest.mark.parametrize(("trial", "drawn"), [(0, 0), (1, 2), (6, 4)])
def test_a_journal_that_is_lost_or_ends_in_the_middle_of_a_draw_costs_nothing(
    undisturbed: Any, search: Search, tmp_path: Path, trial: int, drawn: int
) -> None:
    more, outcome, _ = undisturbed
    lines = Path(outcome.results).with_name("journal.log").read_bytes().splitlines(keepends=True)
    of_it = b'"trial_id":%d,' % trial
    draws = [0, *(n for n, line in enumerate(lines) if b'"param_name"' in line and of_it in line)]
    assert len(draws) > drawn
    (tmp_path / "journal.log").write_bytes(b"".join(lines[: draws[drawn]]))
    again, watch = search(more=more)
    assert watch.ran == []
    assert same(again, outcome)


@pytest.mark.thorough
def test_the_executor_decides_nothing(undisturbed: Any, search: Search, tmp_path: Path) -> None:
    """On a Ray of its own, where jobs end in any order: a proposal that depended on which ended first would differ."""
    more, outcome, _ = undisturbed
    again, _ = search(more=more, store=tmp_path, executor=RayExecutor(workers=2))
    assert same(again, outcome)


@with_fidelity
def test_a_larger_budget_goes_on_where_it_was(undisturbed: Any, search: Search) -> None:
    more, outcome, _ = undisturbed
    first, _ = search(FEWER, more=more)
    assert len(first.facts.trials) == 4
    again, watch = search(more=more)
    assert len(watch.told) == 4
    assert again.facts.trials[:4] == tuple(
        dataclasses.replace(trial, on_front=again.facts.trials[trial.number].on_front) for trial in first.facts.trials
    )
    # Fewer trials were under way when it stopped, so proposals may differ from those of one run; the first ones cannot.
    assert [trial.parameters for trial in again.facts.trials[:4]] == [
        trial.parameters for trial in outcome.facts.trials[:4]
    ]


def test_points_that_somebody_enqueues_are_refused(search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Between two runs and during one: Optuna would try any number, and values that the file does not have."""
    url = f"sqlite:///{tmp_path}/trials.db"
    search(("trials: 8", "trials: 1"), storage=url)
    enqueue = optuna.load_study(study_name="tiny", storage=url).enqueue_trial
    monkeypatch.setattr(Watch, "trial_began", lambda *_: enqueue({"recipe.group_size": 9}))
    for _ in range(2):
        with pytest.raises(InputError, match=r"trials\.db: holds trials that were enqueued, but a study draws all of"):
            search(storage=url)


def test_a_cohort_that_a_budget_cut_short_is_completed(search: Search) -> None:
    """Six of two cohorts of four: the last two compete with those that are there, wherever the run is interrupted.
    With one objective, as few other studies here."""
    alone = (ENERGY, "")
    search(alone, ("trials: 8", "trials: 6"), more=FIDELITY)
    outcome, watch = search(alone, ("trials: 8", "trials: 11"), more=FIDELITY)
    assert len(watch.told) == 5
    states = [trial.state for trial in outcome.facts.trials]
    assert len(states) == 11
    # 4 → 2; 2 of an unfinished cohort → 1, then 4 → 2 of the completed one, of which some were told before; 3 → 2.
    assert states[:4].count("complete") == 2
    assert states[4:6].count("complete") == 1
    assert states[8:].count("complete") == 2
    (best,) = (trial for trial in outcome.facts.trials if trial.on_front)
    assert best.values[0] == max(trial.values[0] for trial in outcome.facts.trials if trial.state == "complete")
    again, _ = search(alone, ("trials: 8", "trials: 11"), more=FIDELITY)
    assert again.facts == outcome.facts


def test_a_budget_of_time_ends_and_goes_on(search: Search) -> None:
    soon = ("budget: {trials: 8}", "budget: {time: 1 ms}")
    first, _ = search(soon)
    assert 1 <= len(first.facts.trials) <= 3  # those that were under way
    again, watch = search(soon)
    assert watch.told == []
    assert same(again, first)


def test_what_is_known_to_violate_a_constraint_costs_nothing(search: Search, tmp_path: Path) -> None:
    # 512 inputs · 6 or more neurons in the first layer at 4 bits are above, 4 and 5 below; the baseline has 8.
    more = "constraints: [{column: weight_memory_bits, at_most: 12000}]\nbaseline: {recipe: layered}\n"
    outcome, watch = search(FEWER, ('hidden: "6-4"', 'hidden: "8-4"'), more=more, store=tmp_path)
    violating = [trial for trial in outcome.facts.trials if trial.parameters["network.hidden.1"] > 5]
    assert violating
    for trial in violating:
        assert trial.state == "infeasible"
        assert (trial.reason or "").startswith("violates weight_memory_bits at most 12000 (1")
        assert trial.violations["weight_memory_bits at most 12000"] > 0
        assert trial.values == (None, None)
        assert not any(f"trial {trial.number}:" in job for job in watch.ran)
    assert not any(trial.on_front for trial in violating)
    # A baseline that is too large is held against nothing.
    assert outcome.facts.baseline.state == "infeasible"
    assert any(trial.state == "complete" for trial in outcome.facts.trials)


@with_fidelity
def test_a_storage_at_a_url_keeps_the_trials_too(undisturbed, search, tmp_path, monkeypatch):
    more, outcome, _ = undisturbed
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    with monkeypatch.context() as patch:
        die_after(patch, optuna.Study, "tell", 5)
        with pytest.raises(Killed):
            search(more=more, storage=url)
    again, watch = search(more=more, storage=url)
    assert watch.ran == []
    assert same(again, outcome)
    assert not (tmp_path / JOURNAL).exists()
    (name,) = optuna.get_all_study_names(url)
    states = [trial.state.name for trial in optuna.load_study(study_name=name, storage=url).trials]
    assert states == ["COMPLETE"] * 8


@pytest.mark.parametrize("url", ["sqlite:///no/such/folder/x.db", "nosuch://x", "trials.db"])
def test_a_storage_that_cannot_be_opened_is_told(search: Search, url: str) -> None:
    with pytest.raises(InputError, match=f"^{url}: cannot be opened: "):
        search(storage=url)


def test_a_trial_is_judged_by_what_compares_it_with_other_executions_too(search: Search) -> None:
    limits = "{column: agreement, at_least: 0 %}, {column: float_accuracy, at_least: 0 %}"
    outcome, _ = search(("trials: 8", "trials: 2"), more=f"constraints: [{limits}]\n")
    assert [trial.state for trial in outcome.facts.trials] == ["complete"] * 2


def test_a_network_that_does_not_fit_is_infeasible_and_the_search_goes_on(search: Search) -> None:
    entry = "{capacity: scaled, schedules: [asynchronous]}"
    other = (entry, f"{entry}\n  truenorth: {{schedules: [asynchronous]}}")
    outcome, _ = search(FEWER, other, searching(WIDTH, "chip: [mubrain, truenorth]"))
    unfit = [trial for trial in outcome.facts.trials if trial.parameters["chip"] == "truenorth"]
    assert unfit
    assert all(trial.state == "infeasible" and "256" in str(trial.reason) for trial in unfit)


def test_values_that_only_together_cannot_be_make_a_trial_infeasible(search: Search) -> None:
    space = "space:\n  schedule.input_mode: [queued, frame]\n  schedule.prioritize_input: [false, true]\n"
    outcome, _ = search((SPACE, space), ("group_size: 4}", "group_size: 4, input_mode: queued}"))
    clash = {"schedule.input_mode": "frame", "schedule.prioritize_input": True}
    reasons = {trial.reason for trial in outcome.facts.trials if trial.parameters == clash}
    assert {trial.state for trial in outcome.facts.trials if trial.parameters == clash} == {"infeasible"}
    assert {trial.state for trial in outcome.facts.trials if trial.parameters != clash} == {"complete"}
    assert str(*reasons).startswith("input_mode = frame, prioritize_input = True: prioritize_input needs")


def test_a_failing_training_is_a_failed_trial(search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_trainings_diverge(monkeypatch, "layered")
    outcome, _ = search(store=tmp_path)
    failed = [trial for trial in outcome.facts.trials if trial.state == "failed"]
    assert failed
    assert {trial.reason for trial in failed} == {"TrainingDivergedError: the loss became nan"}
    assert {trial.parameters["recipe"] for trial in failed} == {"layered"}
    assert outcome.failed == len(failed)
    assert "move the journal away" in outcome.failures
    assert any(trial.state == "complete" for trial in outcome.facts.trials)


def test_a_repeated_point_is_free(search: Search, tmp_path: Path) -> None:
    few = "space:\n  recipe.group_size: [2, 4]\n  network.hidden.1: [5]\n"
    outcome, watch = search((SPACE, few), store=tmp_path)
    assert len({str(trial.parameters) for trial in outcome.facts.trials}) == 2
    # Two points and the baseline, of two seeds each, trained once whatever asked for them.
    jobs = outcome.table.metadata.jobs
    assert watch.kinds().count("train") == jobs.trained == 6
    assert (jobs.executed, jobs.priced) == (watch.total["execute"], watch.total["price"])


def test_an_objective_that_the_baseline_lacks_is_a_mistake(search: Search) -> None:
    energy, latency = ENERGY, ENERGY.replace("energy_j", "latency_s").replace("1 mJ", "1 s")
    message = "the baseline, the file without its space, has no result: latency_s is not"
    with pytest.raises(InputError, match=message):
        search(("  mubrain: {capacity", "  mubrain_layersync2024: {capacity"), (energy, latency))


def test_a_baseline_whose_timer_drops_spikes_leaves_ticks_to_search_for(search: Search) -> None:
    timer = "  timed: {extends: loihi, synchronization: {kind: timer, tick: 1 ns, overload: drop}}\n"
    chips = ("  mubrain: {capacity: scaled, schedules: [asynchronous]}\n", timer)
    outcome, _ = search(chips, (SPACE, "space:\n  chip.timed.synchronization.tick: [1 ns, 1 ms]\n"))
    assert outcome.facts.baseline.state == "infeasible"
    found = {trial.parameters["chip.timed.synchronization.tick"]: trial.state for trial in outcome.facts.trials}
    assert found == {1e-9: "infeasible", 1e-3: "complete"}


def test_a_trial_that_waits_for_layers_on_a_chip_that_cannot_is_infeasible_and_not_run(search: Search) -> None:
    listed = ("schedules: [asynchronous]", "schedules: [asynchronous, layered]")
    outcome, _ = search(listed, (SPACE, "space:\n  schedule: [asynchronous, layered]\n"))
    found = {trial.parameters["schedule"]: (trial.state, trial.reason) for trial in outcome.facts.trials}
    assert found == {"asynchronous": ("complete", None), "layered": ("infeasible", "the chip's neurons cannot wait")}


def test_an_option_that_fails_when_the_sampler_proposes_is_a_mistake(search: Search) -> None:
    with pytest.raises(InputError, match=r"^sampler: 'tpe' cannot propose a trial with these options: index 0 is out"):
        search(("{n_startup_trials: 4}", "{n_startup_trials: 2, n_ei_candidates: 0}"))


def test_a_trial_that_somebody_else_adds_is_told(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    original = optuna.Study.ask
    monkeypatch.setattr(optuna.Study, "ask", lambda study: (original(study), original(study))[1])
    with pytest.raises(InputError, match=r"journal\.log: another process adds trials; only one may search at a time"):
        search()


def test_trials_are_optunas_and_can_be_looked_at_by_its_tools(undisturbed: Any) -> None:
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    _, outcome, _ = undisturbed
    path = str(Path(outcome.results).parent / "journal.log")
    storage = optuna.storages.JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    loaded = optuna.load_study(study_name="tiny", storage=storage)
    assert [trial.state.name for trial in loaded.trials] == ["COMPLETE"] * 8
    best = {trial.number for trial in loaded.best_trials}
    # Dropped trials have values of a cheaper kind, and are infeasible to Optuna. References it does not know.
    assert best >= {trial.number for trial in outcome.facts.trials if trial.on_front}
    assert all(outcome.facts.trials[number].state == "complete" for number in best)


def test_a_constraint_that_only_the_full_level_meets_ends_no_trial_early(search: Search) -> None:
    more = f"{FIDELITY}constraints: [{{column: accuracy, at_least: 100 %}}]\n"  # no trial meets it
    outcome, _ = search(more=more)
    assert [trial.state for trial in outcome.facts.trials].count("infeasible") == 4
    assert {trial.level for trial in outcome.facts.trials if trial.state == "infeasible"} == {1}
    assert {trial.level for trial in outcome.facts.trials if trial.state == "dropped"} == {0}


def test_events_that_timesteps_leave_out_are_told(search: Search, tmp_path: Path):
    events = {"t": np.tile([1000, 9000], 40), "unit": np.arange(80), "offsets": np.arange(0, 81, 2), "grid": [80]}
    np.savez(tmp_path / "late.npz", **events, labels=np.arange(40) % 2, timesteps=4, timestep_s=2e-3)
    digits = "{name: digits, timesteps: 2, train: 60, validation: 40, test: 20}"
    own = (digits, f"{{name: arrays, file: {tmp_path / 'late.npz'}}}")
    fewer = searching("workload.timesteps: [2]")
    outcome, watch = search(own, fewer, ("trials: 8", "trials: 1"), ("epochs: 4", "epochs: 1"))
    for timesteps in (4, 2):  # of the baseline, and of the trial
        said = f"50.0 % of the events come after the {timesteps} timesteps of 2 ms and are left out"
        assert watch.notes.count(said) == (timesteps == 4)
        assert said in outcome.table.metadata.workload.coverage

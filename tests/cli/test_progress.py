from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console

from codesign.exploration.executors.base import Failure
from codesign.exploration.runs.progress import FrontLine, Progress, TrialCounts
from codesign.exploration.runs.shown import LogView, TerminalView, choose_progress
from codesign.exploration.work import Job, Work
from codesign.training.result import EpochReport
from codesign.units import ago, format_duration, rate_text

FAILURE = Failure(kind="ValueError", message="no")


class Clock:
    """The time, to be set by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def job(kind: str, label: str) -> Job:
    """With one result."""
    return Job(kind=kind, label=label, wanted=(None,), needs=None)


def jobs_of(**kinds: int) -> list[Job]:
    """So many of each kind, called a, b and so on."""
    return [job(kind, chr(ord("a") + number)) for kind, count in kinds.items() for number in range(count)]


def work(trainings: int, executions: int) -> Work:
    """Counts are all that matters here."""
    jobs = jobs_of(train=trainings, execute=executions)
    return Work(jobs=tuple(jobs), in_store={"train": 3, "execute": 0, "price": 0})


def begin(progress: Progress, jobs: Mapping[str, int]) -> None:
    """A sweep with so many jobs by kind."""
    everything = work(jobs.get("train", 0), jobs.get("execute", 0))
    progress.planned(everything, "serial")
    progress.added(everything, jobs_of(**jobs))


def begin_search(progress: Progress, *, trials: int | None, time_s: float | None = None, **told: int) -> None:
    search = TrialCounts(trials=trials, time_s=time_s, told=told, place="journal.log")
    progress.study_begins(search, elapsed_s=100.0, executor="ray")


def epoch(number: int) -> EpochReport:
    return EpochReport(
        epoch=number,
        epochs=5,
        loss=1.25,
        training_accuracy=0.5,
        validation_accuracy=0.625,
        spike_density=1.0,
        validation_density=1.0,
        spike_cost=0.0,
        energy_j=None,
        updates_s=0.75,
        elapsed_s=4.0,
        remaining_s=6.0,
    )


def test_durations_times_and_rates_in_words() -> None:
    durations = {
        0.04: "0.0 s",
        9.94: "9.9 s",
        9.96: "10 s",
        42.3: "42 s",
        59.7: "1 min 00 s",
        200: "3 min 20 s",
        7500: "2 h 05 min",
    }
    assert {seconds: format_duration(seconds) for seconds in durations} == durations
    times = {-30: "just now", 1.9: "just now", 42.4: "42 s ago"}
    times |= {180: "3 min ago", 2 * 3600: "2 h ago", 5 * 86400: "5 days ago"}
    assert {seconds: ago(seconds) for seconds in times} == times
    rates = {83.4: "83/s", 9.96: "10/s", 1.26: "1.3/s", 4 / 60: "4.0/min", 30 / 3600: "30/h", 0.5 / 3600: "0.5/h"}
    assert {per_s: rate_text(per_s) for per_s in rates} == rates


def test_forecast_by_hand(clock: Clock) -> None:
    run = Progress(clock=clock)
    begin(run, {"train": 4, "price": 20})
    clock.now = 20.0
    for label in "abc":
        assert run.remaining_s() is None  # too few trainings
        run.finished(job("train", label), 10.0)
    # 30 s of work since 10 s before the first one ended: three at once. Until there is one, each of the twenty prices
    # counts as a fiftieth of an epoch; but no less time is left than the last training takes.
    assert run.remaining_s() == pytest.approx(max((10 + 20 * 0.2) / 3, 10))
    clock.now = 30.0
    run.finished(job("price", "a"), 10.0, 10)
    assert run.remaining_s() == pytest.approx((10 + 10) / 2)  # 40 s of work in 20 s, and ten prices of 1 s are left
    clock.now = 34.0
    assert run.remaining_s() == pytest.approx(6.0)  # of which 4 s have passed


def test_trainings_count_by_their_epochs(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "epochs", property(lambda job: {"a": 1, "b": 2, "c": 5, "d": 40}[job.label]))
    run = Progress(clock=clock)
    begin(run, {"train": 4})
    for label, wall_s in {"a": 3.0, "b": 6.0, "c": 15.0}.items():
        clock.now += wall_s
        run.finished(job("train", label), wall_s)
    assert run.remaining_s() == pytest.approx(120.0)
    clock.now += 3600.0  # it takes longer: nothing is told
    assert run.remaining_s() == 0


def test_a_failed_job_is_not_waited_for_and_says_nothing_about_the_others(clock: Clock) -> None:
    run = Progress(clock=clock)
    begin(run, {"train": 2})
    run.failed(job("train", "a"), FAILURE)
    assert run.remaining_s() is None
    run.finished(job("train", "b"), 4.0)
    assert run.remaining_s() == 0


def test_every_job_is_counted_once(clock: Clock) -> None:
    run = Progress(clock=clock)
    begin(run, {"train": 3, "execute": 1, "price": 5})
    for label in ("a", "b"):
        run.started(job("train", label))
    assert (run.total.total(), run.ended.total(), run.running.total()) == (9, 0, 2)
    clock.now = 30.0
    run.finished(job("train", "a"), 30.0)
    run.failed(job("train", "b"), FAILURE)
    run.skipped(job("execute", "a"))
    run.found_in_store(job("train", "c"))
    run.started(job("price", "same"))
    run.started(job("price", "same"))  # variants of a chip may share a label
    assert run.running.total() == 2
    run.part_failed(job("price", "same"), FAILURE)
    run.finished(job("price", "same"), 1.0, 3)  # of four results one failed
    assert run.running == {("price", "same"): 1}
    run.finished(job("price", "same"), 1.0)
    assert (run.total.total(), run.ended.total()) == (9, 9)
    jobs = run.jobs()
    assert (jobs.done, jobs.failed, jobs.skipped, jobs.reused) == (5, 2, 1, 4)
    assert jobs.rate_per_s == pytest.approx(6 / 30)  # neither what was skipped nor what was found was run
    assert not run.running


def test_jobs_that_are_added_while_others_run(clock: Clock) -> None:
    run = Progress(clock=clock)
    begin_search(run, trials=10)
    run.added(work(1, 1), jobs_of(train=1, execute=1))
    run.started(job("train", "a"))
    run.finished(job("train", "a"), 1.0)
    run.added(work(1, 1), jobs_of(train=1))  # the execution is under way
    assert (run.total, run.ended) == ({"train": 2, "execute": 1}, {"train": 1})
    assert run.jobs().reused == 6


def test_what_is_left_of_a_search_by_hand(clock: Clock) -> None:
    run = Progress(clock=clock)
    begin_search(run, trials=20, time_s=1000.0, complete=4)
    assert run.remaining_s() == 900.0  # 100 s were spent by earlier runs
    for _ in range(3):
        run.trial_began()
    clock.now = 60.0
    run.trial_ended("trial 4 complete", "complete")
    run.trial_ended("trial 5 failed", "failed")
    assert (run.search.told, run.search.in_flight) == ({"complete": 5, "failed": 1}, 1)
    assert run.remaining_s() == pytest.approx(14 * 30.0)  # two trials took 60 s; fourteen are left
    clock.now = 880.0
    assert run.remaining_s() == pytest.approx(20.0)  # the budget of time ends first


def test_once_a_budget_is_spent_the_jobs_count_that_are_left(clock: Clock) -> None:
    run = Progress(clock=clock)
    begin_search(run, trials=1)
    run.trial_began()
    clock.now = 10.0
    run.trial_ended("trial 0 complete", "complete")
    run.added(work(0, 2), jobs_of(execute=2))
    assert run.remaining_s() is None
    run.finished(job("execute", "test"), 5.0)
    assert run.remaining_s() == pytest.approx(5.0)


def test_every_job_has_a_line_where_that_is_asked_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setenv("CODESIGN_PROGRESS", "jobs")
    plain = Progress(LogView(stream), clock=clock)
    begin(plain, {"train": 2})
    plain.started(job("train", "a"))
    clock.now = 4.0
    plain.finished(job("train", "a"), 4.0)
    plain.failed(job("train", "b"), FAILURE)
    plain.close()
    assert stream.getvalue().splitlines() == [
        "to run: 2 models (3 in the store), 0 executions (0 in the store), 0 summaries and prices "
        "(0 in the store): 2 jobs; executor: serial",
        "[1/2] train a: done in 4.0 s",
        "train b: FAILED, ValueError: no",
    ]


def test_in_a_notebook_a_line_stays_in_place(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, lines = io.StringIO(), list[list[str]]()

    class Handle:
        """What `IPython.display.display` returns for `display_id=True`."""

        def update(self, shown: dict[str, str], *, raw: bool) -> None:
            lines[-1].append(shown["text/plain"])

    def display(shown: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        lines.append([shown["text/plain"]])
        return Handle()

    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    run = choose_progress()
    run.clock = clock
    begin(run, {"train": 2})
    for now in range(1, 6):
        clock.now = float(now)
        run.pulse()
    run.advanced("points", 3, 3)
    assert [[text.partition("after ")[2] for text in line] for line in lines] == [["2.0 s", "4.0 s"], [""]]
    assert lines[1] == ["points: 3 of 3, 0.0 s"]
    assert len(stream.getvalue().splitlines()) == 1  # what is to run


def test_plain_progress_of_a_study(clock: Clock) -> None:
    stream = io.StringIO()
    plain = Progress(LogView(stream), clock=clock)
    begin_search(plain, trials=8, complete=3)
    plain.added(work(1, 0), jobs_of(train=1))
    plain.trial_began()
    plain.started(job("train", "trial 3: a"))
    clock.now = 59.0
    plain.finished(job("train", "trial 3: a"), 59.0)
    assert len(stream.getvalue().splitlines()) == 1
    clock.now = 60.0
    plain.trial_ended("trial 3 dropped: accuracy 50.0 %", "dropped")
    clock.now = 130.0
    plain.pulse()
    assert stream.getvalue().splitlines() == [
        "to search: 8 trials in all; 3 trials from earlier runs; executor: ray",
        "4/8 trials, 1 of 1 jobs after 1 min 00 s, about 4 min 00 s left",
        "4/8 trials, 1 of 1 jobs after 2 min 10 s, about 2 min 50 s left",
    ]


def test_plain_progress_of_a_phase_and_of_a_download(clock: Clock) -> None:
    stream = io.StringIO()
    plain = Progress(LogView(stream), clock=clock)
    for now, done in ((0.0, 1), (4.9, 500), (5.0, 600), (6.0, 1200)):
        clock.now = now
        plain.advanced("points", done, 1200)
    for now, done in ((10.0, 1_000_000), (16.0, 4_000_000)):
        clock.now = now
        plain.advanced("shd_train.h5", done, None if now == 10.0 else 8_000_000, "B")
    assert stream.getvalue().splitlines() == [
        "points: 1 of 1,200, 0.0 s",
        "points: 600 of 1,200, 5.0 s",
        "points: 1,200 of 1,200, 6.0 s",
        "shd_train.h5: 1.0 MB, 0.0 s",
        "shd_train.h5: 4.0 MB of 8.0 MB, 6.0 s",
    ]


def test_live_progress_has_a_bar_a_phase(clock: Clock) -> None:
    console = terminal(100)
    live = Progress(TerminalView(console), clock=clock)
    begin(live, {"train": 1})
    live.advanced("latencies", 3, 3)
    live.advanced("points", 100, 1200)
    clock.now = 2.0
    live.advanced("points", 600, 1200)
    live.close()
    for shown in ("latencies", "3/3", "points", "600/1200", "0:00:02"):
        assert shown in console.file.getvalue()


def test_a_log_has_a_line_a_minute_and_every_failure(clock: Clock) -> None:
    """10,000 jobs of 30 ms, 3 of which fail, and with each a price: 300 s."""
    stream = io.StringIO()
    plain = Progress(LogView(stream), clock=clock)
    begin(plain, {"execute": 10_000, "price": 3})
    for number in range(10_000):
        plain.started(job("execute", f"job {number}"))
        clock.now += 0.03
        if number % 3400 == 3:
            plain.failed(job("execute", f"job {number}"), FAILURE)
            plain.skipped(job("price", "a"))
        else:
            plain.finished(job("execute", f"job {number}"), 0.03)
    plain.close()
    lines = stream.getvalue().splitlines()
    assert sum("FAILED" in line for line in lines) == 3
    told = [line for line in lines[1:] if "FAILED" not in line]
    assert told[0].startswith("1,999 of 10,003 jobs after 1 min 00 s, 1 failed, 1 skipped")
    assert told[-1] == "9,997 of 10,003 jobs after 5 min 00 s, 3 failed, 3 skipped"
    assert len(told) == 5


def test_a_log_says_every_minute_how_far_trainings_are(clock: Clock) -> None:
    stream = io.StringIO()
    plain = Progress(LogView(stream), clock=clock)
    begin(plain, {"train": 2})
    plain.started(job("train", "a"))
    for _ in range(150):
        clock.now += 1.0
        if clock.now == 100:
            plain.epoch(job("train", "a"), epoch(2))
        plain.pulse()
    assert stream.getvalue().splitlines()[1:] == [
        "0 of 2 jobs after 1 min 00 s",
        "0 of 2 jobs after 2 min 00 s; a: epoch 2/5, loss 1.250, validation accuracy 62.5 %, 6.0 s left",
    ]


def picture(view: TerminalView, width: int, height: int = 40) -> list[str]:
    """What it draws, on a terminal of its own: that on which it is alive has two of it."""
    console = terminal(width, height)
    with console.capture() as captured:
        console.print(view)
    return [line.rstrip() for line in captured.get().splitlines()]


def terminal(width: int, height: int = 40) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)


def test_live_progress_shows_counts_rate_and_epochs(clock: Clock) -> None:
    live = Progress(view := TerminalView(terminal(120)), clock=clock)
    try:
        begin(live, {"train": 3})
        live.started(job("train", "a"))
        clock.now = 30.0
        live.finished(job("train", "a"), 30.0)
        live.started(job("train", "b"))
        live.failed(job("train", "b"), FAILURE)
        live.started(job("train", "c"))
        live.epoch(job("train", "c"), epoch(2))
        lines = picture(view, 120)
    finally:
        live.close()
    assert lines == [
        "━" * 13 + "─" * 7 + " 2/3 jobs, 4.0/min, about 30 s left",
        "done 1, under way 1, from the store 3, failed 1",
        "train 2/3",
        "  train c: epoch 2/5, loss 1.250, validation accuracy 62.5 %, 6.0 s left",
    ]


@pytest.mark.parametrize("width", [60, 160])
@pytest.mark.parametrize("height", [10, 24, 60])
def test_live_progress_fits_any_terminal(clock: Clock, width: int, height: int) -> None:
    live = Progress(view := TerminalView(terminal(width, height)), clock=clock)
    try:
        begin_search(live, trials=1000, complete=120, dropped=80, infeasible=40, failed=3)
        live.added(work(900, 9000), jobs_of(train=900, execute=9000))
        clock.now = 3600.0
        for number in range(40):
            live.started(job("execute", f"trial {number}: unlayered_momentum seed {number}, asynchronous on mubrain"))
            live.trial_began()
        live.finished(job("train", "b"), 30.0)
        labels = ("accuracy", "energy per sample", "decision latency")
        live.front(
            [FrontLine(name=f"trial {n}", labels=labels, values=("98.7 %", "1.234 µJ", "12.34 ms")) for n in range(30)],
            "1.234 times the baseline's",
        )
        lines = picture(view, width, height)
    finally:
        live.close()
    assert max(map(len, lines)) <= width
    assert len(lines) <= min(15, height - 1)
    shown = "\n".join(lines)
    for part in ("1/9,900 jobs", "under way 40", "trials 243/1,000", "120 complete", "40 in flight"):
        assert part in shown
    if height > 10:
        assert "  and 3" in shown  # more jobs than there is room for
        assert "best: 30 points" in shown

from __future__ import annotations

import io

import pytest
from rich.console import Console

from codesign.cli.durations import ago, format_duration
from codesign.cli.progress import LiveProgress, PlainProgress
from codesign.exploration.counting import Counting, Forecast, rate_text
from codesign.exploration.executors.base import Failure
from codesign.exploration.work import JobTally, Work
from codesign.training.trainer import EpochReport


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by the test."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def work(trainings: int, executions: int) -> Work:
    """Counts are all that matters here."""
    return Work(
        trainings=(None,) * trainings,  # type: ignore[arg-type]
        executions=(None,) * executions,  # type: ignore[arg-type]
        assessments=(),
        train=JobTally(to_run=trainings, in_store=3),
        execute=JobTally(to_run=executions, in_store=0),
        price=JobTally(to_run=0, in_store=0),
        labels={},
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (42.3, "42 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_forecast_by_hand(clock: list[float]) -> None:
    forecast = Forecast()
    forecast.plan(work(3, 4))
    assert forecast.remaining_s() is None
    clock[0] = 20.0
    forecast.ended("train", 10.0)
    assert forecast.remaining_s() is None  # executions may take any time
    forecast.ended("execute", 2.0)
    assert forecast.remaining_s() == pytest.approx(2 * 10 + 3 * 2)
    forecast.ended("train", 28.0)
    # 40 s of work in 20 s: two at once. One training of 19 s and three executions of 2 s are left.
    assert forecast.remaining_s() == pytest.approx((19 + 6) / 2)


def test_a_failed_job_is_not_waited_for_and_says_nothing_about_the_others(clock: list[float]) -> None:
    forecast = Forecast()
    forecast.plan(work(2, 0))
    forecast.ended("train", None)
    assert forecast.remaining_s() is None
    forecast.ended("train", 4.0)
    assert forecast.remaining_s() == 0


def test_plain_progress_writes_one_line_an_event(clock: list[float]) -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream)
    plain.planned(work(2, 0), "serial")
    plain.started("train", "a")
    clock[0] = 4.0
    plain.finished("train", "a", 4.0)
    plain.failed("train", "b", Failure(kind="ValueError", message="no"))
    assert stream.getvalue().splitlines() == [
        "to run: 2 trainings (3 in the store), 0 executions (0 in the store), 0 prices (0 in the store); "
        "executor: serial",
        "[1/2] train a: done in 4.0 s, about 4.0 s left",
        "[2/2] train b: FAILED, ValueError: no",
    ]


def test_live_progress_shows_counts_rate_and_epochs(clock: list[float]) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    live = LiveProgress(console)
    try:
        live.planned(work(3, 0), "serial")
        live.started("train", "a")
        clock[0] = 30.0
        live.finished("train", "a", 30.0)
        live.failed("train", "b", Failure(kind="ValueError", message="no"))
        live.started("train", "c")
        live.epoch(
            "c",
            EpochReport(
                epoch=2,
                epochs=5,
                loss=1.25,
                training_accuracy=0.5,
                validation_accuracy=0.625,
                spike_density=1.0,
                elapsed_s=4.0,
                remaining_s=6.0,
            ),
        )
        with console.capture() as captured:
            console.print(live)
    finally:
        live.close()
    lines = captured.get().splitlines()
    assert "2/3 jobs, 1 failed, 3 from the store, 4.0 jobs/min, about 30 s left" in lines[-2]
    assert lines[-1] == "  train c: epoch 2/5, loss 1.250, validation accuracy 62.5%, 6.0 s left"

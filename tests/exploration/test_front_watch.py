"""The front of a sweep while it runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tiny_studies import Watch
from tiny_sweeps import UNLAYERED, axes, instead, plan_of, run, tiny

from codesign.analysis.comparisons.fronts import find_fronts
from codesign.analysis.results.formatting import quantity
from codesign.analysis.results.points import gather
from codesign.analysis.results.table import read_results
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.plan import Plan
from codesign.exploration.runs.front_watch import FrontWatch
from codesign.exploration.runs.progress import FrontLine

CHIPS = instead("mubrain_layersync2024: {capacity: scaled, schedules: [asynchronous]}", "loihi: {schedules: [layered]}")
FITTED = "layered, asynchronous on mubrain"
COLUMNS = ("accuracy", "energy_j", "latency_s")


def watched(spec: SweepSpec) -> tuple[Plan, FrontWatch]:
    plan = plan_of(spec)
    return plan, FrontWatch(plan)


def summary(accuracy: float) -> bytes:
    return json.dumps({"accuracy": accuracy, "spike_density": 1.5}, separators=(",", ":")).encode()


def cost(
    energy_j: float | None, latency_s: float | None, coverage: Sequence[str] = ("spike", "static"), **more: Any
) -> bytes:
    cells: dict[str, Any] = {
        "assumptions": ['a note that says "energy_j":1'],
        "energy_coverage": list(coverage),
        "energy_j": energy_j,
        "latency_s": latency_s,
        **more,
    }
    return json.dumps(cells, separators=(",", ":")).encode()


def give(watch: FrontWatch, plan: Plan, accuracy: float, price: bytes, **columns: Any) -> None:
    """Hand over everything that the rows with these columns need."""
    for point in plan.points:
        if point.jobs is not None and all(point.columns[name] == value for name, value in columns.items()):
            for one in point.jobs.evaluations:
                watch.result(one.summary.key, summary(accuracy))
            watch.result(point.jobs.cost.key, price)


def texts(watch: FrontWatch) -> dict[str, tuple[str, ...]]:
    return {line.name: line.values for line in watch.front()}


def test_a_front_by_hand():
    plan, watch = watched(tiny(UNLAYERED, ("training: [0]", "training: [0, 1]")))
    assert watch.front() == []
    give(watch, plan, 0.9, cost(2e-6, 1e-3), recipe="layered", schedule="asynchronous", training_seed=0)
    assert watch.changed
    assert watch.front() == [
        FrontLine(
            name=FITTED,
            labels=("accuracy", "energy per sample", "latency"),
            values=("90.0 %", "2 µJ", "1 ms"),
            group="digits, accelerated, energy of spike and static, of the whole board",
        )
    ]
    assert not watch.changed
    # The mean over the seeds that are there.
    give(watch, plan, 0.7, cost(4e-6, 3e-3), recipe="layered", schedule="asynchronous", training_seed=1)
    assert texts(watch) == {FITTED: ("80.0 %", "3 µJ", "2 ms")}
    # Worse in everything, then better in one.
    give(watch, plan, 0.7, cost(4e-6, 3e-3), recipe="rs", schedule="asynchronous", training_seed=0)
    assert list(texts(watch)) == [FITTED]
    give(watch, plan, 0.95, cost(4e-6, 3e-3), recipe="rs", schedule="asynchronous", training_seed=1)
    assert texts(watch) == {
        "rs, asynchronous on mubrain": ("82.5 %", "4 µJ", "3 ms"),
        FITTED: ("80.0 %", "3 µJ", "2 ms"),
    }


def test_a_chip_that_drops_spikes_is_on_no_front():
    plan, watch = watched(tiny())
    give(watch, plan, 0.9, cost(1e-6, 1e-3, latency_model="timer, overload drops", overloaded_ticks=0.5))
    assert watch.front() == []
    give(watch, plan, 0.9, cost(1e-6, 1e-3, latency_model="timer, overload stretches", overloaded_ticks=0.5))
    assert len(watch.front()) == 1


def test_where_nobody_knows_all_objectives_the_first_pair_counts():
    plan, watch = watched(tiny(CHIPS))
    give(watch, plan, 0.9, cost(1e-6, None), chip="mubrain_layersync2024")
    (line,) = watch.front()
    assert (line.labels, line.values) == (("accuracy", "energy per sample"), ("90.0 %", "1 µJ"))
    give(watch, plan, 0.1, cost(1e-6, 1e-3), chip="loihi")
    (line,) = watch.front()
    assert line.values == ("10.0 %", "1 µJ", "1 ms")


def test_power_is_that_of_the_book():
    objectives = "objectives: [{column: accuracy, direction: maximize}, {column: power_w, direction: minimize}]"
    plan, watch = watched(tiny(("seeds:", f"static_book: cores_in_use\n{objectives}\nseeds:")))
    give(watch, plan, 0.9, cost(4e-6, 1e-3, energy_cores_in_use_j=2e-6, core_share=0.5, on_s=1e-3, power_w=4e-3))
    assert {values for *_, values in texts(watch).values()} == {"2 mW"}


@pytest.mark.parametrize("damaged", [b"", b"1", b"\xff", b'{"accuracy":[1],"spike_density":1}'])
def test_results_that_cannot_be_read_are_waited_for(damaged):
    plan, watch = watched(tiny())
    for jobs in plan.jobs:
        watch.result(jobs.summary.key, damaged)
        watch.result(jobs.cost.key, cost(1e-6, 1e-3))
    assert watch.front() == []
    watch.result("f" * 64, b"of another sweep")
    give(watch, plan, 0.9, cost(1e-6, 1e-3), schedule="asynchronous")
    assert texts(watch) == {FITTED: ("90.0 %", "1 µJ", "1 ms")}


def test_the_front_is_looked_for_now_and_then():
    now = [0.0]
    (plan, watch), heard = watched(tiny()), Watch()
    heard.clock = lambda: now[0]
    with heard.seen_by(watch):
        heard.pulse()
        assert heard.fronts == []
        give(watch, plan, 0.9, cost(1e-6, 1e-3), schedule="asynchronous")
        heard.pulse()
        heard.pulse()
        assert len(heard.fronts) == 1
        watch.changed = True
        now[0] = 0.9
        heard.pulse()
        assert len(heard.fronts) == 1
        now[0] = 1.0
        heard.pulse()
        assert len(heard.fronts) == 2


def test_it_ends_as_the_front_of_the_report(tmp_path, cache_root):
    spec = tiny(CHIPS, UNLAYERED, axes("chip.loihi.vector_width: [1, 4]"), ("training: [0]", "training: [0, 1]"))
    heard = Watch()
    outcome, _ = run(spec, tmp_path, cache_root, progress=heard)
    table = read_results(outcome.results)
    fronts = find_fronts(gather(table), table.metadata.objectives)
    expected = [
        (
            str(front.group),
            f"{point.recipe}, {point.schedule} on {point.place}",
            tuple(quantity(point.value(column).mean, column) for column in COLUMNS),
        )
        for front in fronts
        if len(front.objectives) == 3
        for point in front.best
    ]
    assert len(expected) > 2
    assert [(line.group, line.name, line.values) for line in heard.fronts[-1]] == expected
    again = Watch()
    run(spec, tmp_path, cache_root, progress=again)
    assert again.fronts == heard.fronts[-1:]  # of a sweep that needs nothing to be run, too

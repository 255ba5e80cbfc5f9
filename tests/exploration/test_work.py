from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_sweeps import axes, plan_of, tiny

from codesign.exploration import work as work_module
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.plan import Plan
from codesign.exploration.work import Job, Work, find_work

PLAN = plan_of(tiny())
PRICED = [key for jobs in PLAN.jobs for key in jobs.results]
KEYS = sorted({key for jobs in PLAN.jobs for key in jobs.keys})
LONG = 70_000  # longer than what is read for the facts alone


def assessed(work: Work) -> list[str]:
    return [key for job in prices(work) for key in job.results]


def prices(work: Work) -> list[Job]:
    return [job for job in work.jobs if job.kind == "price"]


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Plan, Store, bool], Work]:
    def look(plan: Plan, store: Store, listed: bool) -> Work:
        monkeypatch.setattr(work_module, "_LISTED", 0 if listed else 10**9)
        return find_work(plan, store)

    return look


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "a byte of the payload": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "cut": lambda data: data[:-1],
    "a byte of the header": lambda data: data[:90] + bytes([data[90] ^ 1]) + data[91:],
    "empty": lambda data: b"",
}


@given(states=st.lists(st.sampled_from(["missing", *DAMAGES]), min_size=len(KEYS), max_size=len(KEYS)))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_listing_finds_what_looking_one_by_one_finds(tmp_path_factory, looking, states):
    found = []
    for listed in (False, True):
        folder = tmp_path_factory.mktemp("store")
        notes: list[str] = []
        store = Store(folder, on_damage=notes.append)
        for number, (key, state) in enumerate(zip(KEYS, states, strict=True)):
            if state != "missing":
                payload = b"{}".ljust(LONG if number % 3 == 0 else 5)
                store.put_many({key: Entry(payload=payload, facts={"wall_s": 1.0})})
                name = f"{key[:2]}/{key}"
                data = store.folder.read(name)
                store.folder.write(name, DAMAGES[state](data))
        work = looking(PLAN, store, listed)
        found.append((work, [note.partition(";")[0] for note in notes], store.keys()))
    assert found[0] == found[1]
    work, notes, left = found[0]
    there = {key for key, state in zip(KEYS, states, strict=True) if state == "none"}
    assert there <= left
    assert set(assessed(work)) == set(PRICED) - there


def test_a_small_plan_does_not_list_a_large_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "keys", lambda store: pytest.fail("a study looks a few keys up for each trial"))
    work = find_work(PLAN, Store(tmp_path))
    assert work.jobs


@pytest.mark.parametrize("listed", [False, True])
def test_looking_reads_all_entries_so_that_times_of_access_tell_those_that_nobody_needs(
    tmp_path: Path, looking: Callable[[Plan, Store, bool], Work], monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    Store(tmp_path).put_many({key: Entry(payload=b"{}", facts={}) for key in [*KEYS, "0" * 64]})
    store = Store(tmp_path, look_only=True)
    names, original = [], store.folder.read

    def read(name: str, **options: Any) -> bytes | None:
        names.append(name)
        return original(name, **options)

    monkeypatch.setattr(store.folder, "read", read)
    assert looking(PLAN, store, listed).jobs == ()
    assert sorted(names) == [f"{key[:2]}/{key}" for key in KEYS]


def test_many_prices_of_an_execution_are_several_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(tiny(axes("chip.mubrain.energies.synaptic_operation: [1 pJ, 2 pJ, 3 pJ, 4 pJ, 5 pJ]")))
    together = find_work(plan, Store(tmp_path / "a"))
    monkeypatch.setattr(work_module, "_TOGETHER", 2)
    apart = find_work(plan, Store(tmp_path / "b"))
    assert apart.to_run == together.to_run
    assert assessed(apart) == assessed(together)
    sizes: dict[str, list[int]] = {}
    for job in prices(apart):
        assert all(one.execution == job.needs for one in job.wanted)
        sizes.setdefault(job.needs, []).append(len(job.wanted))
    assert sorted(sizes.values()) == sorted(
        [2] * (len(job.wanted) // 2) + [1] * (len(job.wanted) % 2) for job in prices(together)
    )
    assert [2, 2, 2] in sizes.values()  # a summary and five prices


def test_jobs_are_named_by_the_values_of_the_axes_that_they_have(tmp_path: Path) -> None:
    rates, sizes = "recipe.layered.learning_rate: [1.0e-3, 2.0e-3]", "schedule.asynchronous.group_size: [2, 4]"
    plan = plan_of(tiny(axes(rates, sizes)))
    jobs = [job for job in find_work(plan, Store(tmp_path)).jobs if job.kind != "price"]
    labels = {f"{job.kind} {job.label}" for job in jobs}
    assert "train layered, learning_rate 0.001 seed 0" in labels
    assert "execute layered, learning_rate 0.001 seed 0, asynchronous, group_size 2 on mubrain" in labels
    assert len(labels) == len(jobs)

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from handmade_hardware import SYNCHRONIZATIONS, near
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from priced_sweeps import OBJECTIVES, changed_sweep, problem_of, spec_of
from tiny_sweeps import Recording, arguments

from codesign.analysis.results.pareto import pareto_front
from codesign.errors import InputError
from codesign.exploration.jobs.encoding import decode_execution
from codesign.exploration.pricing.grid import PricingProblem
from codesign.exploration.pricing.pricing import StreamingFront, price_space, run_pricing
from codesign.exploration.pricing.tables import front_table, page_of
from codesign.exploration.runs.progress import Progress
from codesign.files import held, lock_of
from codesign.hardware.chip.parts import Energies, Times
from codesign.hardware.cost.cost import price
from codesign.hardware.terms import ENERGY_COLUMNS
from codesign.reporting.pricing import Density, remarks

OPERATIONS = ("accelerated", "real_time")

AXES = {
    "vector_width": "[1, 3, all]",
    "clock": "[10 MHz, 80 MHz]",
    "static_power.chip": "[0 W, 2 mW]",
    "static_power.core_in_use": "[1 uW, 30 uW]",
    **{f"energies.{name}": "[0 pJ, 1 pJ, 30 pJ]" for name in Energies.model_fields if name != "chip_hop"},
    **{f"times.{name}": "[0, 5 ns, 3, 90 ns]" for name in Times.model_fields if name != "chip_hop"},
    "energies.synaptic_operation": "{from: 1 pJ, to: 50 pJ, points: 3, scale: log}",
}
OWN_AXES = {
    "barrier": {"synchronization.times": "[x0.5, x3, 9 us]", "synchronization.least_step": "[4 us, 9 us]"},
    "neighbour": {"synchronization.handshake": "[0, 3, 2 us]"},
    "timer": {"synchronization.tick": "[200 ns, 3 us, 90 us]"},
}


def compare(problem: PricingProblem, *, threads: int = 1, chunk: int = 7) -> None:
    """Every point of a grid against the chip of that point, priced alone, for each model."""
    found: dict[int, list[dict[str, np.ndarray]]] = {}
    price_space(problem, threads=threads, chunk=chunk, keep=lambda first, _, priced: found.update({first: priced}))
    executions = [decode_execution(model.payload) for model in problem.models]
    seen = 0
    for first, priced in found.items():
        for offset in range(len(priced[0]["energy_j"])):
            positions = [int(one) for one in np.unravel_index(first + offset, problem.space.shape)]
            for model, execution in enumerate(executions):
                alone = price(execution, problem.placement_at(positions), operation=problem.operation, bound_only=True)
                columns = alone.columns()
                for name, values in priced[model].items():
                    assert values[offset] == pytest.approx(columns[name], rel=1e-12, abs=0)
            seen += 1
    assert seen == problem.space.size


STRUCTURES = {
    "vector_width": "[1, 3, 16, all]",
    "technology_node": "[28 nm, 65 nm]",
    "supply_voltage": "[0.6 V, 0.8 V, 1 V]",
    "structure.memory": "[sram, flip_flops]",
    "structure.state_bits": "[16, 32]",
    "clock": "[50 MHz, 100 MHz]",
    "energies.synaptic_operation": "[1 pJ, 10 pJ]",
    "area": "[1 mm**2, 2 mm**2]",
    "synchronization.times": "[x0.5, x3]",
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", [*SYNCHRONIZATIONS, "structured"])
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_grid_equals_its_points_priced_alone(kind, operation, data, priced, cache_root):
    """With a structure, node, voltage and lanes move energies, times, leakage, area and partly filled words at once."""
    known, objectives = {**AXES, **OWN_AXES.get(kind, {})}, ""
    if kind == "structured":
        known = STRUCTURES
        objectives = "objectives: [{column: energy_j}, {column: energy_delay_js}, {column: area_m2}]\n"
    paths = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=2, max_size=3, unique=True))
    if kind == "structured":
        paths = list(dict.fromkeys([*paths, "vector_width", "structure.memory"]))
    if "energies.hop_vertical" in paths and "energies.clock_cycle" not in paths:
        paths.append("energies.clock_cycle")
    axes = "".join(f"  {path}: {known[path]}\n" for path in paths)
    body = f"training_seeds: [0]\naxes:\n{axes}{objectives}"
    compare(problem_of(spec_of(priced, f"{kind}_{operation}", body), priced, cache_root))


def test_a_word_takes_more_cycles_where_the_clock_is_fast_and_the_voltage_low(priced: Path, cache_root: Path):
    """A word fits in a cycle of either clock at 0.8 V, and in one of the slow clock at 0.5 V."""
    times = "times: {synaptic_operation: 1, neuron_update: 1, output: 1}"
    sweep = changed_sweep(priced, "seeds:", f"  cycled: {{extends: {priced}/structured.yaml, {times}}}\nseeds:")
    body = "training_seeds: [0]\naxes:\n  clock: [50 MHz, 400 MHz]\n  supply_voltage: [0.8 V, 0.5 V]\n"
    problem = problem_of(spec_of(sweep, "cycled", body), priced, cache_root)
    cycles = [problem.space.chip_at(at).times.synaptic_operation.cycles for at in np.ndindex(2, 2)]
    assert cycles[:3] == [1, 1, 1] < [cycles[3]]
    compare(problem)


@pytest.mark.parametrize("kind", ["barrier", "timer"])
def test_linked_prices_and_several_threads_change_nothing(kind: str, priced: Path, cache_root: Path):
    body = (
        "linked:\n  point:\n    clock: [10 MHz, 40 MHz, 90 MHz]\n    energies.clock_cycle: [1 pJ, 3 pJ, 3 pJ]\n"
        "    static_power.chip: [1 mW, 3 mW, 9 mW]\naxes:\n  vector_width: [1, 4]\n  energies.hop: [1 pJ, 2 pJ]\n"
    )
    if kind == "barrier":
        body += "  synchronization.times: [x0.5, x3]\n"
    both = "objectives: [{column: energy_j}, {column: energy_cores_in_use_j}]\n"
    problem = problem_of(spec_of(priced, f"{kind}_real_time", body, more=both), priced, cache_root)
    assert problem.space.shape == (*((2, 2, 2) if kind == "barrier" else (2, 2)), 3)
    compare(problem, threads=2 if kind == "barrier" else 1)


@settings(max_examples=60)
@given(values=st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=60), cut=st.integers(1, 20))
def test_the_front_of_a_stream_is_that_of_all_points(values: list[tuple[int, int, int]], cut: int):
    points = np.array(values, dtype=float)
    stream = StreamingFront(["maximize", "minimize", "minimize"])
    for first in range(0, len(points), cut):
        part = points[first : first + cut]
        numbers = np.arange(first, first + len(part))
        stream.add(part, np.stack([numbers, np.zeros_like(numbers)], axis=1))
    signed = points * [-1, 1, 1]
    beaten = [any((other <= one).all() and (other < one).any() for other in signed) for one in signed]
    assert stream.ids[:, 0].tolist() == np.flatnonzero(~np.array(beaten)).tolist()


def test_the_histogram_finds_every_point_again():
    rng = np.random.default_rng(0)
    latency, energy = 10 ** rng.uniform(-9, 2, 500), 10 ** rng.uniform(-13, -1, 500)
    density = Density("layered")
    density.add(latency[:200], energy[:200])
    density.add(latency[200:], energy[200:])
    density.add(np.array([0.0, np.nan]), np.array([1.0, 1.0]))
    assert sum(density.counts.values()) == 500
    for x, y in zip(latency, energy, strict=True):
        assert density.counts[math.floor(math.log10(x) * 30), math.floor(math.log10(y) * 30)] >= 1


BODY = (
    "axes:\n  vector_width: [1, 2, 4]\n  clock: [10 MHz, 40 MHz]\n  energies.synaptic_operation: [1 pJ, 3 pJ]\n"
    "  static_power.chip: [1 mW, 2 mW]\n"
)


def run(priced: Path, cache_root: Path, output: Path, *, chip: str, progress: Progress | None = None):
    spec = spec_of(priced, chip, BODY + OBJECTIVES)
    return run_pricing(spec, arguments(priced, cache_root, progress or Progress(), output=output), threads=1, chunk=5)


@pytest.mark.parametrize("kind", ["asynchronous", "barrier"])
def test_the_files_hold_what_was_priced(kind: str, priced: Path, cache_root: Path, tmp_path: Path):
    outcome = run(priced, cache_root, tmp_path, chip=f"{kind}_accelerated")
    points, front = pq.read_table(outcome.points).to_pandas(), pq.read_table(outcome.front).to_pandas()
    assert len(points) == outcome.size == 24
    assert points["point"].tolist() == list(range(24))
    settings_ = list(itertools.product([1, 2, 4], [1e7, 4e7], [1e-12, 3e-12], [1e-3, 2e-3]))
    paths = ["vector_width", "clock", "energies.synaptic_operation", "static_power.chip"]
    np.testing.assert_allclose(points[paths].to_numpy(), settings_, rtol=1e-12)
    models = problem_of(spec_of(priced, f"{kind}_accelerated", BODY), priced, cache_root).models
    costs = {}
    for recipe in ("layered", "unlayered"):
        accuracy = np.mean([model.accuracy for model in models if model.recipe == recipe])
        for number, row in points.iterrows():
            energy = (row[f"energy_j.{recipe}.0"] + row[f"energy_j.{recipe}.1"]) / 2
            latency = (row[f"latency_s.{recipe}.0"] + row[f"latency_s.{recipe}.1"]) / 2
            costs[recipe, number] = (accuracy, energy, latency, row["vector_width"])
    mask = pareto_front([*costs.values()], ["maximize", "minimize", "minimize", "minimize"])
    best = {place: cost for (place, cost), kept in zip(costs.items(), mask, strict=True) if kept}
    columns = ["accuracy", "energy_j", "latency_s", "vector_width"]
    found = zip(front["recipe"], front["point"], front[columns].itertuples(index=False, name=None), strict=True)
    assert {(recipe, point): near(cost, rel=1e-12) for recipe, point, cost in found} == best
    terms = list(ENERGY_COLUMNS.values())
    assert (front["energy_cores_in_use_j"] < front["energy_j"]).all()  # of eight cores some are not in use
    np.testing.assert_allclose(front[terms].sum(axis=1), front["energy_j"], rtol=1e-12)
    if kind == "asynchronous":
        assert (front["latency_replay_s"] <= front["latency_s"] * (1 + 1e-12)).all()
        assert (front["energy_replay_j"] <= front["energy_j"] * (1 + 1e-12)).all()
    else:
        assert "latency_replay_s" not in front
    page = outcome.page.read_text(encoding="utf-8")
    assert figures_of(page).keys() == {"points-1", "points-2"}
    for model in models:
        cells = "</td><td[^>]*>".join((model.recipe, str(model.seed), f"{100 * model.accuracy:.1f} %"))
        assert re.search(f"<td[^>]*>{cells}</td>", page)
    assert ("asynchronous states no group size; F = 8" in page) == (kind == "asynchronous")
    assert "evaluated with at most one spike per timestep" in page
    assert "cores that are not in use is taken to be within static_power.chip" in page
    assert "stepwise bound" in page if kind == "asynchronous" else "stepwise bound" not in page


def test_a_tick_too_short_for_a_core_that_drops_spikes_is_on_no_front(priced: Path, cache_root: Path):
    """The least energy and latency would be that of a tick in which nothing is done."""
    body = "recipes: [unlayered]\ntraining_seeds: [0]\naxes:\n  synchronization.tick: [200 ns, 20 us, 90 us]\n"
    problem = problem_of(spec_of(priced, "timer_accelerated", body), priced, cache_root)
    timer = problem.space.chip.synchronization.model_copy(update={"overload": "drop"})
    dropping = replace(problem.space, chip=problem.space.chip.model_copy(update={"synchronization": timer}))
    problem = replace(problem, space=dropping)
    pricers, front, densities = price_space(problem)
    assert pricers[0].drops.tolist() == [True, False, False]
    assert front.tolist() == [[1, 0]]
    page = page_of(problem, front_table(problem, front, pricers, None), densities, 1 / 3)
    left_out = "spikes dropped in overloaded ticks, at 33.3 % of the points: on no front, and drawn as if all arrived"
    assert page.not_modelled[-1:] == (left_out,)
    assert sum("dropped" in text for text in page.not_modelled) == 1


def test_a_recipe_that_answers_nothing_is_on_no_front_and_named(priced: Path, cache_root: Path):
    """Spikes that say nothing cost least."""
    body = "axes:\n  synchronization.tick: [20 us, 90 us]\n"
    problem = problem_of(spec_of(priced, "timer_real_time", body), priced, cache_root)
    models = [replace(one, accuracy=0.5 * (one.recipe == "unlayered" and one.seed == 1)) for one in problem.models]
    problem = replace(problem, models=tuple(models))
    pricers, front, densities = price_space(problem)
    assert set(front[:, 1].tolist()) == {1}  # of which one seed answers something
    page = page_of(problem, front_table(problem, front, pricers, None), densities, 0.0)
    silent, pace = remarks(page)
    assert silent == "The recipe layered has no right answer, and is on no front."
    assert "falls behind" in pace  # it is not known whether any point does
    in_time = tuple({**row, "late_fraction": 0.0} for row in page.front)
    assert remarks(replace(page, front=in_time)) == [silent]


@pytest.mark.parametrize("kind", ["asynchronous", "barrier"])
def test_the_front_says_which_points_fall_behind_in_real_time(kind, priced, cache_root, tmp_path):
    axes = "vector_width: [1, all]\n  times.synaptic_operation: [1 ns, 100 us, 200 us]\n"
    more = "objectives: [{column: latency_s}, {column: times.synaptic_operation, direction: maximize}]\n"
    spec = spec_of(priced, f"{kind}_real_time", f"recipes: [layered]\naxes:\n  {axes}", more=more)
    outcome = run_pricing(spec, arguments(priced, cache_root, Progress(), output=tmp_path))
    problem = problem_of(spec, priced, cache_root)
    front = pq.read_table(outcome.front).to_pylist()
    assert {0.0} < {row["late_fraction"] for row in front}
    assert "falls behind" in outcome.remarks[-1]
    for row in front:
        placement = problem.placement_at(problem.space.positions(np.array([row["point"]]))[:, 0])
        executions = [decode_execution(model.payload) for model in problem.models]
        alone = [price(one, placement, operation="real_time").columns()["late_fraction"] for one in executions]
        assert row["late_fraction"] == near(np.mean(alone))
    page = outcome.page.read_text(encoding="utf-8")
    assert "late fraction" in page
    assert "in real-time operation." in page


def test_the_page_says_what_numbers_without_a_unit_are(priced: Path, cache_root: Path, tmp_path: Path):
    axes = "synchronization.times: [x0.5, x2]\n  times.message: [3, 4]\n  times.neuron_update: [2, 9 ns]\n"
    spec = spec_of(priced, "barrier_accelerated", f"recipes: [layered]\ntraining_seeds: [0]\naxes:\n  {axes}")
    outcome = run_pricing(spec, arguments(priced, cache_root, Progress(), output=tmp_path))
    (best,) = outcome.best
    assert best.startswith("highest accuracy, least energy per sample and least latency: #")
    assert "; time of a barrier x0.5, time of receiving a message 3 cycles, " in best
    assert "2 cycles, 9 ns</td>" in outcome.page.read_text(encoding="utf-8")


def test_without_times_of_work_only_ticks_give_a_latency(priced: Path, cache_root: Path):
    none = f"times: {{{', '.join(f'{name}: null' for name in Times.model_fields)}}}"
    entries = (f"  idle_{kind}: {{extends: {priced}/{kind}.yaml, {none}}}\n" for kind in ("barrier", "timer"))
    sweep = changed_sweep(priced, "seeds:", f"{''.join(entries)}seeds:")
    body = "recipes: [layered]\ntraining_seeds: [0]\naxes: {static_power.chip: [1 mW, 2 mW]}\n"
    with pytest.raises(
        InputError,
        match=r"latency_s is not known: barrier gives no times\.synaptic_operation.*give objectives without it",
    ):
        problem_of(spec_of(sweep, "idle_barrier", body), priced, cache_root)
    problem = problem_of(spec_of(sweep, "idle_timer", body), priced, cache_root)
    pricers, front, _ = price_space(problem)
    assert pricers[0].price(problem.space.positions(front[:, 0]))["latency_s"].tolist() == near([8 * 20e-6])


def test_the_energy_that_the_front_seeks_is_drawn_and_kept(priced, cache_root, tmp_path):
    more = "objectives: [{column: energy_cores_in_use_j}]\n"
    body = "recipes: [layered]\ntraining_seeds: [0]\naxes: {static_power.chip: [1 mW, 20 mW]}\n"
    spec = spec_of(priced, "clocked_real_time", body, more=more)
    problem = problem_of(spec, priced, cache_root)
    outcome = run_pricing(spec, arguments(priced, cache_root, Progress(), output=tmp_path))
    points = pq.read_table(outcome.points).to_pandas()
    assert (points["energy_cores_in_use_j.layered.0"] < points["energy_j.layered.0"]).all()
    _, _, (density,) = price_space(problem)
    expected = Density("layered")
    expected.add(points["latency_s.layered.0"].to_numpy(), points["energy_cores_in_use_j.layered.0"].to_numpy())
    assert density.counts == expected.counts
    page = outcome.page.read_text(encoding="utf-8")
    assert '"energy of the cores in use per sample"' in json.dumps(figures_of(page))


class Interrupting(Progress):
    """Behaves like Ctrl-C once some points are written."""

    def advanced(self, phase: str, done: int, total: int | None, unit: str = "") -> None:
        if phase == "points" and done > 10:
            raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing_and_the_next_run_is_as_if_nothing_was(priced, cache_root, tmp_path, monkeypatch):
    forced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: forced.append(os.readlink(f"/proc/self/fd/{number}")))
    with pytest.raises(KeyboardInterrupt):
        run(priced, cache_root, tmp_path / "a", chip="clocked_real_time", progress=Interrupting())
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".lock"]
    progress = Recording()
    again = run(priced, cache_root, tmp_path / "a", chip="clocked_real_time", progress=progress)
    assert progress.ran == []
    fresh = run(priced, cache_root, tmp_path / "b", chip="clocked_real_time")
    assert any(".points.parquet" in path for path in forced)  # so that no power failure leaves half of it in its place
    for name in ("points", "front", "page"):
        assert getattr(again, name).read_bytes() == getattr(fresh, name).read_bytes()
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(KeyboardInterrupt):
        run(priced, cache_root, tmp_path / "a", chip="clocked_real_time", progress=Interrupting())
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


def test_front_and_page_do_not_outlive_points_that_cannot_be_kept(priced, cache_root, tmp_path, monkeypatch):
    def full(number: int) -> None:
        if ".points.parquet" in os.readlink(f"/proc/self/fd/{number}"):
            raise OSError(errno.ENOSPC, "No space left on device")  # as some disks say only now

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"points\.parquet: cannot be written: No space left"):
        run(priced, cache_root, tmp_path / "a", chip="clocked_real_time")
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".lock"]


def test_one_pricing_at_a_time_writes_a_folder(priced: Path, cache_root: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("codesign.exploration.pricing.pricing.prepare", None)  # which trains for hours
    with (
        held(lock_of(tmp_path)),
        pytest.raises(InputError, match=r"\.lock: is held by another process, which writes there"),
    ):
        run(priced, cache_root, tmp_path, chip="clocked_real_time")


def test_memory_does_not_grow_with_the_number_of_points(priced: Path, cache_root: Path):
    import tracemalloc

    def peak(points: int) -> int:
        body = (
            f"axes:\n  energies.synaptic_operation: {{from: 1 pJ, to: 9 pJ, points: {points}}}\n"
            "  static_power.chip: {from: 1 mW, to: 2 mW, points: 40}\n"
        )
        problem = problem_of(spec_of(priced, "barrier_accelerated", body), priced, cache_root)
        price_space(problem, chunk=2000)
        tracemalloc.start()
        price_space(problem, chunk=2000)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(50), peak(750)  # 2,000 and 30,000 points; a column of 30,000 numbers has 240 kB
    assert many - few < 200_000


def figures_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'id="figures">(.*?)</script>', page)[1])

from __future__ import annotations

from pathlib import Path
from typing import Any

import executor_tasks
import numpy as np
import pytest
from tiny_sweeps import CHIP, UNLAYERED, Recording, axes, beside, let_trainings_diverge, run, tiny

from codesign.analysis.results.table import ResultTable, contents_equal, read_results
from codesign.errors import InputError
from codesign.exploration import runner, running
from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.jobs.store import Store
from codesign.exploration.provenance import scalars
from codesign.exploration.sweep import plan_sweep
from codesign.files import held, lock_of
from codesign.reporting.html import render_report


def results(folder: Path, output: str = "out") -> ResultTable:
    return read_results(folder / output / "results.parquet")


def rows(folder: Path) -> list[dict[str, Any]]:
    return results(folder).frame.to_dict("records")


def test_a_list_with_null_is_held_with_none():
    assert scalars({"threshold": (None, 0.005)}) == {"threshold": "none; 0.005"}


@pytest.mark.pages
def test_a_sweep_leaves_rows_and_a_report(tmp_path, cache_root):
    outcome, progress = run(tiny(), tmp_path, cache_root)
    assert (outcome.ok, outcome.failed, len(outcome.table.frame)) == (2, 0, 3)
    assert outcome.report.read_text(encoding="utf-8").startswith("<!")
    # layered, and asynchronous drained, since µBrain is not known to drop what waits; each with float weights too
    assert sorted(progress.kinds()) == ["execute"] * 4 + ["price"] * 4 + ["train"]
    by_schedule = {row["schedule"]: row for row in rows(tmp_path)}
    for name in ("layered", "asynchronous"):
        row = by_schedule[name]
        assert row["status"] == "ok"
        assert row["samples"] == 20
        assert row["trained_epochs"] == row["best_epoch"] == 1
        assert row["energy_j"] > 0
        assert row["latency_s"] > 0
        assert 0 <= row["float_accuracy"] <= 1
        # hidden layers of 12 and 8 with fan-outs of 8 and 10
        assert row["paper_synaptic_operations"] == pytest.approx(row["spike_density"] * 20 * 9)
    assert len(by_schedule["layered"]["convergence_accuracy"]) == 33
    asynchronous = by_schedule["asynchronous"]  # read one step after the first output, then drained
    assert len(asynchronous["convergence_accuracy"]) == 33
    assert asynchronous["accuracy"] == pytest.approx(asynchronous["convergence_accuracy"][1])
    assert asynchronous["drained_accuracy"] is not None
    infeasible = by_schedule["chip"]
    assert infeasible["status"] == "infeasible"
    assert "a neuron has 256" in infeasible["reason"]


def test_a_sweep_tells_of_the_chip_file_that_it_read(tmp_path, cache_root):
    """Whoever goes on with the file meanwhile."""
    (own := tmp_path / "own.yaml").write_text("name: own\nextends: mubrain\n", encoding="utf-8")
    spec = tiny((CHIP, CHIP.replace("capacity", f"extends: {own}, capacity")))
    before, _ = run(spec, tmp_path, cache_root)

    class Editing(Recording):
        def planned(self, *told: Any) -> None:
            own.write_text("name: [", encoding="utf-8")

    outcome, _ = run(spec, tmp_path, cache_root, progress=Editing())
    assert outcome.table.metadata.chips == before.table.metadata.chips


def test_one_process_at_a_time_writes_an_output_from_its_first_job_to_its_page(tmp_path, cache_root, monkeypatch):
    (tmp_path / "out").mkdir()
    taken = pytest.raises(InputError, match=r"\.lock: is held by another process, which writes there")
    with held(lock_of(tmp_path / "out")), taken:
        run(tiny(), tmp_path, cache_root)
    drawn: list[str] = []

    def draw(table: ResultTable, path: str) -> None:
        with taken, held(lock_of(tmp_path / "out")):
            pass
        drawn.append(path)

    monkeypatch.setattr("codesign.exploration.sweep.write_report", draw)
    run(tiny(), tmp_path, cache_root)
    assert len(drawn) == 1


@pytest.mark.pages
def test_page_and_answer_come_from_the_table_that_was_written(after_sweep, cache_root, monkeypatch):
    """Another process may replace the file at any moment."""
    monkeypatch.setattr("codesign.analysis.results.table.read_file", None)
    outcome, _ = run(tiny(), after_sweep, cache_root, models=True)
    monkeypatch.undo()
    assert contents_equal(outcome.table, results(after_sweep))
    assert outcome.report.read_text(encoding="utf-8") == render_report(results(after_sweep))


LEARNS = (('"12-8"', '"30"'), ("epochs: 1, ", "epochs: 25, input_dropout: 0.0, "), ("5.0e-3", "2.0e-2"))
"""A network in which something happens."""


def test_times_of_a_chip_decide_in_training_and_evaluation(tmp_path, cache_root):
    timed = ("  layered: {method: layered}", "  timed: {method: unlayered, policy: timed, chip: mubrain}")
    policy = ("policy: random, group_size: 4", "policy: timed, group_size: 4")
    outcome, progress = run(tiny(timed, policy, *LEARNS), tmp_path, cache_root)
    assert (outcome.ok, outcome.failed) == (2, 0)
    assert progress.kinds().count("train") == 1
    found = {row["schedule"]: row for row in rows(tmp_path)}
    assert found["asynchronous"]["training_policy"] == found["asynchronous"]["policy"] == "timed"
    assert found["asynchronous"]["accuracy"] > 0.2
    assert results(tmp_path).metadata.recipes["timed"]["chip"] == "mubrain"


def test_a_calibrated_model_stands_beside_the_one_that_is_not(tmp_path, cache_root):
    """Trained alike, run alike, under its own name."""
    calibrated = beside("calibrated: {method: layered, calibration: {group_size: 4, samples: 40}}")
    outcome, _ = run(tiny(calibrated, *LEARNS), tmp_path, cache_root)
    assert (outcome.ok, outcome.failed) == (4, 0)
    found = {(row["recipe"], row["schedule"]): row for row in rows(tmp_path) if row["status"] == "ok"}
    one, other = found["layered", "asynchronous"], found["calibrated", "asynchronous"]
    assert list(one["training_loss_curve"]) == list(other["training_loss_curve"])
    assert one["validation_accuracy"] == other["validation_accuracy"]
    assert one["spike_density"] != other["spike_density"]
    metadata = results(tmp_path).metadata
    assert metadata.recipes["layered"]["calibration"] is None
    assert metadata.recipes["calibrated"]["calibration"] == (
        "cross_entropy for random, F = 4, on_output + 1, input mode frame, on 40 training samples"
    )


def test_metadata_says_where_everything_comes_from(tmp_path, cache_root):
    run(tiny(("seeds:", "evaluation: {split: validation, samples: 10}\nseeds:")), tmp_path, cache_root)
    metadata = results(tmp_path).metadata
    assert (metadata.sweep, metadata.title, metadata.topology) == ("tiny", "Tiny", "512-12-8-10")
    assert metadata.command == "codesign sweep tiny"
    facts = metadata.workload
    assert (facts.train, facts.validation, facts.test, facts.timesteps) == (60, 20, 10, 3)
    assert (facts.coverage, facts.commonest) == ("They are of the validation split", 0.1)
    assert metadata.neuron["time_constant"] == 1e-3
    assert {"group_size", "idle_gradient"}.isdisjoint(metadata.recipes["layered"])
    assert metadata.schedules.keys() == {"layered", "asynchronous", "chip"}
    numbers = {number.name: number for number in metadata.chips["truenorth"].numbers}
    assert "TrueNorth" in metadata.chips["truenorth"].title
    assert len(numbers["fan_in"].source) > 10  # a citation, not a key
    assert metadata.jobs.reused == 0
    assert metadata.jobs.trained == 1


def test_a_grown_sweep_runs_only_what_is_new(after_sweep, tmp_path, cache_root):
    chip = "  mubrain: {capacity: scaled, schedules: [layered, asynchronous"
    _, progress = run(tiny((chip, chip + ", chip")), tmp_path, cache_root)  # F = 8 is new
    assert sorted(progress.kinds()) == ["execute", "execute", "price", "price"]  # the chip's weights, and floats
    _, progress = run(tiny((chip, "  mubrain_layersync2024: {capacity: scaled}\n" + chip)), tmp_path, cache_root)
    assert progress.kinds() == ["price"]  # another chip on an execution that is there
    _, progress = run(tiny(UNLAYERED), tmp_path, cache_root)
    assert progress.kinds().count("train") == 1


@pytest.mark.parametrize(
    ("damaged", "rerun"),
    [
        (["model", "execution"], []),  # nothing needs them again
        (["cost", "execution"], ["execute", "price"]),
        (["cost", "execution", "model"], ["train", "execute", "price"]),
    ],
)
def test_damaged_entries_are_computed_again_where_they_are_needed(after_sweep, tmp_path, cache_root, damaged, rerun):
    plan, store = plan_sweep(tiny()), Store(tmp_path / "store")
    (jobs,) = (point.jobs for point in plan.points if point.columns["schedule"] == "asynchronous")
    keys = {"cost": jobs.cost.key, "execution": jobs.execution.key, "model": jobs.execution.model.key}
    for name in damaged:
        path = store.path(keys[name])
        content = bytearray(path.read_bytes())
        content[-1] ^= 255
        path.write_bytes(content)
    _, progress = run(tiny(), tmp_path, cache_root, output="again")
    assert progress.kinds() == rerun
    assert sum("was damaged" in note for note in progress.notes) == len(rerun)
    assert contents_equal(results(tmp_path), results(tmp_path, "again"))


def test_a_training_that_diverges_fails_its_rows_and_its_model_only(tmp_path, cache_root, monkeypatch):
    let_trainings_diverge(monkeypatch, "unlayered")
    outcome, progress = run(tiny(UNLAYERED), tmp_path, cache_root, models=True)
    assert (outcome.ok, outcome.failed, len(outcome.table.frame)) == (2, 2, 6)
    assert outcome.models.written == 1
    assert not (tmp_path / "out/models/rs-seed0.md").exists()
    failed = [row for row in rows(tmp_path) if row["status"] == "failed"]
    assert {row["recipe"] for row in failed} == {"rs"}
    assert {row["reason"] for row in failed} == {"TrainingDivergedError: the loss became nan"}
    assert len(progress.failures) == 1
    lost = progress.counts["failed"] + progress.counts["skipped"]
    assert results(tmp_path).metadata.platform == (f"jobs that failed, or need one that failed: {lost}",)
    monkeypatch.undo()
    outcome, progress = run(tiny(UNLAYERED), tmp_path, cache_root)
    assert outcome.failed == 0
    assert progress.kinds().count("train") == 1


def test_a_training_that_takes_longer_than_the_file_allows_fails(tmp_path, cache_root, monkeypatch):
    monkeypatch.setattr(runner, "run_train", lambda *arguments, **options: executor_tasks.spin(10))
    run(tiny(("seeds:", "resources: {train: {timeout: 0.1 s}}\nseeds:")), tmp_path, cache_root)
    failed = [row["reason"] for row in rows(tmp_path) if row["status"] == "failed"]
    assert failed == ["TimeoutError: took longer than the 0.1 s it may take"] * 2


@pytest.mark.parametrize(
    ("samples_per_s", "spec", "chosen"),
    [
        (250_000, tiny(), "serial"),  # over before Ray has started
        (40, tiny(), "serial"),  # a single training cannot be shared out
        (40, tiny(UNLAYERED), "ray"),
        (1, tiny(), "ray"),  # but the executions of its model can
    ],
)
def test_jobs_that_are_worth_it_run_on_ray(samples_per_s, spec, chosen, tmp_path, cache_root, monkeypatch):
    class Ray(SerialExecutor):
        name = "ray"

        def __init__(self, **options: Any) -> None:
            super().__init__()

    monkeypatch.setattr("codesign.exploration.executors.ray.RayExecutor", Ray)
    monkeypatch.setattr(running, "usable_cores", lambda: 4)
    monkeypatch.setattr(running, "_SAMPLES_PER_S", samples_per_s)
    _, progress = run(spec, tmp_path, cache_root, executor=None)
    assert progress.executor == chosen


@pytest.mark.thorough
def test_ray_gives_the_same_bytes_as_serial(tmp_path, cache_root):
    """Would catch a result that depends on the process or the order in which jobs ran."""
    spec = tiny(UNLAYERED)
    run(spec, tmp_path / "serial", cache_root)
    run(spec, tmp_path / "ray", cache_root, executor=RayExecutor(workers=2))
    assert contents_equal(results(tmp_path / "serial"), results(tmp_path / "ray"))
    serial, ray = Store(tmp_path / "serial" / "store"), Store(tmp_path / "ray" / "store")
    keys = [path.name for path in serial.root.glob("??/*")]
    assert len(keys) > 10
    assert [serial.get(key).payload for key in keys] == [ray.get(key).payload for key in keys]


def test_networks_without_output_spikes_are_told_of_once(tmp_path, cache_root):
    silent = ('{hidden: "12-8"}', '{hidden: "12-8", neuron: {threshold: 1.0e+6}}')
    outcome, progress = run(tiny(silent), tmp_path, cache_root)
    assert outcome.ok == 2
    (note,) = [note for note in progress.notes if "output spike" in note]
    assert note.startswith("No sample has an output spike in 2 of 2 rows. ")
    _, progress = run(tiny((silent[0], silent[1].replace("1.0e+6", "1.0e-3"))), tmp_path, cache_root)
    assert not any("output spike" in note for note in progress.notes)


def test_events_that_timesteps_leave_out_are_told(tmp_path, cache_root):
    """Forty samples with an event after 1 ms and one after 9 ms."""
    events = {"t": np.tile([1000, 9000], 40), "unit": np.arange(80), "offsets": np.arange(0, 81, 2), "grid": [80]}
    np.savez(tmp_path / "late.npz", **events, labels=np.arange(40) % 2, timesteps=4, timestep_s=2e-3)
    digits = "{name: digits, timesteps: 3, train: 60, validation: 20, test: 20}"
    own = (digits, f"{{name: arrays, file: {tmp_path / 'late.npz'}}}")
    outcome, progress = run(
        tiny(own, axes("workload.timesteps: [5, 4]", "workload.train: [9, 8]")), tmp_path, cache_root
    )
    told = "50.0 % of the events come after the 4 timesteps of 2 ms and are left out"
    assert told in progress.notes
    assert outcome.table.metadata.workload.coverage == f"40 samples of 2 classes, events on 1x1x80 inputs; {told}"

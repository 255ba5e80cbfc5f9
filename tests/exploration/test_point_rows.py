from __future__ import annotations

from tiny_sweeps import axes, run, tiny

from codesign.analysis.answers.remarks import OVER_BUDGET
from codesign.analysis.results.columns import COLUMNS
from codesign.exploration import point_rows as module
from codesign.exploration.executors.base import Failure
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.point_rows import point_rows
from codesign.exploration.sweep import plan_sweep


def test_rows_of_many_points_are_those_of_each(tmp_path, cache_root, monkeypatch):
    """Also where points share a damaged summary, lack a price, or need what failed."""
    spec = tiny(axes("chip.mubrain.energies.synaptic_operation: [1 pJ, 2 pJ]"))
    run(spec, tmp_path, cache_root)
    plan = plan_sweep(spec)
    jobs = plan.jobs
    assert len(jobs) == 4  # two schedules, two prices
    assert len({one.summary.key for one in jobs}) == 2
    notes: list[str] = []
    store = Store(tmp_path / "store", on_damage=notes.append)
    failures: dict[str, Failure] = {}

    def statuses() -> list[str]:
        together = list(point_rows(plan.points, store, failures))
        one_by_one = [next(point_rows([point], store, failures)) for point in plan.points]
        monkeypatch.setattr(module, "_AT_ONCE", 2)
        in_twos = list(point_rows(plan.points, store, failures))
        monkeypatch.undo()
        assert together == one_by_one == in_twos
        return [row["status"] for row in together if row["chip"] == "mubrain"]

    assert statuses() == ["ok"] * 4
    twin = jobs[0].unquantized.execution.key  # the same in floats
    failures[twin] = Failure(kind="ValueError", message="as if")
    assert statuses() == ["failed" if one.unquantized.execution.key == twin else "ok" for one in jobs]
    failures.clear()
    failures[jobs[3].cost.key] = Failure(kind="ValueError", message="as if")
    assert statuses() == ["ok", "ok", "ok", "failed"]
    store.folder.remove(f"{jobs[2].cost.key[:2]}/{jobs[2].cost.key}")
    assert statuses() == ["ok", "ok", "failed", "failed"]
    store.put_many({jobs[0].summary.key: Entry(payload=b"[]", facts={})})  # no columns, with the right checksum
    damaged = [jobs[0].summary.key in {part.summary.key for part in one.evaluations} for one in jobs]
    assert statuses() == ["failed" if found or number > 1 else "ok" for number, found in enumerate(damaged)]
    assert notes == []
    store.folder.write(f"{jobs[0].summary.key[:2]}/{jobs[0].summary.key}", b"damaged")
    list(point_rows(plan.points, store, failures))
    assert len(notes) == 1


def test_rows_hold_the_history_of_the_training_as_far_as_it_is_known(tmp_path, cache_root):
    """An entry of an earlier time lacks what was not kept then; its rows have no value there, and are in order."""
    spec = tiny()
    run(spec, tmp_path, cache_root)
    plan = plan_sweep(spec)
    store = Store(tmp_path / "store")
    point = next(point for point in plan.points if point.jobs is not None)
    row = next(point_rows([point], store, {}))
    assert row.keys() == COLUMNS.keys() - {"reason"}
    assert len(row["training_loss_curve"]) == len(row["validation_accuracy_curve"]) == row["trained_epochs"]
    assert row["training_loss_curve"][row["best_epoch"] - 1] == row["training_loss"]
    assert row["validation_accuracy_curve"][row["best_epoch"] - 1] == row["validation_accuracy"]
    assert 0 < row["epoch_wall_s"] < row["train_wall_s"]
    failed = next(point_rows([point], store, {point.jobs.cost.key: Failure(kind="ValueError", message="no")}))
    assert (failed["status"], failed["reason"], failed["trained_epochs"]) == ("failed", "ValueError: no", 1)
    key = point.jobs.execution.model.key
    model = store.get(key)
    late = ("training_loss_curve", "validation_accuracy_curve", "epoch_wall_s", "training_memory_bytes")
    facts = {name: value for name, value in model.facts.items() if name not in late}
    store.put_many({key: Entry(payload=model.payload, facts=facts)})
    known = {name: value for name, value in row.items() if name not in late}
    assert next(point_rows([point], store, {})) == known


def test_a_row_says_that_its_model_is_over_the_budget_of_its_training(tmp_path, cache_root):
    for density, told in ((1e-6, 1), (1e6, 0)):
        firing = ('hidden: "12-8"', 'hidden: "12-8", neuron: {threshold: 0.05}')
        spec = tiny(firing, ("method: layered", f"method: layered, budget: {{density: {density}}}"))
        outcome, progress = run(spec, tmp_path, cache_root)
        frame = outcome.table.frame
        assumptions = frame.loc[frame["status"] == "ok", "assumptions"].iloc[0]
        said = [entry for entry in assumptions if entry.startswith(OVER_BUDGET)]
        assert said == [f"{OVER_BUDGET}density {density:g}"] * told
        assert sum("kept within its budget" in note for note in progress.notes) == told


def test_a_row_says_that_its_model_was_calibrated_after_its_budget_was_met(tmp_path, cache_root):
    calibrated = "method: layered, budget: {density: 1}, calibration: {criterion: matching, samples: 10}"
    frame = run(tiny(("method: layered", calibrated)), tmp_path, cache_root)[0].table.frame
    assumptions = frame.loc[frame["status"] == "ok", "assumptions"].iloc[0]
    assert "trained with a budget, density 1, and calibrated after that, which changes its spikes" in assumptions

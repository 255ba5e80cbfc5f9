"""Models of sweeps and studies as files beside their results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tiny_studies
import torch
from tiny_sweeps import CHIP, axes, beside, run, tiny

import codesign as cd
from codesign.analysis.results.table import read_results
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.encoding import decode_state, encode_execution
from codesign.exploration.jobs.jobs import TrainInputs
from codesign.exploration.jobs.store import Store
from codesign.exploration.model_files import file_names
from codesign.exploration.sweep import plan_sweep

UNLAYERED = beside("unlayered: {method: unlayered, group_size: 4}")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "models").iterdir())}


def trained(spec: SweepSpec | None = None) -> TrainInputs:
    """The model of the tiny sweep, or of another one."""
    (model,) = {jobs.execution.model for jobs in plan_sweep(spec or tiny()).jobs}
    return model


def test_a_model_answers_as_the_one_in_the_store(tmp_path, cache_root):
    gated = ("{method: layered}", "{method: layered, input_gate: true}")
    spec = tiny(('{hidden: "12-8"}', '{hidden: "12-8", neuron: {threshold: 0.05}}'), gated)  # so that it does answer
    outcome, _ = run(spec, tmp_path, cache_root, models=True)
    assert outcome.models.written == 1
    loaded = cd.load_model(tmp_path / "out/models/layered-seed0.safetensors")
    inputs = trained(spec)
    entry = Store(tmp_path / "store").get(inputs.key)
    stored = cd.SpikingNetwork(inputs.topology, inputs.neuron, timestep_s=0.01)
    stored.load_state_dict(decode_state(entry.payload))

    workload = cd.load_workload(loaded.card.data.options, cache_root=cache_root)
    assert workload.fingerprint == loaded.card.data.fingerprint
    schedule = cd.Schedule(policy="random", group_size=4, stop="drained")
    answers = [cd.evaluate(network, workload.test, schedule) for network in (loaded.network, stored)]
    assert encode_execution(answers[0]) == encode_execution(answers[1])

    table = {row["schedule"]: row for row in read_results(outcome.results).frame.to_dict("records")}
    layered = cd.evaluate(loaded.network, workload.test, cd.LAYERED)
    assert table["layered"]["float_accuracy"] == layered.accuracy
    assert table["layered"]["open_inputs"] == loaded.card.open_inputs == loaded.network.open_inputs == 512
    assert table["asynchronous"]["float_accuracy"] == answers[0].accuracy

    cd.quantize(stored, cd.chip_quantization(cd.find_chip("mubrain")))
    asynchronous, layered = (cd.evaluate(stored, workload.test, one) for one in (schedule, cd.LAYERED))
    answered = asynchronous.decided(1).predictions
    assert 0 < table["asynchronous"]["agreement"] == (answered == layered.predictions).mean() < 1
    assert 0 < table["asynchronous"]["contention"] == asynchronous.contention < 1
    assert (table["layered"]["agreement"], table["layered"]["contention"]) == (1, 0)


def test_the_card_says_what_neurons_have_learned_and_with_which_weights(tmp_path, cache_root):
    learns = "{method: layered, learning_rate: 0.1, learn: {threshold: layer}, chip: mubrain, quantization: chip}"
    run(tiny(("{method: layered}", learns)), tmp_path, cache_root, models=True)
    loaded = cd.load_model(tmp_path / "out/models/layered-seed0.safetensors")
    own = loaded.card.own_numbers
    assert own == loaded.network.own_numbers()
    page = (tmp_path / "out/models/layered-seed0.md").read_text("utf-8")
    assert f"threshold {own['threshold']}, time constant" in page
    assert "| quantization | 4 bits a weight, symmetric levels, one scale a layer |" in page
    assert "    cd.quantize(model.network, model.card.recipe.quantization)" in page


def test_the_card_says_what_the_results_say(finished_sweep):
    table, inputs = read_results(finished_sweep / "out/results.parquet"), trained()
    card = cd.load_model(finished_sweep / "out/models/layered-seed0.safetensors").card
    assert (card.topology, card.neuron, card.recipe) == (inputs.topology, inputs.neuron, inputs.recipe)
    assert (card.name, card.recipe_name, card.training_seed, card.classes) == ("layered, seed 0", "layered", 0, 10)
    assert (card.input_grid, card.timestep_s) == ((2, 16, 16), 0.01)
    assert (card.data.options, card.data.fingerprint) == (tiny().workload, inputs.workload)
    assert (card.data.train, card.data.validation, card.data.test) == (60, 20, 20)
    assert card.origin.command == "codesign sweep tiny --models"
    assert (card.origin.config_hash, card.origin.training_key) == (table.metadata.config_hash, inputs.key)
    assert card.versions == table.metadata.versions
    rows = {(row["chip"], row["schedule"]): row for row in table.frame.to_dict("records")}
    assert len(card.evaluations) == len(rows) == 3
    for one in card.evaluations:
        row = rows[one.chip, one.schedule]
        assert (one.status, one.reason, one.split) == (row["status"], row["reason"], "test")
        if one.status == "ok":
            names = ("accuracy", "float_accuracy", "spike_density", "energy_j", "latency_s", "weight_bits", "samples")
            assert [getattr(one, name) for name in names] == [row[name] for name in names]
            assert one.energy_coverage == tuple(row["energy_coverage"])
            assert (card.best_epoch, card.validation_accuracy) == (row["best_epoch"], row["validation_accuracy"])
    page = (finished_sweep / "out/models/layered-seed0.md").read_text(encoding="utf-8")
    for one in card.evaluations:
        if one.accuracy is not None and one.float_accuracy is not None:
            scores = f"| 4-bit | {100 * one.accuracy:.1f} % | {100 * one.float_accuracy:.1f} % |"
            assert re.search(rf"\| {one.schedule} \| .*{re.escape(scores)}", page), page
    assert "| truenorth | chip | – | 1-bit | infeasible |" in page
    assert "`digits`: 60 samples for training, 20 for validation, 20 for tests" in page


def test_models_of_a_finished_sweep_are_only_written_and_always_the_same(finished_sweep, tmp_path, cache_root):
    outcome, _ = run(tiny(), tmp_path, cache_root)
    assert outcome.models is None
    assert not (tmp_path / "out/models").exists()
    _, progress = run(tiny(), tmp_path, cache_root, models=True)
    assert progress.ran == []
    first = contents(tmp_path / "out")
    assert list(first) == ["layered-seed0.md", "layered-seed0.safetensors"]
    run(tiny(), tmp_path, cache_root, models=True)
    assert contents(tmp_path / "out") == first
    assert contents(finished_sweep / "out") == first  # trained elsewhere


def test_every_recipe_axis_and_seed_is_a_model(tmp_path, cache_root):
    sizes = axes("recipe.unlayered.group_size: [2, 4]", "schedule.asynchronous.group_size: [2, 4]")
    spec = tiny(UNLAYERED, sizes, ("training: [0]", "training: [0, 3]"))
    outcome, _ = run(spec, tmp_path, cache_root, models=True)
    assert outcome.models.written == 6
    names = [name.removesuffix(".safetensors") for name in contents(tmp_path / "out") if name.endswith(".safetensors")]
    recipes = ["layered", "unlayered-group_size-2", "unlayered-group_size-4"]
    assert names == [f"{recipe}-seed{seed}" for recipe in recipes for seed in (0, 3)]
    card = cd.load_model(tmp_path / "out/models/unlayered-group_size-2-seed3.safetensors").card
    assert (card.recipe.group_size, card.axes, card.training_seed) == (2, {"group_size": 2.0}, 3)
    # Evaluations name the axes of schedules and chips, and only those.
    assert [(one.group_size, one.axes) for one in card.evaluations if one.schedule == "asynchronous"] == [
        (size, {"schedule.asynchronous.group_size": float(size)}) for size in (2, 4)
    ]
    assert all(one.axes == {} for one in card.evaluations if one.schedule != "asynchronous")


def test_a_model_that_rotted_in_the_store_is_trained_again(after_sweep, tmp_path, cache_root):
    first = contents(tmp_path / "out")
    path = Store(tmp_path / "store").path(trained().key)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    _, progress = run(tiny(), tmp_path, cache_root, models=True)
    assert progress.kinds() == ["train"]
    assert contents(tmp_path / "out") == first


def test_a_network_that_no_chip_takes_is_no_mistake(tmp_path, cache_root):
    outcome, _ = run(tiny((f"{CHIP}\n", "")), tmp_path, cache_root, models=True)
    assert outcome.models.written == 0


def test_a_card_holds_so_many_evaluations_and_counts_the_rest(after_sweep, tmp_path, cache_root, monkeypatch):
    monkeypatch.setattr("codesign.exploration.model_files._MOST_EVALUATIONS", 2)
    run(tiny(), tmp_path, cache_root, models=True)
    card = cd.load_model(tmp_path / "out/models/layered-seed0.safetensors").card
    assert (len(card.evaluations), card.evaluations_left_out) == (2, 1)
    page = (tmp_path / "out/models/layered-seed0.md").read_text(encoding="utf-8")
    assert "Left out here, and in the results: 1." in page


def test_names_are_safe_and_distinct_on_every_system():
    assert file_names(
        [("", "con", {"policy": "random"}, 0), ("trial7", "mine", {"rate": 5e-4, "size": 8.0}, 2**62)]
    ) == ["con-policy-random-seed0", "trial7-mine-rate-0.0005-size-8-seed4611686018427387904"]
    (unsafe,) = file_names([("", "mine", {"chip": "../../etc/pässword:*?"}, 0)])
    assert unsafe.startswith("mine-chip-.._.._etc_p_ssword___-seed0-")
    alike = [("", "mine", {}, 0), ("", "Mine", {}, 0), ("", "a-b-2", {}, 0), ("", "a", {"b": 2.0}, 0)]
    names = file_names([*alike, ("", "x" * 200, {"y": 1.0}, 0), ("", "x" * 200, {"y": 2.0}, 0)])
    assert len({name.casefold() for name in names}) == len(names)  # also where case does not count
    assert max(map(len, names)) <= 180


@pytest.mark.slow
def test_models_that_a_study_tested(tmp_path, cache_root):
    spec = tiny_studies.study(("trials: 8", "trials: 2"))
    outcome, _ = tiny_studies.run(spec, tmp_path, cache_root, models=True)
    front = sorted(trial.number for trial in outcome.facts.trials if trial.on_front and trial.number is not None)
    assert front
    assert outcome.models.written == 2 * (len(front) + 1)
    frame = read_results(outcome.results).frame
    for number in front:
        names = list((tmp_path / "out/models").glob(f"trial{number}-*-seed1.safetensors"))
        assert len(names) == 1
        model = cd.load_model(names[0])
        rows = frame[(frame["axis.trial"] == str(number)) & (frame["training_seed"] == 1)]
        assert [one.accuracy for one in model.card.evaluations] == rows["accuracy"].tolist()
        assert model.card.axes == {}
        assert torch.isfinite(model.network.weights()[0]).all()
    assert (tmp_path / "out/models/baseline-unlayered-seed0.md").is_file()
    _, watch = tiny_studies.run(spec, tmp_path, cache_root, models=True)
    assert watch.ran == []

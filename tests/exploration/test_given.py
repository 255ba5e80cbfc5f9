"""Models that a sweep is given: evaluated as they are, or trained further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_sweeps import outline, run

import codesign as cd
from codesign.errors import InputError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.planning import build_plan

SWEEP = """\
name: given
workload: {name: digits, timesteps: 3, train: 60, validation: 20, test: 20}
recipes:
  mine: {model: mine.safetensors}
  tuned: {from: mine.safetensors, method: unlayered, policy: fifo, epochs: 1, learning_rate: 1.0e-12}
  moved: {from: mine.safetensors, method: layered, epochs: 1, learning_rate: 0.01, input_dropout: 0.5}
chips:
  mubrain: {capacity: scaled, schedules: [layered]}
seeds: {training: [3, 4]}
"""
SLOWER = "given.yaml:4: .*decays by 0.02 s a timestep, and those of"
TOPOLOGY = cd.parse_topology("512-9r-10")
CONVOLUTION = cd.TopologySpec(
    input=(2, 16, 16), layers=[{"kind": "conv2d", "channels": 4, "kernel": 5}, {"kind": "linear", "neurons": 10}]
)


def saved(
    folder: Path, *, timestep_s: float = 0.01, topology: cd.TopologySpec = TOPOLOGY, **neuron: Any
) -> cd.SpikingNetwork:
    given = {"threshold": 0.05, "time_constant": "30 ms", "refractory": False, **neuron}
    network = cd.SpikingNetwork(topology, cd.NeuronSpec(**given), timestep_s=timestep_s, seed=5)
    cd.save_model(folder / "mine.safetensors", network, cd.describe_model(network, name="mine"))
    return network


def sweep_in(folder: Path, text: str = SWEEP) -> SweepSpec:
    (folder / "given.yaml").write_text(text)
    return cd.load_sweep(str(folder / "given.yaml"))


def test_a_given_model_is_evaluated_and_trained_further(tmp_path: Path, cache_root: Path):
    network = saved(tmp_path)
    spec = sweep_in(tmp_path)
    outcome, _ = run(spec, tmp_path, cache_root, models=True)
    rows = {(row["recipe"], row["training_seed"]): row for row in outcome.table.frame.to_dict("records")}
    # it is one model whatever the seeds
    assert list(rows) == [("mine", 0), ("moved", 3), ("moved", 4), ("tuned", 3), ("tuned", 4)]
    workload = cd.load_workload(spec.workload, cache_root=cache_root)
    quantized = cd.SpikingNetwork(network.topology, network.neuron, timestep_s=network.timestep_s)
    quantized.load_state_dict(network.state_dict())
    cd.quantize(quantized, cd.chip_quantization(cd.find_chip("mubrain"), 4))
    assert rows["mine", 0]["float_accuracy"] == cd.evaluate(network, workload.test, cd.LAYERED).accuracy
    assert rows["mine", 0]["accuracy"] == cd.evaluate(quantized, workload.test, cd.LAYERED).accuracy
    assert rows["mine", 0]["validation_accuracy"] == cd.evaluate(network, workload.validation, cd.LAYERED).accuracy
    assert rows["tuned", 3]["trained_epochs"] == 1
    for name, far in (("mine-seed0", 0.0), ("tuned-seed3", 1e-9)):
        kept = cd.load_model(tmp_path / "out" / "models" / f"{name}.safetensors")
        assert kept.network.neuron == network.neuron
        for ours, theirs in zip(kept.network.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, atol=far, rtol=0)
    models = tmp_path / "out" / "models"
    one, other = (cd.load_model(models / f"moved-seed{seed}.safetensors").network for seed in (3, 4))
    assert not torch.equal(one.weights()[0], other.weights()[0])


def test_data_made_otherwise_than_that_of_the_training_is_told(tmp_path: Path, cache_root: Path):
    network = saved(tmp_path)
    options = cd.WorkloadSpec(name="digits", timesteps=4, seed=1, test=20, validation=20, train=60)
    data = cd.load_workload(options, cache_root=cache_root)
    card = cd.describe_model(network, name="mine", data=(options, data))
    cd.save_model(tmp_path / "mine.safetensors", network, card)
    plan = build_plan(sweep_in(tmp_path), outline(timesteps=3))
    trained, evaluated = "timesteps 4 and seed 1", "timesteps 3 and seed 0"
    note, *others = plan.notes
    said = f"recipe 'mine' was trained on 'digits' with {trained}, and is evaluated on 'digits' with {evaluated}"
    assert note == f"the model of {said}"
    told = {point.columns["recipe"] for point in plan.points if note in point.columns["assumptions"]}
    assert told == {"mine"}  # others are trained on these data, too
    run(sweep_in(tmp_path), tmp_path, cache_root, models=True)
    kept = {
        name: cd.load_model(tmp_path / f"out/models/{name}.safetensors").card for name in ("mine-seed0", "moved-seed3")
    }
    assert (kept["mine-seed0"].name, kept["mine-seed0"].data) == ("mine", card.data)
    (evaluation,) = kept["mine-seed0"].evaluations
    fingerprint = kept["moved-seed3"].data.fingerprint
    told = f"these are samples of 'digits' with the fingerprint {fingerprint}, not of data that this card names"
    assert {note, told} < {*evaluation.assumptions}
    assert not any("fingerprint" in said for said in kept["moved-seed3"].evaluations[0].assumptions)
    assert kept["moved-seed3"].data.options == sweep_in(tmp_path).workload
    assert len(others) == 2
    known = "was trained on 'digits' with seed 1, and is evaluated on 'digits' with seed 0; it may know test samples"
    assert others[0] == f"the model that recipe 'tuned' trains further {known}"
    assert build_plan(sweep_in(tmp_path), outline(fingerprint=data.fingerprint)).notes == ()
    assert build_plan(sweep_in(tmp_path), outline(timesteps=3, official=True)).notes == (note,)
    other = build_plan(sweep_in(tmp_path), outline(timesteps=3, input_grid=(16, 16, 2))).notes[0]
    assert "timesteps 4, grid 2x16x16 and seed 1, and is" in other
    assert other.endswith("timesteps 3, grid 16x16x2 and seed 0")
    assert build_plan(sweep_in(tmp_path), outline(timesteps=3, input_grid=(1, 1, 512))).notes[0] == note
    assert kept["moved-seed3"].earlier_data == (card.data,)
    (tmp_path / "out/models/moved-seed3.safetensors").replace(tmp_path / "mine.safetensors")
    again = build_plan(sweep_in(tmp_path), outline(fingerprint=kept["moved-seed3"].data.fingerprint)).notes
    assert again[0] == f"the model of recipe 'mine' {known}"  # by what it began with


def keys(spec: SweepSpec) -> list[str]:
    """Of its trainings, and its hash."""
    plan = build_plan(spec, outline())
    return [plan.config_hash, *(jobs.execution.model.key for jobs in plan.jobs)]


def test_its_key_is_its_content_and_not_its_place(tmp_path: Path):
    (there := tmp_path / "there").mkdir()
    saved(tmp_path)
    first = keys(sweep_in(tmp_path))
    common = SWEEP.replace("from: mine.safetensors, ", "") + "recipe_defaults: {from: mine.safetensors}\n"
    assert keys(sweep_in(tmp_path, common))[1:] == first[1:]
    (tmp_path / "mine.safetensors").rename(there / "other.safetensors")
    moved = SWEEP.replace("mine.safetensors", "there/other.safetensors")
    assert keys(sweep_in(tmp_path, moved)) == first
    saved(there, threshold=0.06)
    assert not set(keys(sweep_in(there))) & set(first)


@pytest.mark.parametrize(
    ("change", "neuron", "message"),
    [
        (("model: mine", "model: none"), {}, "given.yaml:4: recipes.mine.model: .*none.safetensors: there is no such"),
        (("", ""), {"timestep_s": 0.02}, SLOWER),
        (("recipes:", "network: {hidden: '[9x1]'}\nrecipes:"), {}, "given.yaml:3: network.hidden: is that of the"),
        (("digits", "shd"), {}, "takes 512 inputs and has 10 classes; workload 'shd' has 700 inputs and 20 classes"),
        (
            ("digits", "shd"),
            {"topology": CONVOLUTION},
            r"takes 512 inputs \(2 × 16 × 16\) and has 10 classes; workload 'shd' has 700 inputs and 20 classes",
        ),
        (
            ("mine.safetensors}", "{file: mine.safetensors, dialect: norse}}"),
            {},
            "is not an HDF5 file .`cd.load_model`",
        ),
        (("mine.safetensors}", "mine.safetensors, epochs: 2}"), {}, "a `model` is taken as it is: remove epochs"),
        (
            ("epochs: 1, learning_rate: 0.01", "epochs: 1, learn: {time_constant: layer}"),
            {"time_constant": ("30 ms", "infinite")},
            "given.yaml:6: recipes.moved.learn: an infinite time constant cannot be",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_its_line(change, neuron, message, tmp_path):
    saved(tmp_path, **neuron)
    given = {"input_grid": (1, 700, 1), "classes": 20} if "shd" in change[1] else {}
    with pytest.raises(InputError, match=message):
        build_plan(sweep_in(tmp_path, SWEEP.replace(*change)), outline(**given))


def test_a_timestep_is_the_same_where_it_was_computed(tmp_path: Path, cache_root: Path):
    """9 · 1e-3 s is not 9 ms."""
    saved(tmp_path, timestep_s=9 * 1e-3)
    text = SWEEP.replace("{name: digits, timesteps: 3,", "{name: digits, timesteps: 3, timestep: 9 ms,")
    outcome, _ = run(sweep_in(tmp_path, text), tmp_path, cache_root)
    assert outcome.ok == len(outcome.table.frame) == 5
    network = cd.SpikingNetwork("3-2", cd.NeuronSpec(time_constant="9 ms"), timestep_s="9 ms")
    events = cd.EventBatch.from_dense([[[1, 1, 1]]], [0], timestep_s=9 * 1e-3)
    assert events.timestep_s != network.timestep_s
    assert cd.evaluate(network, events, cd.LAYERED, warn=False).samples == 1


def test_what_a_file_leaves_open_is_asked_for_in_one_line(tmp_path: Path):
    network = saved(tmp_path)
    cd.export_model(tmp_path / "mine.nir", network, cd.describe_model(network, name="mine"))
    sweep = sweep_in(tmp_path, SWEEP.replace("mine.safetensors}", "{file: mine.nir, dialect: snntorch}}"))
    with pytest.raises(
        InputError, match=r"a sweep's file as dt: …; --dt a time above 0, .*; --reset-delay true [^\n]*$"
    ):
        build_plan(sweep, outline())


def test_what_its_neurons_have_of_their_own_is_asked_of_the_chip_once(tmp_path: Path):
    """And told as it is: of numbers that differ within a layer, the first one's say nothing."""
    network = saved(tmp_path, time_constant=("30 ms", "20 ms"))  # which all models of the sweep have
    network.threshold[:3] = 0.06
    network.gain, network.initial_potential = (torch.linspace(low, 2, 19) for low in (0.5, -1))
    cd.save_model(tmp_path / "mine.safetensors", network, cd.describe_model(network, name="mine"))
    threshold, time_constant = "a threshold for each neuron; evaluated", "a time constant for each layer; evaluated"
    gain, potential = "gain; evaluated with 0.5 to 2", "potential; evaluated with -1 to 2"
    learns = SWEEP.replace("epochs: 1,", "epochs: 1, learn: {threshold: layer},")  # from each neuron's own
    for point in build_plan(sweep_in(tmp_path, learns), outline()).points:
        told = " ".join(point.columns["assumptions"])
        for words in (threshold, time_constant, gain, potential):
            assert told.count(words) == 1, words
        assert told.count("evaluated with its own") == 2

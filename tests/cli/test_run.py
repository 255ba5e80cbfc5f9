"""`codesign run`: a model, its data and chips, and nothing else to write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from program import run_here
from synthetic_sweep import printed

import codesign as cd
from codesign.analysis.results.table import ResultTable
from codesign.errors import DataError, InputError
from codesign.exploration.model_sweep import sweep_of_model
from codesign.exploration.runs.record import find_runs
from codesign.exploration.sweep import plan_sweep

CHIP = Path(cd.__file__).parent / "cli" / "start" / "chip.yaml"


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cd.SpikingNetwork:
    """That of a model in the working folder, beside which are samples for it and a chip."""
    monkeypatch.chdir(tmp_path)
    neuron = cd.NeuronSpec(threshold=0.3, time_constant="10 ms")
    network = cd.SpikingNetwork(cd.parse_topology("20-30-4"), neuron, timestep_s=2e-3, seed=1)
    cd.save_model("mine.v2.safetensors", network, cd.describe_model(network, name="mine"))
    numbers, labels = np.random.default_rng(0), np.arange(60) % 4
    data = numbers.poisson(0.2 + 0.5 * (np.arange(20) % 4 == labels[:, None, None]), size=(60, 8, 20))
    np.savez("my.npz", data=data, labels=labels)
    Path("own.yaml").write_text(CHIP.read_text(encoding="utf-8"), encoding="utf-8")
    return network


def ran(*chips: str, data: str = "my.npz") -> tuple[str, ResultTable]:
    """What a run of the model on chips, and with further options, tells, and its results."""
    told = run_here("run", "mine.v2.safetensors", "--data", data, "--chips", *chips, folder=Path()).out
    return told, cd.read_results(Path("reports/mine_v2"))


def test_a_model_runs_on_chips_that_wait_and_that_do_not(network: cd.SpikingNetwork):
    told, results = ran("loihi2", "mubrain", "./own.yaml", "--samples", "5", "--json")
    assert "Loihi" in json.dumps(json.loads(told))
    rows = {(row["chip"], row["schedule"]): row for row in results.frame.to_dict("records")}
    own = ["chip"] if cd.load_chip(CHIP).synchronized else ["chip", "drained", "layered"]
    three = [("mubrain", how) for how in ("chip", "drained", "layered")]
    assert sorted(rows) == [("loihi2", "chip"), *three, *(("own", how) for how in own)]
    assert {row["training_method"] for row in rows.values()} == {"given"}
    shown = printed(results)  # each chip's waiting beside its not waiting
    for how in ("yes, as if it could", "no, first output", "no, drained"):
        assert shown.count(how) == 1 + (len(own) > 1)
    assert "5 rows, tested on 5 samples Which chip" in " ".join(shown.split())
    waiting = next(answer for answer in results.answers if answer.name == "waiting_on_mubrain")
    assert len(waiting.options) == 3
    workload = cd.load_workload(sweep_of_model("mine.v2.safetensors", "my.npz", ["mubrain"]).workload)
    test = workload.test.select(slice(0, 5))
    assert rows["mubrain", "layered"]["float_accuracy"] == cd.evaluate(network, test, cd.LAYERED).accuracy
    same = "codesign run mine.v2.safetensors --data my.npz --chips loihi2 mubrain ./own.yaml --samples 5"
    assert results.metadata.command == same
    assert find_runs("reports/mine_v2")[0][0].record.kind == "run"  # which a sweep of that name does not replace


@pytest.mark.usefixtures("network")
def test_in_real_time_power_and_decision_latency_are_shown_and_who_falls_behind():
    """The latency of all frames without the time between them would answer nobody's question."""
    Path("slow.yaml").write_text("name: slow\nextends: mubrain\ntimes: {synaptic_operation: 1 ms}\n")
    for more, headings in (((), ["latency"]), (("--real-time",), ["power", "decision latency"])):
        _, results = ran("mubrain", "slow.yaml", *more)
        told = " ".join(printed(results).split())
        assert f"energy {' '.join(headings)} layers wait" in told
        assert ("slow falls behind its input in real time" in told) == bool(more)
        assert "mubrain falls behind" not in told
        shown = {name for answer in results.answers for option in answer.options for name in option.values}
        assert ({"decision_latency_s", "power_w"} <= shown) == bool(more)
    rows = results.frame[results.frame["chip"] == "mubrain"]
    assert {*rows["operation"]} == {"real_time"}
    # A leakage of 52.3 µW over eight timesteps of 2 ms.
    assert rows["energy_static_chip_j"].tolist() == pytest.approx([52.3e-6 * 16e-3] * len(rows))


def test_samples_of_a_test_split_alone_are_enough(network: cd.SpikingNetwork):
    held = np.load("my.npz")
    np.savez("only.npz", data=held["data"], labels=held["labels"], split=np.repeat("test", 60), timestep_s=2e-3)
    (accuracy,) = ran("loihi2", "--json", data="only.npz")[1].frame["float_accuracy"]
    workload = cd.load_workload(cd.WorkloadSpec(name="arrays", file="only.npz"))
    assert (len(workload.train), len(workload.validation), len(workload.test)) == (0, 0, 60)
    assert accuracy == cd.evaluate(network, workload.test, cd.LAYERED).accuracy
    Path("trained.yaml").write_text(
        "name: trained\nworkload: {name: arrays, file: only.npz}\nnetwork: {hidden: '8'}\n"
        "recipes: {mine: {method: layered, epochs: 1}}\nchips: {loihi2: {}}\n"
    )
    with pytest.raises(
        InputError, match=r"trained.yaml:2: workload: recipe 'mine' needs samples to train and validate"
    ):
        cd.run_sweep("trained.yaml")


def test_a_model_without_time_takes_frames_of_any_length(network: cd.SpikingNetwork):
    timeless = cd.SpikingNetwork(network.topology, cd.NeuronSpec(), timestep_s=0.01)
    cd.save_model("timeless.safetensors", timeless, cd.describe_model(timeless, name="timeless"))
    held = np.load("my.npz")
    for seconds in (0, 2e-3):
        np.savez("frames.npz", data=held["data"], labels=held["labels"], timestep_s=seconds)
        spec = sweep_of_model("timeless.safetensors", "frames.npz", ["mubrain"])
        assert cd.load_workload(spec.workload).timestep_s == seconds
        assert plan_sweep(spec).notes == ()
    np.savez("frames.npz", data=held["data"], labels=held["labels"])
    assert sweep_of_model("timeless.safetensors", "frames.npz", ["mubrain"]).workload.timestep == 0.01


def test_other_data_with_the_name_of_the_data_of_the_training_is_to_be_renamed(network: cd.SpikingNetwork):
    spec = cd.WorkloadSpec(name="arrays", file="my.npz", timestep="2 ms", train=40, validation=10, test=10)
    card = cd.describe_model(network, name="mine", data=(spec, cd.load_workload(spec)))
    cd.save_model("mine.safetensors", network, card)
    held = np.load("my.npz")
    Path("new").mkdir()
    for name in ("my.npz", "renamed.npz"):
        np.savez(f"new/{name}", data=held["data"], labels=held["labels"], timestep_s=2e-3, split=np.repeat("test", 60))
    with pytest.raises(
        InputError, match=r"my\.npz has the name of .* \(asked for 10 .*\); if it is other data, rename"
    ):
        sweep_of_model("mine.safetensors", "new/my.npz", ["mubrain"])
    assert sweep_of_model("mine.safetensors", "new/renamed.npz", ["mubrain"]).workload.train is None
    # Data that is large enough is split as in the training, which is said even if no test sample can be known.
    data, labels = np.concatenate([held["data"]] * 2), np.concatenate([held["labels"]] * 2)
    np.savez("new/my.npz", data=data, labels=labels, timestep_s=2e-3, split=np.repeat(["train", "test"], 60))
    (note,) = plan_sweep(sweep_of_model("mine.safetensors", "new/my.npz", ["mubrain"])).notes
    assert note.endswith(
        " differ from those that the model of recipe 'mine' was trained on; timesteps and split are as in its training"
    )


@pytest.mark.usefixtures("network")
def test_what_it_is_given_is_checked_before_anything_runs():
    for wrong, message in (
        (("none.safetensors", "my.npz", ["mubrain"]), "none.safetensors: there is no such file"),
        (("mine.v2.safetensors", "none.npz", ["mubrain"]), "--data: there is no file none.npz"),
        (("mine.v2.safetensors", "my.npz", ["mubrian"]), "did you mean 'mubrain'"),
        (("mine.v2.safetensors", "my.npz", ["own.yaml", "b/own.yaml"]), "b/own.yaml: another chip is called 'own' too"),
    ):
        with pytest.raises(InputError, match=message):
            sweep_of_model(*wrong)
    Path("digits").mkdir()  # ./digits would be this one
    np.savez("few.npz", data=np.ones((9, 8, 20)), labels=np.arange(9) % 3)
    np.savez("from1.npz", data=np.ones((9, 8, 20)), labels=1 + np.arange(9) % 4)
    largest = "without an array `classes`, their number is the file's largest label plus 1"
    others = [("few.npz", f".* 3 classes; {largest}"), ("from1.npz", f".* 5 classes; {largest}")]
    for take in range(4):
        Path("takes", label := str(1 + take % 2)).mkdir(parents=True, exist_ok=True)
        np.save(Path("takes", label, f"{take}.npy"), np.array([(5, 3)], dtype=[("t", "i8"), ("x", "i8")]))
    Path("takes/arrays.yaml").write_text("{grid: [20], timestep: 1 ms, timesteps: 2}")
    others.append(("takes", ".* 2 classes; each label of a folder is a class"))
    for data, message in (("digits", "workload 'digits' has 512"), *others):
        with pytest.raises(InputError, match=f"^MODEL: takes 20 inputs and has 4 classes; {message}"):
            plan_sweep(sweep_of_model("mine.v2.safetensors", data, ["mubrain"]))
    with pytest.raises(InputError, match=r"^--real-time: truenorth_allin: its all-in energy was measured in real_time"):
        plan_sweep(sweep_of_model("mine.v2.safetensors", "my.npz", ["truenorth_allin"]))
    np.save("my.npy", np.ones((5, 8, 20)))
    with pytest.raises(DataError, match=r"my.npy: .*; arrays lie in files that end in .npz"):
        plan_sweep(sweep_of_model("mine.v2.safetensors", "my.npy", ["mubrain"]))


@pytest.mark.usefixtures("network")
def test_models_of_one_recipe_do_not_write_over_each_others_results():
    """Their files have the values of axes in their names, with points, and the seed."""
    short, names = "neuron.time_constant-0.02", []
    long = f"{short}-{'x' * 60}"
    for model in (
        f"layered-{short}-seed0",
        f"layered-{long}-seed0",
        f"layered-{long}-seed1",
        f"unlayered-{long}-seed0",
    ):
        file = Path(f"{model}.safetensors")
        file.write_bytes(Path("mine.v2.safetensors").read_bytes())
        names.append(sweep_of_model(str(file), "my.npz", ["mubrain"]).name)
    assert len({*names}) == len(names)
    assert names[0] == "layered-neuron_time_constant-0_02-seed0"


def test_data_of_the_training_is_made_and_split_as_it_was(tmp_path: Path):
    topology = cd.parse_topology("512-9-10")
    network = cd.SpikingNetwork(topology, cd.NeuronSpec(threshold=0.3, time_constant="10 ms"), timestep_s=0.01, seed=1)
    options = cd.WorkloadSpec(name="digits", timesteps=4, seed=3, train=50)
    card = cd.describe_model(network, name="mine", data=(options, cd.load_workload(options)))
    cd.save_model(tmp_path / "mine.safetensors", network, card)
    model = str(tmp_path / "mine.safetensors")
    assert sweep_of_model(model, "digits", ["mubrain"]).workload == options
    assert plan_sweep(sweep_of_model(model, "digits", ["mubrain"])).notes == ()
    assert sweep_of_model(model, "nmnist", ["mubrain"]).workload.timesteps is None
    for name, folder in (("arrays", "a"), ("arrays", "b"), ("other", "b")):
        file = tmp_path / folder / f"{name}.npz"
        file.parent.mkdir(exist_ok=True)
        np.savez(file, data=np.ones((30, 10, 512)), labels=np.arange(30) % 10, timestep_s=0.01)
        if folder == "a":
            options = cd.WorkloadSpec(name="arrays", file=str(file), timesteps=4, test=5)
            card = cd.describe_model(network, name="mine", data=(options, cd.load_workload(options)))
            cd.save_model(tmp_path / "mine.safetensors", network, card)
        found = sweep_of_model(model, str(file), ["mubrain"])
        known = name == "arrays"  # wherever it lies now
        assert (found.workload.file, found.workload.timesteps) == (str(file), 4 if known else None)
        said = "the model of recipe 'mine' was trained on 'arrays' with timesteps 4 and test 5, and is evaluated on "
        said += "'arrays' with timesteps 10 and usual test"
        assert plan_sweep(found).notes == (() if known else (said,))
    np.savez(tmp_path / "a" / "arrays.npz", data=np.ones((40, 10, 512)), labels=np.arange(40) % 10, timestep_s=0.01)
    said = "the events of 'arrays' differ from those that the model of recipe 'mine' was trained on; it may know "
    assert plan_sweep(sweep_of_model(model, f"{tmp_path}/a/arrays.npz", ["mubrain"])).notes == (f"{said}test samples",)


def test_a_folder_is_the_same_data_however_its_path_ends(tmp_path: Path):
    network = cd.SpikingNetwork("512-9-10", cd.NeuronSpec(), timestep_s=0.01)
    options = cd.WorkloadSpec(name="arrays", file=f"{tmp_path}/recordings/", timesteps=4)
    workload = replace(cd.load_workload("digits"), name="arrays")
    card = cd.describe_model(network, name="mine", data=(options, workload))
    cd.save_model(tmp_path / "mine.safetensors", network, card)
    for folder, timesteps in (("recordings", 4), ("recordings/", 4), ("others/", None)):
        (tmp_path / folder).mkdir(exist_ok=True)
        found = sweep_of_model(str(tmp_path / "mine.safetensors"), f"{tmp_path}/{folder}", ["mubrain"])
        assert found.workload.timesteps == timesteps

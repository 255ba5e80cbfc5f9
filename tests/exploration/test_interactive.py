"""Sweeps and schedules from Python, with defaults for everything."""

from __future__ import annotations

import math
import statistics
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from networks import batch_of
from tiny_studies import STUDY, study
from tiny_sweeps import PRICES, TINY, tiny

import codesign as cd
from codesign.exploration.running import RunArguments
from codesign.exploration.runs.progress import Progress
from codesign.exploration.study.study import run_study
from codesign.exploration.sweep import run_sweep
from codesign.simulation.event import compilation


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_root: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODESIGN_CACHE", str(cache_root))
    return tmp_path


def digits() -> cd.Workload:
    return cd.load_workload(cd.WorkloadSpec(name="digits", timesteps=3, train=20, validation=10, test=20))


def test_a_path_and_a_mapping_give_the_same_results_and_run_once(here: Path) -> None:
    Path("tiny.yaml").write_text(TINY)
    results = cd.run_sweep("tiny.yaml")
    assert (here / "reports/tiny/results.parquet").is_file()
    assert results.metadata.jobs.trained == 1
    assert results.metadata.command == "codesign sweep tiny.yaml"
    again = cd.run_sweep(yaml.safe_load(TINY), executor="serial")
    assert again.metadata.command == ""  # no file says what the mapping does
    assert again.frame["accuracy"].equals(results.frame["accuracy"])
    assert (again.metadata.jobs.trained, again.metadata.jobs.executed) == (0, 0)
    read = cd.read_results("reports/tiny")
    assert read == again != results
    best = read.best(most="accuracy")
    assert best.value("accuracy").mean == results.frame["accuracy"].max()


def test_a_study_is_asked_for_as_a_sweep_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = STUDY.replace("trials: 8", "trials: 2")
    Path("tiny.yaml").write_text(short)
    results = cd.run_study("tiny.yaml", progress=True)
    assert capsys.readouterr().err.startswith("to search: ")
    assert (here / "reports/tiny/trials.parquet").is_file()
    assert results.metadata.study is not None
    assert results.metadata.command == "codesign study tiny.yaml"
    shortened = cd.run_study("tiny.yaml", trials=1, output="one")
    assert shortened.metadata.study is not None
    assert len(shortened.metadata.study.trials) == 1
    assert shortened.metadata.command == "codesign study tiny.yaml --trials 1"
    again = cd.run_study(yaml.safe_load(short), models=True)
    assert again.metadata.command == ""
    card = next((here / "reports/tiny/models").glob("*.md")).read_text(encoding="utf-8")
    assert "cd.run_study(study, models=True)  # in Python" in card
    assert again.frame["accuracy"].equals(results.frame["accuracy"])
    with pytest.raises(cd.InputError, match="study: must be a path, a name, a mapping or a spec, found SweepSpec"):
        cd.run_study(tiny())  # type: ignore[arg-type]
    with pytest.raises(cd.InputError, match="sweep: must be a path, a name, a mapping or a spec, found StudySpec"):
        cd.run_sweep(cd.load_study("tiny.yaml"))
    with pytest.raises(cd.InputError, match="sweep: has the keys of a study; run_study takes it"):
        cd.run_sweep(yaml.safe_load(short))


def test_prices_are_asked_for_as_a_sweep_is(here: Path) -> None:
    Path("tiny.yaml").write_text(TINY)
    prices = yaml.safe_load(PRICES) | {"name": "priced"}
    prices["axes"] = {"energies.synaptic_operation": ["1 pJ", "2 pJ", "4 pJ"]}
    outcome = cd.run_pricing(prices)
    points = pd.read_parquet(outcome.points)
    assert (outcome.size, len(points), outcome.front) == (3, 3, Path("reports/priced/front.parquet"))
    energies = points.filter(like="energy_j").to_numpy()
    assert energies[2] - energies[1] == pytest.approx(2 * (energies[1] - energies[0]))
    Path("priced.yaml").write_text(yaml.safe_dump(prices))
    assert pd.read_parquet(cd.run_pricing("priced.yaml", output="again").points).equals(points)
    with pytest.raises(cd.InputError, match=r"axes\.clok: "):
        cd.run_pricing({**prices, "axes": {"clok": ["1 MHz"]}})


def test_mistakes_of_a_mapping_are_told_by_their_place(here: Path) -> None:
    wrong = yaml.safe_load(TINY)
    wrong["recipe_defaults"]["epochs"] = 0
    wrong["chips"]["lohi"] = {}
    with pytest.raises(cd.InputError) as raised:
        cd.run_sweep(wrong)
    told = str(raised.value).splitlines()
    assert len(told) == 2
    assert any(line.startswith("recipe_defaults.epochs: must be greater than 0, found 0") for line in told)
    assert any("unknown chip 'lohi'" in line for line in told)
    with pytest.raises(cd.InputError, match="a mapping or a spec has none"):
        cd.run_sweep(wrong, dataset="nmnist")
    with pytest.raises(cd.InputError, match="executor: unknown 'rya'; did you mean 'ray'"):
        cd.run_sweep(yaml.safe_load(TINY), executor="rya")  # type: ignore[arg-type]


def test_a_mapping_may_hold_numbers_of_numpy(here: Path) -> None:
    given = yaml.safe_load(TINY)
    given["recipe_defaults"]["learning_rate"] = np.float32(0.5)
    given["seeds"] = {"training": np.arange(1), "evaluation": range(1)}
    given["workload"]["test"] = np.int64(20)
    given["chips"]["tiled"] = {"extends": "loihi", "synchronization": {"times": {"by_tiles": {1: "100 ns"}}}}
    assert cd.run_sweep(given).frame["samples"].max() == 20


def test_python_gives_quantities_in_si_and_files_with_units(here: Path) -> None:
    assert cd.NeuronSpec(time_constant=0.001) == cd.NeuronSpec(time_constant="1 ms")
    assert cd.WorkloadSpec(name="digits", timestep=0.01) == cd.WorkloadSpec(name="digits", timestep="10 ms")
    assert cd.WorkloadSpec(name="digits", timestep=np.float32(0.01)).timestep == 0.01
    wrong = yaml.safe_load(TINY)
    wrong["workload"]["timestep"] = 0.01
    with pytest.raises(cd.InputError, match=r"timestep: needs a unit, found 0\.01"):
        cd.run_sweep(wrong)
    with pytest.raises(cd.InputError, match=r"^NeuronSpec: threshold: must be greater than 0, found -1$"):
        cd.NeuronSpec(threshold=-1)


def test_schedules_compared_are_those_that_are_evaluated_and_priced_one_by_one(here: Path) -> None:
    workload = digits()
    torch.manual_seed(0)
    network = cd.SpikingNetwork("512-12-8-10", cd.NeuronSpec(time_constant=0.01), timestep_s=workload.timestep_s)
    with torch.no_grad():
        for weight in network.weights():
            weight.mul_(4).abs_()
    before = [weight.clone() for weight in network.weights()]
    asked = {"chips": ["mubrain", "loihi"], "policies": ["random", "momentum"], "group_sizes": [1, 4]}
    frame = cd.compare_schedules(network, workload.test, **asked)
    assert all(torch.equal(was, weight) for was, weight in zip(before, network.weights(), strict=True))
    told = list(frame[["chip", "policy", "group_size", "stop"]].dropna().itertuples(index=False, name=None))
    assert told == [("mubrain", *of) for of in product(("random", "momentum"), (1, 4), ("on_output", "drained"))]
    assert frame["chip"].tolist() == ["mubrain"] * 9 + ["loihi"]
    assert frame["policy"].iloc[[0, -1]].tolist() == ["layered", "layered"]

    chip = cd.find_chip("mubrain")
    with torch.no_grad():
        cd.quantize(network, cd.chip_quantization(chip))
    placement = cd.place(network.shape, chip, capacity="scaled")
    layered = cd.evaluate(network, workload.test, cd.LAYERED)
    momentum = cd.Schedule(policy="momentum", group_size=4)
    for at, asked in ((0, cd.LAYERED), (7, momentum), (8, momentum.drained())):
        schedule = cd.on_chip(asked, placement).schedule
        execution = cd.evaluate(network, workload.test, schedule)
        cost, row = cd.price(execution, placement), frame.iloc[at]
        assert row["accuracy"] == execution.accuracy
        assert row["energy_j"] == cost.columns()["energy_j"]
        assert row["agreement"] == (execution.predictions == layered.predictions).mean()
        assert row["not_modelled"] == "; ".join(cost.not_modelled)
    waiting, *_ = frame["assumptions"]
    assert waiting.startswith("mubrain has no layer synchronization; this schedule waits")
    assert all("mubrain resets by subtract; evaluated with reset 'zero'" in told for told in frame["assumptions"][:9])
    assert not any("weights" in told for told in frame["assumptions"])  # they are the chip's


@pytest.mark.parametrize("asked", [{}, {"stop": "drained"}])
def test_potentials_are_read_on_chips_that_wait_too(asked: dict[str, Any], here: Path) -> None:
    frames = torch.rand(4, 2, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    events = batch_of(frames.int().numpy())
    network = cd.SpikingNetwork("8-6-3", cd.NeuronSpec(threshold=0.1, readout="potential"), timestep_s=0.01)
    frame = cd.compare_schedules(network, events, chips=["loihi", "truenorth", "mubrain"], **asked)
    assert frame["stop"].tolist() == ["drained"] * 4
    assert frame["agreement"].tolist()[:3] == [1.0] * 3


def test_what_was_assumed_of_a_chip_is_said_of_every_schedule(here: Path) -> None:
    layers = [{"kind": "linear", "neurons": size} for size in (300, 200, 3)]
    topology = cd.TopologySpec(input=8, layers=layers, skips=[{"from": "input", "to": 2, "kind": "linear"}])
    events = batch_of(np.ones((2, 1, 8)))
    network = cd.SpikingNetwork(topology, cd.NeuronSpec(), timestep_s=0.01)
    network.threshold[0] = 0.2
    frame = cd.compare_schedules(network, events, chips="mubrain")
    assert len(frame) == 3
    for told in frame["assumptions"]:
        assert "mubrain scaled: the network needs 503 ne" in told
        assert "mubrain is not stated to have skips over layers" in told
        assert "mubrain is not stated to have a threshold for each neuron; evaluated with its own" in told


def test_what_a_chips_bits_do_to_a_network_is_said(here: Path) -> None:
    events, network = batch_of(np.ones((2, 1, 8))), cd.SpikingNetwork("8-6-3", cd.NeuronSpec(), timestep_s=0.01)
    frame = cd.compare_schedules(network, events, chips=["truenorth", "spinnaker2"])
    assert "potentials saturate at 20 bits" in frame["assumptions"].iloc[0]
    assert "evaluated with 32-bit floating-point weights" in frame["assumptions"].iloc[1]


def test_policies_that_draw_run_once_a_seed_and_have_an_interval(here: Path) -> None:
    workload, seeds = digits(), (3, 4, 5)
    network = cd.SpikingNetwork("512-12-8-10", cd.NeuronSpec(threshold=0.05), timestep_s=workload.timestep_s)
    asked = {"policies": ["random", "fifo"], "group_sizes": 1, "stop": "on_output", "seeds": seeds}
    frame = cd.compare_schedules(network, workload.test, **asked)
    assert frame["runs"].tolist() == [1, 3, 1]
    random = cd.Schedule(policy="random", group_size=1, stop="on_output")
    found = [cd.evaluate(network, workload.test, random, seed=seed).accuracy for seed in seeds]
    assert len(set(found)) > 1
    assert frame["accuracy"][1] == pytest.approx(statistics.mean(found))
    half = 4.302653 * statistics.stdev(found) / 3**0.5  # Student's t of 2 degrees of freedom
    assert frame["accuracy_half_width"].tolist() == pytest.approx([math.nan, half, math.nan], nan_ok=True)


def test_a_stop_is_told_as_it_was_asked_for(here: Path) -> None:
    network = cd.SpikingNetwork("4-8-2", cd.NeuronSpec(threshold=0.1), timestep_s=0.01)
    events = batch_of(np.ones((2, 1, 4)), np.arange(2))
    stops = ["on_output", "read_early"]
    frame = cd.compare_schedules(network, events, group_sizes=1, stop=stops)
    assert frame["stop"].tolist() == ["drained", *stops]
    assert frame["forward_steps"][1] < frame["forward_steps"][2]


def test_schedules_that_cannot_run_are_refused(here: Path) -> None:
    events = batch_of(np.ones((2, 1, 4)), np.arange(2))
    spiking, potentials = (
        cd.SpikingNetwork("4-3-2", cd.NeuronSpec(readout=readout), timestep_s=0.01)
        for readout in ("spikes", "potential")
    )
    for network, options, told in (
        (spiking, {"policies": cd.policy_names()}, "policy 'timed': needs the schedule's `service`"),
        (spiking, {"policies": ["timed"], "chips": ["loihi", "morphic"]}, "morphic: a policy that looks at service"),
        (spiking, {"group_sizes": [8, 0]}, "group_size: must be at least 1, found 0"),
        (spiking, {"group_sizes": [8, None]}, "group_size: must be a whole number, found None"),
        (spiking, {"chips": ["speck", cd.find_chip("speck")]}, "chips: must have different names"),
        (
            spiking,
            {"policies": ["random", cd.Policy(name="random", priority=abs)]},
            "policies: must have different names",
        ),
        (potentials, {"stop": "on_output"}, "stop: must be 'drained' with readout 'potential'"),
    ):
        with pytest.raises(cd.InputError, match=told):
            cd.compare_schedules(network, events, **options)


def test_a_silent_network_is_told_with_its_chip_and_schedule(here: Path) -> None:
    events = batch_of(np.ones((16, 1, 4)))
    network = cd.SpikingNetwork("4-3-2", cd.NeuronSpec(threshold=100), timestep_s=0.01)
    with pytest.warns(cd.SilentNetworkWarning) as told:
        cd.compare_schedules(network, events, chips="loihi")
    (warning,) = told
    assert " on loihi under Schedule(" in str(warning.message)
    assert warning.filename == __file__


@pytest.fixture
def never_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has run nothing, on a machine without compiled code."""
    monkeypatch.setattr(compilation, "is_compiled", lambda: False)
    monkeypatch.setattr(compilation, "_asked", [])


@pytest.mark.parametrize(("run", "spec"), [(run_sweep, tiny()), (run_study, study(("trials: 8", "trials: 1")))])
def test_the_first_run_on_a_machine_says_that_it_compiles(run, spec, here, monkeypatch, never_compiled):
    notes: list[str] = []
    listener = Progress()
    monkeypatch.setattr(listener, "note", notes.append)
    for number in range(2):
        store = cd.Store(f"store {number}")
        run(spec, RunArguments(store=store, output=f"out {number}", progress=listener))
    assert [note for note in notes if "compiling" in note] == [
        "compiling the simulator, once on this machine and version: usually ten to twenty seconds"
    ]


def test_what_holds_the_numbers_of_many_samples_shows_in_a_few_lines(here: Path) -> None:
    network = cd.SpikingNetwork("4-3-2", cd.NeuronSpec(), timestep_s=0.01)
    events = cd.EventBatch.from_dense(torch.ones(200, 5, 4), [0] * 200, timestep_s=0.01)
    simulation = cd.simulate(network, events, cd.LAYERED)
    cost = cd.price(cd.evaluate(network, events, cd.LAYERED), cd.place(network.shape, cd.find_chip("loihi")))
    loss = cd.classification_loss(network, events, cd.LAYERED)
    assert "scores=<float32 (200, 5, 2)>, spikes=<float32 (200, 2)>, execution=" in repr(simulation)
    assert "charges" not in repr(simulation)  # there are none
    for one in (simulation, loss, cost.energy, cost.latency, cost.mean):
        assert len(repr(one)) < 1500
    assert repr(cd.Store("kept")) == "Store('kept')"
    assert repr(events[0]).startswith("EventBatch(1 sample, 5 timesteps of 0.01 s, 4 inputs, ")


@pytest.mark.parametrize("watched", [True, False])
def test_so_does_a_network_alone_to_whoever_looks_on(watched, monkeypatch, never_compiled, capsys):
    monkeypatch.setattr(compilation, "is_watched", lambda: watched)
    network = cd.SpikingNetwork("4-3-2", cd.NeuronSpec(), timestep_s=0.01)
    events = cd.EventBatch.from_dense(torch.zeros(1, 2, 4), torch.zeros(1, dtype=torch.int64), timestep_s=0.01)
    cd.simulate(network, events, cd.LAYERED)
    assert ("compiling the simulator" in capsys.readouterr().err) == watched


def test_progress_is_shown_where_somebody_looks_on_or_asks(here, monkeypatch, capsys):
    def said(**given: bool) -> str:
        cd.run_sweep(tiny(), **given)
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err

    assert said() == ""
    assert said(progress=True).startswith("to run: 0 models (1 in the store)")
    monkeypatch.setitem(sys.modules, "ipykernel", pytest)
    assert said().startswith("to run: ")
    assert said(progress=False) == ""


def test_damaged_results_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cd.run_sweep(tiny(), store="store")
    entry = max((file for file in Path("store").rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    entry.write_bytes(entry.read_bytes()[:-1])
    cd.run_sweep(tiny(), store="store", progress=True)
    assert "was damaged; it is removed and computed again" in capsys.readouterr().err

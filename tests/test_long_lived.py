"""A process that is more than a script: a pool or a service, with defaults, streams and folders of its own."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import AbstractContextManager
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from networks import batch_of, network_of, toy_split

import codesign as cd
from codesign.exploration import running
from codesign.exploration.executors.base import Task
from codesign.exploration.executors.perform import perform
from codesign.exploration.jobs.store import Entry
from codesign.exploration.runs.shown import shown_progress
from codesign.terminal_text import is_watched


def sent(value: Any) -> Any:
    """What another process of a pool gets."""
    return pickle.loads(ForkingPickler.dumps(value))


class Own(cd.SpikingNetwork):
    """What somebody adds to a network."""

    @classmethod
    def of(cls, network: cd.SpikingNetwork) -> Own:
        own = cls(network.topology, network.neuron, timestep_s=network.timestep_s)
        for mine, its in zip(own.parameters(), network.parameters(), strict=True):
            mine.data = its.data
        return own


def test_a_network_that_a_pool_sends_is_a_copy():
    network = network_of("8-6-2")
    before = [weight.tolist() for weight in network.weights()]
    for copied in (sent(network), sent({"of": torch.nn.Sequential(network)})["of"][0], sent(Own.of(network))):
        assert [weight.tolist() for weight in copied.weights()] == before
        cd.quantize(copied, cd.Quantization(bits=2))
        assert [weight.tolist() for weight in network.weights()] == before


def test_a_network_that_was_sent_is_the_first_thing_that_a_process_runs():
    given = pickle.dumps((network_of("8-6-2"), toy_split(0, 4)))
    program = "import pickle, sys; network, events = pickle.load(sys.stdin.buffer); print(network(events).shape)"
    ran = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, check=False)
    assert (ran.stdout, ran.returncode) == (b"torch.Size([4, 2])\n", 0), ran.stderr


def test_progress_needs_no_standard_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "stderr", None)
    assert not is_watched()
    with shown_progress(True) as progress:
        progress.note("something")
    assert capsys.readouterr().out == ""


def test_events_are_drawn_on_the_cpu_whatever_the_default():
    events = batch_of(np.random.default_rng(0).poisson(1.5, (4, 3, 16))).with_grid((1, 4, 4))
    augmentation = cd.Augmentation(shift=1, event_drop=0.2, time_jitter="5 ms")
    augmented, network = augmentation(events, seed=0, epoch=1), network_of("16-2")
    schedule = cd.Schedule(input_dropout=0.5)
    run = cd.simulate(network, events, schedule).execution
    with torch.device("meta"):
        assert augmentation(events, seed=0, epoch=1) == augmented
        assert cd.simulate(network, events, schedule).execution == run


@pytest.mark.parametrize("without", [torch.no_grad(), torch.inference_mode()])
def test_a_task_may_learn_whatever_its_caller_has_switched_off(without: AbstractContextManager[object]):
    with without:
        learns = perform(Task(key="a", kind="train", function=torch.is_grad_enabled, arguments=()))
        made = perform(Task(key="b", kind="train", function=torch.ones, arguments=(1,)))
        assert (learns.output, made.output.is_inference()) == (True, False)
        assert not torch.is_grad_enabled()


def test_a_store_stays_where_it_is_when_the_process_goes_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    store, key = cd.Store("here"), "ab" * 32
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put_many({key: Entry(payload=b"a", facts={})})
    assert cd.Store(tmp_path / "here").keys() == {key}
    assert not list(Path().iterdir())


def test_where_ray_is_in_use_jobs_run_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "usable_cores", lambda: 8)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: True))
    notes: list[str] = []
    assert running.choose_executor([(1e6, 8)], on_note=notes.append).name == "serial"
    assert notes == ["Ray is in use in this process already, so jobs run here, one after another"]

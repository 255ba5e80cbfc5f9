"""The counts of Loihi 2's published run, from its network and recorded spikes, where they lie below CODESIGN_DATA."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from handmade_hardware import near
from scripts import script

from codesign.hardware.chip.validation_models import Counts, Steps
from codesign.hardware.library import find_chip

ROOT = Path(os.environ.get("CODESIGN_DATA") or "data")  # before a test's own folders take its place

pytestmark = [pytest.mark.recordings, pytest.mark.slow]


@pytest.fixture(scope="module")
def counting() -> ModuleType:
    module = script("benchmarks/pilotnet_counts.py")
    if not (ROOT / module.FOLDER / "network.net").is_file():
        pytest.skip(f"needs {module.FOLDER}: no network.net in {ROOT / module.FOLDER}")
    return module


def test_the_imported_network_meets_every_recorded_spike_and_the_file_has_its_counts(counting: ModuleType) -> None:
    network, image, recorded = counting.read(ROOT / counting.FOLDER)
    assert sum(int(spikes.sum()) for spikes in recorded) == 1_118_521
    assert counting.mismatches(network, image, recorded) == 0
    sample = counting.spikes_of(network, np.zeros((counting.PERIOD, network.shape.input_size)))
    counted = counting.counts(counting.measured_run(network, sample, counting.intels(network)))
    chip, core = counted["chip"], counted["core"]
    models = {one.name: one.model for one in find_chip("loihi2").validation}
    for name in ("PilotNet, leaky neurons", "PilotNet, leaky neurons, dynamic"):
        model = models[name]
        assert isinstance(model, Counts)
        found = {event: getattr(model.events, event)[0] for event in type(model.events).model_fields}
        expected = {
            "synaptic_operation": chip["synaptic_operations"],
            "neuron_access": chip["neurons"],
            "neuron_update": chip["updates"],
            "spike": chip["spikes"],
            "message": chip["messages"],
        }
        assert {event: count for event, count in found.items() if count} == {
            event: round(count) for event, count in expected.items()
        }
    model = models["PilotNet, leaky neurons, time of a step"]
    assert isinstance(model, Steps)
    assert model.work.messages * model.work.synapses == near(core["synaptic_operations"], rel=1e-4)
    stated = (model.work.messages, model.work.accesses, model.work.updates, model.work.spikes, model.work.outputs)
    assert stated == (core["received"], core["neurons"], core["updates"], core["spikes"], core["messages"])

from __future__ import annotations

from types import SimpleNamespace

import pytest

from codesign.documents import parse_document
from codesign.errors import DocumentError
from codesign.training.presets import PRESETS
from codesign.units import parse_quantity
from codesign.workload.datasets.base import Dataset
from codesign.workload.datasets.registry import get_dataset
from codesign.workload.raw_events import bin_edges_ns
from codesign.workload.spec import ResolvedSpec, WorkloadSpec


@pytest.mark.parametrize("name", ["shd", "dvsgesture", "cifar10"])
def test_usual_timesteps_are_those_of_the_papers_table_6(name):
    assert get_dataset(name).completed(WorkloadSpec(name=name)).timestep == PRESETS[name].timestep


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("timestep: 10", "needs a unit"),
        ("timesteps: 2.5", "whole number"),
        ("train: 0", "greater than 0"),
        ("split: random", "'official', 'pooled' or 'speaker'"),
        ("contrast: 0", "0.02"),
        ("trian: 5", "did you mean 'train'"),
    ],
)
def test_mistakes_are_named_with_their_line(line, message):
    with pytest.raises(DocumentError, match=message) as caught:
        parse_document(f"name: digits\n{line}\n", "w.yaml", WorkloadSpec)
    assert str(caught.value).startswith("w.yaml:2: ")


def resolved(timestep, timesteps):
    seconds = parse_quantity(timestep, "s")
    return ResolvedSpec.model_construct(name="digits", timestep=seconds, timesteps=timesteps, split="pooled")


def test_edges_are_whole_nanoseconds():
    assert bin_edges_ns(0.01, 3).tolist() == [0, 10_000_000, 20_000_000, 30_000_000]
    assert bin_edges_ns(0.1 / 3, 3).tolist() == [0, 33_333_333, 66_666_667, 100_000_000]
    assert bin_edges_ns(0.01, 300).tolist() == [10_000_000 * k for k in range(301)]


def test_durations_up_to_the_source_are_accepted_and_others_refused():
    source = SimpleNamespace(resolution_s=1e-3, longest_s=0.3)

    def mistakes(timestep, timesteps):
        return list(Dataset.timing_mistakes(source, resolved(timestep, timesteps)))

    assert [mistakes(*of) for of in (("1 ms", 300), ("10 ms", 30), ("0.3 s", 1))] == [[], [], []]
    assert mistakes("0.5 ms", 10) == [("timestep", "must be at least 1 ms, found 500 µs")]
    assert [option for option, _ in mistakes("1 s", 1)] == ["timestep"]
    ((option, message),) = mistakes("10 ms", 31)
    assert option == "timesteps"
    assert "last 310 ms, but a sample lasts 300 ms" in message

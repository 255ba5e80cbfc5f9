from __future__ import annotations

import pytest

from codesign.errors import InputError
from codesign.units import parse_quantity
from codesign.workload.spec import ResolvedSpec
from codesign.workload.timing import bin_edges_ns, check_duration


def resolved(timestep, timesteps):
    seconds = parse_quantity(timestep, "s")
    return ResolvedSpec.model_construct(name="digits", timestep=seconds, timesteps=timesteps, split="pooled")


def test_edges_are_whole_nanoseconds():
    assert bin_edges_ns(0.01, 3).tolist() == [0, 10_000_000, 20_000_000, 30_000_000]
    assert bin_edges_ns(0.1 / 3, 3).tolist() == [0, 33_333_333, 66_666_667, 100_000_000]
    assert bin_edges_ns(0.01, 300).tolist() == [10_000_000 * k for k in range(301)]


@pytest.mark.parametrize(
    ("timestep", "timesteps", "message"),
    [("0.5 ms", 10, "timestep must be at least 1 ms, found 500 µs"), ("10 ms", 31, "last 310 ms.*lasts 300 ms")],
)
def test_durations_beyond_the_source_are_refused(timestep, timesteps, message):
    spec = resolved(timestep, timesteps)
    with pytest.raises(InputError, match=message):
        check_duration(spec, resolution_s=1e-3, longest_s=0.3)


@pytest.mark.parametrize(("timestep", "timesteps"), [("1 ms", 300), ("10 ms", 30), ("0.3 s", 1)])
def test_durations_up_to_the_source_are_accepted(timestep, timesteps):
    spec = resolved(timestep, timesteps)
    check_duration(spec, resolution_s=1e-3, longest_s=0.3)

"""How many cores jobs may use on this machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.resources import core_limit, usable_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are given to processes on Linux only")
def test_cores_that_a_batch_system_withholds_are_not_used() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cores() == 1
        executor = RayExecutor()
        assert executor._cores == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("files", "cores"), [({"cpu.max": "150000 100000\n"}, 1.5), ({"cpu.max": "max 100000\n"}, math.inf), ({}, math.inf)]
)
def test_the_time_that_a_container_may_take_is_known(tmp_path: Path, files: dict[str, str], cores: float) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert core_limit(tmp_path) == cores

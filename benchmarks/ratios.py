"""The comparisons that the measurements are made for, each with its target where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shapes import SHAPES

__all__ = ["ratio_lines"]

Row = dict[str, Any]
Line = tuple[str, str, str, str, str]
Schedule = tuple[str, int | None]

_RANDOM_8: Schedule = ("random", 8)
_RANDOM_4: Schedule = ("random", 4)
_LAYERED: Schedule = ("layered", None)

_MOST_F4_OVER_F8 = 1.5
_LEAST_THREADS_GAIN = 1.8
_LEAST_SHARE_OF_ROOFLINE_GAIN = 0.9
_ROOFLINE_GAIN_OF_FREE_CORES = 1.5
"""Below this the machine was busy with other things, and a gain of threads says nothing."""

_MOST_MEMORY_SHARE = 1 / 20
_LEAST_SYNOPS_PER_S = 3e9


class _Rows:
    """Rows by what they are."""

    def __init__(self, rows: list[Row], shape: str) -> None:
        self._rows = [row for row in rows if row["shape"] == shape]

    def find(
        self, implementation: str, mode: str = "train", schedule: Schedule = _RANDOM_8, threads: int = 1
    ) -> Row | None:
        wanted = (implementation, mode, *schedule, threads)
        names = ("implementation", "mode", "policy", "group_size", "threads")
        return next((row for row in self._rows if tuple(row[name] for name in names) == wanted), None)


def ratio_lines(rows: list[Row]) -> list[Line]:
    """(shape, what is compared, value, target, whether it is reached) for all that was measured."""
    return [line for shape in SHAPES for line in _of_shape(_Rows(rows, shape), shape)]


def _of_shape(rows: _Rows, shape: str) -> Iterator[Line]:
    constants = SHAPES[shape]
    ours = rows.find("codesign")
    if ours is None:
        return
    for name in ("torch-scan", "torch-loop", "snntorch", "spikingjelly"):
        other = rows.find(name, schedule=_LAYERED)
        if other is not None:
            target = constants.target_ratio if name == "torch-scan" else None
            ratio = ours["ms_per_sample"] / other["ms_per_sample"]
            yield _at_most(shape, f"time, F=8 random / {name}", ratio, target)
    separate, scan = rows.find("codesign-simulate"), rows.find("torch-scan", schedule=_LAYERED)
    if separate is not None and scan is not None:
        ratio = separate["ms_per_sample"] / scan["ms_per_sample"]
        yield _at_most(shape, "time, F=8 random with any loss / torch-scan", ratio, None)
    small = rows.find("codesign", schedule=_RANDOM_4)
    if small is not None:
        ratio = small["ms_per_sample"] / ours["ms_per_sample"]
        yield _at_most(shape, "time, F=4 / F=8 random", ratio, _MOST_F4_OVER_F8)
    for mode in ("train", "infer"):
        yield from _gain_of_threads(rows, shape, mode)
    ratio = constants.paper_ms / ours["ms_per_sample"]
    yield shape, "speedup over the paper's implementation, F=8", f"{ratio:.0f}", "-", "(another machine)"
    if ours["memory_mb"] is not None:
        share = ours["memory_mb"] / constants.paper_mb
        yield _at_most(shape, "memory / the paper's implementation, F=8", share, _MOST_MEMORY_SHARE)
    inference = rows.find("codesign", mode="infer")
    if inference is not None and shape == "dvs":
        speed = inference["synops_per_s"]
        reached = _verdict(speed >= _LEAST_SYNOPS_PER_S)
        yield (
            shape,
            "drained inference, F=8 random, synaptic operations a second a core",
            f"{speed:.2e}",
            f">= {_LEAST_SYNOPS_PER_S:.0e}",
            reached,
        )


def _gain_of_threads(rows: _Rows, shape: str, mode: str) -> Iterator[Line]:
    """What a second thread gains, against what it gains where only rows are added."""
    one, two = rows.find("codesign", mode), rows.find("codesign", mode, threads=2)
    roof_one, roof_two = (rows.find("roofline", "infer", _LAYERED, threads) for threads in (1, 2))
    if one is None or two is None or roof_one is None or roof_two is None:
        return
    gain = one["ms_per_sample"] / two["ms_per_sample"]
    roof = roof_two["synops_per_s"] / roof_one["synops_per_s"]
    least = min(_LEAST_THREADS_GAIN, _LEAST_SHARE_OF_ROOFLINE_GAIN * roof)
    what = f"gain of 2 threads, {mode}, F=8 random (roofline {roof:.2f})"
    verdict = _verdict(gain >= least) if roof >= _ROOFLINE_GAIN_OF_FREE_CORES else "(no second core was free)"
    yield shape, what, f"{gain:.2f}", f">= {least:.2f}", verdict


def _at_most(shape: str, what: str, value: float, most: float | None) -> Line:
    if most is None:
        return shape, what, f"{value:.3f}", "-", ""
    return shape, what, f"{value:.3f}", f"<= {most:.2f}", _verdict(value <= most)


def _verdict(reached: bool) -> str:
    return "reached" if reached else "NOT reached"

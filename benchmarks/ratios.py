"""The comparisons that the measurements are made for, each with its goal where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shapes import SHAPES

Row = dict[str, Any]
Schedule = tuple[str, int | None]

_RANDOM_8: Schedule = ("random", 8)
_LAYERED: Schedule = ("layered", None)

_LEAST_SHARE_OF_ROOFLINE_GAIN = 0.9
_ROOFLINE_GAIN_OF_FREE_CORES = 1.5
"""Below this the machine was busy with other things, and a gain of threads says nothing."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Two measurements of one run over each other.

    Attributes:
        goal: what it should be at most, or at least if more is better; None without one.
        more: whether more is better.
        spread: factor by which it may grow before it counts as worse, since it varies that much between sittings.
        note: why it says little; "" if it says what it says.
    """

    shape: str
    what: str
    value: float
    goal: float | None = None
    more: bool = False
    spread: float = 1.05
    note: str = ""

    @property
    def name(self) -> str:
        return f"{self.shape}: {self.what}"

    @property
    def aim(self) -> str:
        return "-" if self.goal is None else f"{'>=' if self.more else '<='} {self.goal:.2f}"

    @property
    def verdict(self) -> str:
        if self.note or self.goal is None:
            return self.note
        reached = self.value >= self.goal if self.more else self.value <= self.goal
        return "reached" if reached else "NOT reached"


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


def ratios_of(rows: list[Row]) -> list[Ratio]:
    """All ratios whose two measurements were made."""
    return [ratio for shape in SHAPES for ratio in _of_shape(_Rows(rows, shape), shape)]


def _of_shape(rows: _Rows, shape: str) -> Iterator[Ratio]:
    constants = SHAPES[shape]
    ours, drained = rows.find("codesign"), rows.find("codesign", mode="infer")
    times = [
        *((f"time, F=8 random / {name}", ours, rows.find(name, schedule=_LAYERED), constants.target_ratio
           if name == "torch-scan" else None) for name in ("torch-scan", "torch-loop", "snntorch", "spikingjelly")),
        ("time, F=4 / F=8 random", rows.find("codesign", schedule=("random", 4)), ours, None),
        ("time, F=1 / F=8 random", rows.find("codesign", schedule=("random", 1)), ours, 2.5),
        ("time, any loss / fused loss, F=8 random", rows.find("codesign-simulate"), ours, 1.2),
        ("time, any loss recomputed / fused loss, F=8 random", rows.find("codesign-recompute"), ours, 1.2),
        ("time, all counters / none, drained, F=8 random", rows.find("codesign-counted", mode="infer"), drained, 1.3),
    ]  # fmt: skip
    for what, one, other, goal in times:
        if one is not None and other is not None:
            yield Ratio(shape=shape, what=what, value=one["ms_per_sample"] / other["ms_per_sample"], goal=goal)
    for mode in ("train", "infer"):
        yield from _gain_of_threads(rows, shape, mode)
    roofline = rows.find("roofline", "infer", _LAYERED)
    if drained is not None and roofline is not None:
        share = drained["synops_per_s"] / roofline["synops_per_s"]
        what = "share of bare row additions, drained, F=8 random"
        yield Ratio(shape=shape, what=what, value=share, goal=0.4 if shape == "dvs" else None, more=True)
    for what, implementation in (("any loss", "codesign-simulate"), ("any loss recomputed", "codesign-recompute")):
        simulated = rows.find(implementation)
        if simulated is not None and ours is not None and simulated["memory_mb"] and ours["memory_mb"]:
            share = simulated["memory_mb"] / ours["memory_mb"]
            what = f"memory, {what} / fused loss, F=8 random"  # the fused loss takes only 0.5 to 3 MB
            yield Ratio(shape=shape, what=what, value=share, goal=4.0, spread=3.0)


def _gain_of_threads(rows: _Rows, shape: str, mode: str) -> Iterator[Ratio]:
    """What a second thread gains, against what it gains where only rows are added."""
    one, two = rows.find("codesign", mode), rows.find("codesign", mode, threads=2)
    roof_one, roof_two = (rows.find("roofline", "infer", _LAYERED, threads) for threads in (1, 2))
    if one is None or two is None or roof_one is None or roof_two is None:
        return
    roof = roof_two["synops_per_s"] / roof_one["synops_per_s"]
    yield Ratio(
        shape=shape,
        what=f"gain of 2 threads over that of bare row additions, {mode}, F=8 random",
        value=one["ms_per_sample"] / two["ms_per_sample"] / roof,
        goal=_LEAST_SHARE_OF_ROOFLINE_GAIN,
        more=True,
        note="" if roof >= _ROOFLINE_GAIN_OF_FREE_CORES else "(no second core was free)",
    )

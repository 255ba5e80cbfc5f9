"""How long a barrier takes, by the number of participants."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from codesign.hardware.chip.numbers import PriceNumber, TimeNumber, at_most
from codesign.units import Time, format_si, plural

_BarrierTime = Annotated[Time, AfterValidator(lambda value: at_most(value, TimeNumber.ceiling, "s"))]
BarrierTable = Annotated[dict[Annotated[int, Field(gt=0)], _BarrierTime], Field(min_length=1)]


class BarrierTimes(PriceNumber):
    """Time of one barrier in seconds, by the number of participating tiles and, if there are several, of chips.
    `between` two listed numbers it is `linear`, or that of the smaller one (`step`). A bare time holds for any
    number of tiles."""

    unit: ClassVar[str] = "s"
    between: Literal["linear", "step"] = "linear"
    by_tiles: BarrierTable
    by_chips: BarrierTable | None = None

    @classmethod
    def written_out(cls, value: Any) -> dict[str, Any]:
        return {"by_tiles": {1: value}}

    @property
    def text(self) -> str:
        if len(self.by_tiles) == 1 and self.by_chips in (None, self.by_tiles):
            return format_si(next(iter(self.by_tiles.values())), "s")
        tables = (("tile", self.by_tiles), ("chip", self.by_chips or {}))
        items = [(time, plural(count, noun)) for noun, table in tables for count, time in sorted(table.items())]
        return ", ".join(f"{format_si(time, 's')} ({of})" for time, of in items)

    def times_factor(self, factor: float) -> dict[str, dict[int, float] | None]:
        """Both tables with each time multiplied by a factor."""
        tables = {"by_tiles": self.by_tiles, "by_chips": self.by_chips}
        return {name: of and {count: time * factor for count, time in of.items()} for name, of in tables.items()}

    def of(self, tiles: int, chips: int = 1) -> float:
        """The time for tiles on a number of chips, constant beyond the listed numbers. If the time for several chips is
        known, it is used unless that for tiles is longer."""
        within = self._of(self.by_tiles, tiles)
        return within if chips == 1 or self.by_chips is None else max(within, self._of(self.by_chips, chips))

    def _of(self, table: dict[int, float], at: int) -> float:
        known = sorted(table)
        place = bisect_right(known, at)
        low, high = known[max(place - 1, 0)], known[min(place, len(known) - 1)]
        if low == high or self.between == "step":
            return table[low]
        weight = (at - low) / (high - low)
        return (1 - weight) * table[low] + weight * table[high]

"""Formatting of numbers and names, the same everywhere in the report."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from codesign.analysis.results.books import MADE_OF_ENERGY
from codesign.analysis.results.columns import AXIS_PREFIX, COLUMNS
from codesign.analysis.results.statistics import CONFIDENCE, LIKELY, Interval
from codesign.hardware.terms import StaticBook
from codesign.units import format_si, in_percent, with_spread

UNKNOWN = "–"
"""Written for a value that is unknown or not modelled."""

BOOK_WORDS: dict[StaticBook, str] = {"board": "the whole board", "cores_in_use": "the cores in use"}
"""The static power that each book counts, in words."""

_LABELS = {
    "energy_j": "energy per sample",
    "energy_cores_in_use_j": "energy of the cores in use per sample",
    "paper_energy_j": "energy, paper's book",
    "interval_s": "time from sample to sample in a stream",
    "on_s": "time of a sample",
    "latency_steps": "steps until output",
    "latency_spikes": "spikes until output",
    "paper_synaptic_operations": "synaptic operations, paper's book",
    "area_m2": "chip area",
    "epoch_wall_s": "time of an epoch",
    "training_memory_bytes": "memory of training",
    "energy_delay_js": "energy-delay product",
}
MEASURES: Mapping[str, tuple[str, str]] = {
    "accuracy_at_output": ("accuracy at the output", "accuracy"),
    "accuracy_step_later": ("accuracy a step later", "accuracy"),
    "accuracy_last_step": ("accuracy at the last step", "accuracy"),
    "accuracy_drained": ("accuracy drained", "accuracy"),
    "currents_before_firing": ("currents before firing, all but the first layer", "latency_steps"),
    "loss_last_epoch": ("loss in the last epoch", "training_loss"),
    "loss_early_fall": ("fall of the loss in the first tenth of the epochs", "training_loss"),
    "instability": ("share of training seeds whose loss rose again or that failed", "agreement"),
}
"""Measures, which are not columns: the label of each, and the column in whose unit it is written."""
_AFTER_NOUN = re.compile(r",| (?:of|per|until|after|before|used)\b")
"""What follows the noun of a label."""
_HAIR = 1e-3
"""The share of the last digit by which a value may lie beyond it and still be rounded to it."""
_SEVERAL = 1.5
"""The factor from which on a difference is given in times."""


def like(column: str) -> str:
    """The column in whose unit a column or measure is written."""
    return MEASURES[column][1] if column in MEASURES else column


def unit_of(column: str) -> str:
    """The SI unit of a column or measure, "" for none."""
    known = COLUMNS.get(like(column))
    return "" if known is None else known.unit


def column_label(column: str, book: StaticBook | None = None) -> str:
    """The name of a column or measure in words, without its unit; for an energy, with its book if one is given."""
    if column in MEASURES:
        return MEASURES[column][0]
    if book is not None and column == "energy_j":
        return f"energy of {BOOK_WORDS[book]} per sample"
    if book is not None and column in MADE_OF_ENERGY:
        return f"{column_label(column)} of {BOOK_WORDS[book]}"
    if column in _LABELS:
        return _LABELS[column]
    known = COLUMNS.get(column)
    name = column.removeprefix(AXIS_PREFIX)
    if known is not None and known.unit:
        name = name.removesuffix(f"_{known.unit.lower()}")
    return name.replace("_", " ")


def is_counted(column: str) -> bool:
    """Whether a column or measure is named after things that are counted, such as `cores used`."""
    first = _AFTER_NOUN.split(column_label(column))[0]
    return first.endswith("s") and not first.endswith("ss")


def extreme(column: str, *, more: bool) -> str:
    """`highest` or `least`; `most` or `fewest` of what is counted."""
    return ("most" if more else "fewest") if is_counted(column) else "highest" if more else "least"


def significant(value: float, digits: int = 4) -> str:
    """`value` with `digits` significant digits, without an exponent if possible."""
    if value == 0:
        return "0"
    value = float(f"{value:.{digits - 1}e}")  # round first: four digits of 9.9996 are 10.00
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 <= magnitude < 7:
        return f"{value:.{digits}g}"
    return f"{value:,.{max(digits - 1 - magnitude, 0)}f}"


def in_times(factor: float, *, more: bool) -> str:
    """A comparison of a value that is `factor` times as large, or as small, as another: `2.71 times less`, `3.8 %
    more`; reversed for factors below 1."""
    factor, more = (factor, more) if factor >= 1 else (1 / factor, not more)
    word = "more" if more else "less"
    share = 100 * (factor - 1 if more else 1 - 1 / factor)
    if factor >= _SEVERAL:
        return f"{significant(factor, 3)} times {word}"
    return f"{significant(share, 2)} % {word}"


def multiple(factor: float) -> str:
    """`1.5`, `16.7` or `12,300`: three digits, without trailing zeros, and without an exponent below a million."""
    return f"{float(f'{factor:.3g}'):,g}"


def number(value: float | None, digits: int = 4, half: float | None = None) -> str:
    """A number with `digits` significant digits, followed by ± `half` if known."""
    if value is None or math.isnan(value):
        return UNKNOWN
    half = None if half is None else _spread(half, value, digits)
    return with_spread(value, half) if half else significant(value, digits) + ("" if half is None else " ± 0")


def _spread(half: float, value: float, digits: int) -> float:
    """The spread of a value of so many digits: 0 if it is below a tenth of the last."""
    return 0.0 if value and half < 10.0 ** (math.floor(math.log10(abs(value))) - digits) else half


def written(value: str | float | bool | None, unit: str = "", digits: int = 6) -> str:
    """A setting as in a YAML file: an SI value with its unit, if it has one; a dash for none."""
    match value:
        case None:
            return UNKNOWN
        case bool() | "True" | "False":  # an axis of a sweep stores its values as text
            return str(value).lower()
        case int() | float() if unit:
            return format_si(value, unit)
        case float():
            return f"{value:z.{digits}g}"
        case _:
            return str(value)


def percent(value: float | None) -> str:
    """A fraction as `94.9 %`."""
    return UNKNOWN if value is None or math.isnan(value) else f"{in_percent(value)} %"


def whole_percent(value: float) -> str:
    """A fraction as `98 %`; all or none only where that is so."""
    share = 100 * value
    return "> 99 %" if 99.5 <= share < 100 else "< 1 %" if 0 < share < 0.5 else f"{share:.0f} %"


def chance_percent(value: float) -> str:
    """A chance as `98 %`; 80 % and 95 %, which make an answer likely or sure, only if it reaches them."""
    near = round(100 * value) in (100 * LIKELY, 100 * CONFIDENCE)
    return whole_percent(math.floor(100 * value) / 100 if near else value)


def in_points(value: float) -> str:
    """A difference of fractions in percentage points, unsigned unless negative."""
    return in_percent(value).replace("-", "−")


def points_with_interval(value: Interval) -> str:
    """A difference of fractions as `12.1 ± 1.8` percentage points, or only the mean without an interval."""
    if value.mean is None:
        return UNKNOWN
    return in_points(value.mean) + ("" if value.half_width is None else f" ± {in_points(value.half_width)}")


def is_share(column: str) -> bool:
    """Whether a column or measure holds fractions, which are written in percent."""
    known = COLUMNS.get(like(column))
    return known is not None and known.most == 1.0


def quantity(value: float | None, column: str, half: float | None = None) -> str:
    """A mean of `column` with its unit, followed by ± `half` if known."""
    if value is None or math.isnan(value):
        return UNKNOWN
    known, unit = COLUMNS.get(like(column)), unit_of(column)
    half = None if half is None else _spread(half, value, 3 if unit else 4)
    if is_share(column):
        return percent(value) if half is None else f"{in_percent(value)} ± {in_percent(half)} %"
    if unit:
        return format_si(value, unit, 3, spread=half)
    whole = known is not None and known.kind == "int" and value == round(value)
    return f"{round(value):,}{'' if half is None else ' ± 0'}" if whole and not half else number(value, half=half)


def towards(value: float, column: str, *, up: bool) -> float:
    """`value` rounded up or down to the digits that `quantity` writes."""
    if value == 0:
        return value
    digits = 3 if unit_of(column) else 4
    step = 1e-3 if is_share(column) else 10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits)
    steps = value / step
    return step * (math.ceil(steps - _HAIR) if up else math.floor(steps + _HAIR))


def stated(value: float, column: str) -> str:
    """A value of `column` that somebody stated, such as a limit or a printed number, with all its digits."""
    if is_share(column):
        text = f"{100 * value:.12g}"
        return f"{text} %" if "." in text else percent(value)
    unit = unit_of(column)
    return format_si(value, unit, 12) if unit else f"{value:,.12g}"


def with_interval(value: Interval, column: str) -> str:
    """`94.9 ± 0.4 %`, or only the mean without an interval."""
    return quantity(value.mean, column, value.half_width)


def listed(items: list[str], last: str = "and") -> str:
    """`a, b and c`, or with another word before the last item; `a, x; b, x; and c` if items contain commas."""
    if len(items) < 2:
        return "".join(items)
    if len(items) > 2 and any(", " in item for item in items):
        return f"{'; '.join(items[:-1])}; {last} {items[-1]}"
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def few_listed(items: list[str]) -> str:
    """`listed`, shortened to three items, such as `a, b and 3 others`."""
    return listed(items if len(items) <= 3 else [*items[:2], f"{len(items) - 2:,} others"])


def upper(text: str) -> str:
    """`text` capitalized as the start of a sentence; the letter of a unit is unchanged."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def shortened(text: str, most: int) -> str:
    """`text`, or its beginning followed by an ellipsis."""
    return text if len(text) <= most else f"{text[:most]}…"


def coverage_words(coverage: Sequence[str]) -> str:
    return listed([name.replace("_", " ") for name in coverage]) or "unknown coverage"

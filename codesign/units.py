"""Quantities with units at the edge, SI floats inside.

YAML files write `26 pJ`; Python and Parquet hold 2.6e-11 in a field whose name ends in its SI unit (`energy_j`). Python
code that constructs a spec may give either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

HELD_IN_SI = {"quantities": "SI"}
"""Validation context for specs written by this program or constructed in Python: quantities may be SI numbers."""


class InSI(float):
    """A number from a spec, in SI if it is a quantity, among values in the form of files."""


def is_si(value: object, info: ValidationInfo) -> TypeGuard[int | float]:
    """Whether a quantity is given as a number in SI units."""
    return is_number(value) and (isinstance(value, InSI) or info.context is HELD_IN_SI)


_EXAMPLES = {
    "J": "26 pJ",
    "W": "73 uW",
    "s": "10 ms",
    "Hz": "200 MHz",
    "V": "0.75 V",
    "m": "28 nm",
    "m**2": "2.82 mm**2",
    "J·s": "20 nJ·s",
    "byte": "2 GiB",
}
_LARGEST, _SMALLEST = 1e30, 1e-30
_PREFIXES = dict(zip(range(-18, 13, 3), ("a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T"), strict=True))
_MICRO = Decimal("1e-6")
_UNITS = {
    **{
        f"{prefix}{unit}": (unit.replace("*", "·"), Decimal(f"1e{exponent}"))
        for unit in ("J", "W", "s", "Hz", "V", "m", "J·s", "J*s")
        for exponent, prefix in (*_PREFIXES.items(), (-6, "u"))
    },
    **{
        name: ("s", Decimal(seconds)) for name, seconds in {"min": 60, "h": 3600, "day": 86_400, "days": 86_400}.items()
    },
    **{
        f"{length}{square}": ("m**2", factor)
        for length, factor in {"m": Decimal(1), "mm": _MICRO, "um": _MICRO**2, "µm": _MICRO**2}.items()
        for square in ("**2", "^2", "²")
    },
    **{
        f"{prefix}{unit}": ("byte", Decimal(factor))
        for prefix, factor in {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}.items()
        for unit in ("B", "byte")
    },
}
"""The units that files may use: the SI unit of each, and how much of it one is. Decimal, so that 0.7 pJ and 700 fJ are
the same number."""


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value of a file is a number; bools are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_quantity(text: object, unit: str) -> float:
    """The value of `text`, such as `"26 pJ"`, in the SI unit `unit`, such as `"J"`. Raises ValueError for no unit, a
    unit of another dimension, or a number that is not finite, or absurdly large or small."""
    example = _EXAMPLES.get(unit, f"1 {unit}")
    if is_number(text):
        raise ValueError(f"needs a unit, found {text!r}; write for example '{example}'")
    if not isinstance(text, str):
        raise ValueError(f"must be a number with a unit such as '{example}', found {text!r}")
    number, _, name = (part.strip() for part in text.strip().partition(" "))
    try:
        magnitude = float(number)
    except ValueError:
        raise ValueError(f"must be a number, a space and a unit such as '{example}', found {text!r}") from None
    if not name:
        raise ValueError(f"needs a unit, found {text!r}; write for example '{example}'")
    given, factor = _UNITS.get(name.replace("μ", "µ"), ("", 0))  # the Greek letter is the prefix, too
    wanted, divisor = _UNITS.get(unit, (unit, 1))
    if given != wanted:
        raise ValueError(f"must be a quantity in {unit} such as '{example}', found {text!r}")
    converted = float(Decimal(repr(magnitude)) * factor / divisor)
    if not math.isfinite(converted):
        raise ValueError(f"must be finite, found {text!r}")
    return moderate(converted, f" {unit}", repr(text))


def moderate(value: float, unit: str, found: str) -> float:
    """The value. Raises ValueError if it is absurdly large or small, as `found` in a file."""
    if abs(value) > _LARGEST:
        raise ValueError(f"must be at most {_LARGEST:g}{unit} in size, found {found}")
    if 0 < abs(value) < _SMALLEST:
        raise ValueError(f"must be 0 or at least {_SMALLEST:g}{unit} in size, found {found}")
    return value


def si_unit(unit: str) -> str:
    """The SI unit of `unit`: `J` for `pJ`; "" for none. Raises ValueError if files may not use it."""
    if unit and unit not in _UNITS:
        raise ValueError(f"must be a unit such as {', '.join(_EXAMPLES)}, found '{unit}'")
    return _UNITS[unit][0] if unit else ""


def common_unit(values: Sequence[object]) -> str:
    """The unit of the first value if all values are quantities of the same kind; otherwise ""."""
    unit = str(values[0]).strip().partition(" ")[2]
    try:
        for value in values:
            parse_quantity(value, si_unit(unit))
    except ValueError:
        return ""
    return unit


def _validator(unit: str) -> BeforeValidator:
    def validate(text: Any, info: ValidationInfo) -> Any:
        return text if is_si(text, info) else parse_quantity(text, unit)

    return BeforeValidator(validate)


Real = Annotated[float, Field(strict=True), AfterValidator(lambda value: moderate(value, "", f"{value:g}"))]
"""A plain number that networks compute with: far from the limits of float32, 1.2e-38 and 3.4e38, because products are
formed."""
Positive = Annotated[int, Field(gt=0, lt=2**31, strict=True)]
"""A count; neither `true` nor `"3"` is one."""


def fraction(value: Any) -> float:
    """A share of 1, given as a number or as a percentage such as `85 %`. Raises ValueError for anything else."""
    number = value
    if isinstance(value, str) and value.endswith("%"):
        try:
            number = float(value[:-1]) / 100
        except ValueError:
            number = None
    if not is_number(number) or not 0 <= number <= 1:
        raise ValueError(
            f"must be a fraction from 0 to 1, or a percentage such as '85 %' up to 100 %, found {value!r:.80}"
        )
    return number


Fraction = Annotated[float, BeforeValidator(fraction)]
"""An accuracy or another share of 1."""


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, or one with a unit such as '10 ms', found {value}")
    return value


Written = Annotated[int | float | str, BeforeValidator(_no_boolean)]
"""A number as written in a file, with its unit if it has one."""
Energy = Annotated[float, Field(ge=0), _validator("J")]
Power = Annotated[float, Field(ge=0), _validator("W")]
Time = Annotated[float, Field(ge=0), _validator("s")]
Frequency = Annotated[float, Field(gt=0), _validator("Hz")]
Voltage = Annotated[float, Field(gt=0), _validator("V")]
Length = Annotated[float, Field(gt=0), _validator("m")]
Memory = Annotated[float, Field(gt=0), _validator("byte")]
Area = Annotated[float, Field(gt=0), _validator("m**2")]
"""Quantities, written in YAML as in `_EXAMPLES` and held in SI units."""


def in_percent(fraction: float) -> str:
    """`98.5` for 0.985: halves are rounded away from 0, even if the rounding of a sum has made them slightly smaller.

    The page's script rounds in the same way, so that a mean of 0.9845 reads the same everywhere.
    """
    tenths = math.floor(1000 * abs(fraction) + 0.5 + 1e-9)
    return f"{'-' if fraction < 0 and tenths else ''}{tenths / 10:.1f}"


def format_si(value: float | None, unit: str, digits: int = 4, spread: float | None = None) -> str:
    """`value` with an SI prefix, such as `915.5 nJ`, or `915.5 ± 1.2 nJ` with a spread, which has two digits and says
    how many the value has; `not modelled` for an unknown value."""
    if value is None or math.isnan(value):
        return "not modelled"

    def scaled(exponent: int) -> str:
        number = value / 10.0**exponent
        if spread:
            return with_spread(number, spread / 10.0**exponent)
        # Rounded before formatting: two digits of 248.4 are 250, not 2.5e+02.
        return f"{float(f'{number:.{digits}g}'):z.15g}{'' if spread is None else ' ± 0'}"

    if unit == "m**2":
        return f"{scaled(-6)} mm²"
    largest = max(abs(value), spread or 0.0)
    exponent = min(max(3 * math.floor(math.log10(largest) / 3), -18), 12) if largest else 0
    if exponent < 12 and any(text.lstrip("-").startswith(("1000", "1,000")) for text in scaled(exponent).split(" ± ")):
        exponent += 3
    return f"{scaled(exponent)} {_PREFIXES[exponent]}{unit}"


def with_spread(value: float, spread: float) -> str:
    """`3.47 ± 0.18`: a value to the place of the second digit of its spread, which is above 0."""
    spread = float(f"{spread:.1e}")
    places = 1 - math.floor(math.log10(spread))
    shown = f"z,.{max(places, 0)}f"
    return f"{round(value, places):{shown}} ± {spread:{shown}}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ordinal(number: int) -> str:
    """`first` for 1, `second` for 2, `22nd` for 22."""
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    return f"{number}{'th' if number // 10 % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def format_duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def ago(seconds: float) -> str:
    """`just now`, `42 s ago`, `3 min ago`, `2 h ago` or `5 days ago`."""
    if seconds < 2:
        return "just now"
    for unit, length, until in (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < until:
            return f"{round(seconds / length)} {unit} ago"
    return f"{round(seconds / 86400)} days ago"


def rate_text(per_s: float) -> str:
    """`12/s`, `4.0/min` or `2.5/h`."""
    unit, seconds = ("s", 1) if per_s >= 1 else ("min", 60) if per_s * 60 >= 1 else ("h", 3600)
    return f"{per_s * seconds:.{0 if per_s * seconds >= 9.95 else 1}f}/{unit}"

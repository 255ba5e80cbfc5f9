"""How the numbers of a chip file are known, and defaults for bare values, whose source is the file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypeVar, get_args

from pydantic import model_validator

from codesign.documents import Mistake, Path_, Spec, value_at
from codesign.merging import paths_in
from codesign.mistakes import suggestion

Confidence = Literal["measured", "stated", "derived", "fitted", "estimated", "secondary"]
"""How a number is known: measured on silicon; stated by the chip's makers; derived by arithmetic from such numbers;
fitted so that a model agrees with measurements; estimated; or secondary, known only through someone else's text."""

ASSUMED_FACTORS: Mapping[Confidence, float] = {
    "measured": 1.0,
    "stated": 1.1,
    "derived": 1.25,
    "fitted": 1.25,
    "secondary": 1.5,
    "estimated": 2.0,
}
"""Factor by which a number without a `range` may be off in either direction. An assumption; for `fitted` it is
supported by the errors that SANA-FE states for whole workloads, 11.7 % in energy and 24.3 % in time (DOI
10.1109/TCAD.2025.3537971)."""

OWN = "own"
"""Source key of what a file states without a source: the file itself."""

AXIS_SOURCE = "axis"
"""Source key of numbers that a sweep sets."""

STRUCTURE = "structure"
"""Source key of numbers that a chip's file leaves out and that the model of its structure gives."""

SCALED = "scaled"
"""Source key of numbers that were given for another structure than the chip now has."""

Kind = TypeVar("Kind")


class Sourced(Spec):
    """Base class of what a chip file states: how it is known, the key of its `source` in the file's `sources`, and a
    remark.

    Your own file need not give the first two; a bare value is enough. The file itself is then the source; what a
    designer chooses (counts, widths, clock, voltage, node) counts as stated, everything else as an estimate.
    """

    confidence: Confidence = "estimated"
    source: str = OWN
    note: str = ""

    @classmethod
    def written_out(cls, value: Any) -> Any:
        """The fields that a bare value stands for; the value itself if it does not stand for any."""
        return value

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return data if isinstance(data, (cls, dict)) else cls.written_out(data)


def ends_of(number: Any, value: float) -> tuple[float, float]:
    """(low, high) of a number with this value: its own range, or the one that its confidence gives."""
    factor = ASSUMED_FACTORS[number.confidence]
    return getattr(number, "range", None) or (value / factor, value * factor)


def sourced_parts(spec: Spec, place: Path_ = ()) -> Iterator[tuple[Path_, Sourced]]:
    """Everything that a chip states with a source, with its place."""
    for name in _with_parts(type(spec)):
        part = getattr(spec, name)
        if isinstance(part, Sourced):
            yield (*place, name), part
        if isinstance(part, Spec):
            yield from sourced_parts(part, (*place, name))


@cache
def _with_parts(kind: type[Spec]) -> tuple[str, ...]:
    """Fields that can hold a specification; most fields of a number cannot, and a chip has many numbers."""
    fields = kind.model_fields.items()
    return tuple(name for name, field in fields if any(kinds_in(field.annotation, Spec)))


def kinds_in(annotation: Any, base: type[Kind]) -> Iterator[type[Kind]]:
    """Subclasses of `base` that a field with this annotation can hold."""
    if isinstance(annotation, type) and issubclass(annotation, base):
        yield annotation
    for part in get_args(annotation):
        yield from kinds_in(part, base)


def source_mistakes(data: dict[Any, Any]) -> Iterator[Mistake]:
    """Mistakes in raw file content where a `source` or the `citation` does not name an entry of its `sources`."""
    sources = data.get("sources", {})
    if not isinstance(sources, dict):
        return
    for key in (STRUCTURE, SCALED):
        if key in sources:
            yield ("sources", key), f"'{key}' is reserved for numbers that the program derives; choose another key"
    told = {**sources, OWN: None}
    citation = [(("citation",), data["citation"])] if isinstance(data.get("citation"), str) else []
    for location, key in (*citation, *named_sources({**data, "sources": {}})):
        if key not in told:
            hint = suggestion(key, map(str, told))
            yield location, f"unknown source '{key}'{hint}; describe a new one under `sources`"
            told[key] = None  # once is enough


def named_sources(data: Any) -> Iterator[tuple[Path_, str]]:
    """Every `source` in raw file content, with its place."""
    for path in paths_in(data):
        if path[-1:] == ("source",) and isinstance(key := value_at(data, path), str):
            yield path, key

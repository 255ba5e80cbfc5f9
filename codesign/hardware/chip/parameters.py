"""Setting numbers of a chip, as the axes of a sweep do."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from codesign.arguments import instance, whole
from codesign.documents import Spec, as_written
from codesign.errors import InputError
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.derivation import with_derived, without_derived
from codesign.hardware.chip.description import Chip, consistency_mistakes
from codesign.hardware.chip.kinds import with_kind
from codesign.hardware.chip.numbers import Effect, Number
from codesign.hardware.chip.parts import ROOM_FOR_WEIGHTS, NumberGroup, Source
from codesign.hardware.chip.prices import with_number
from codesign.hardware.chip.provenance import AXIS_SOURCE, STRUCTURE, kinds_in
from codesign.hardware.chip.scaling import at_structure
from codesign.mistakes import dotted, mistakes_of, reason, suggestion

_PROVENANCE = {"confidence": "estimated", "source": AXIS_SOURCE}

_KEPT = ("all_in", "operation", "counted", "includes")
"""Fields that say what a number measures, whatever its value."""
N = TypeVar("N", bound=Number)


def with_parameter(chip: Chip, path: str, value: object) -> Chip:
    """The chip with one number replaced, as the axes of a sweep do.

    Args:
        path: the number's name as in the file, such as `vector_width` or `energies.synaptic_operation`.
        value: as in the file, with its unit: `16`, `"2 pJ"`; a time without a unit is in cycles. The times of barriers,
            `synchronization.times`, take one time for any number of tiles, `"1 us"`, or a factor on all of the chip's
            times before the call, `"x0.5"`; `synchronization` itself takes a kind in words, see
            `codesign.hardware.chip.kinds`.

    Raises:
        InputError: there is no such number, the value is invalid, or the chip becomes inconsistent.
    """
    instance("chip", chip, Chip)
    return with_parameters(chip, {path: as_written(value)})


def with_parameters(chip: Chip, values: Mapping[str, object], settled: Collection[str] = ()) -> Chip:
    """The chip with several numbers replaced at once, so that only the final set must be consistent; see
    `with_parameter`.

    If they change the structure stated in the chip's file, its other numbers follow, except those in `settled`: see
    `codesign.hardware.chip.scaling`.
    """
    if not values:
        return chip
    changed = replaced(chip, values)
    for place, mistake in consistency_mistakes(without_derived(changed)):
        raise InputError(f"{chip.name}: {dotted(place).removesuffix('.value')}: {mistake}")
    changed = at_structure(chip, changed, {*values, *settled})
    return with_derived(changed) if STRUCTURE in chip.sources else changed


def replaced(chip: Chip, values: Mapping[str, object]) -> Chip:
    """The chip with numbers replaced, consistent or not. Raises InputError if there is no such number, or the value is
    invalid."""
    for path, value in sorted(values.items(), key=lambda item: item[0] != "synchronization"):  # it decides on others
        if path == "synchronization":
            chip = with_kind(chip, value)
            continue
        part = _replacement(_owner(chip, path), path.rpartition(".")[2], value, f"{chip.name}: {path}")
        chip = with_number(chip, path, part)
        if path in ROOM_FOR_WEIGHTS:
            chip = chip.model_copy(update=dict.fromkeys({*ROOM_FOR_WEIGHTS} - values.keys()))
    set_here = Source(citation="set by an axis of the sweep")
    return chip.model_copy(update={"sources": {**chip.sources, AXIS_SOURCE: set_here}})


def number_type(chip: Chip, path: str) -> type[Number] | None:
    """The type of the number at `path`, whether the chip's file gives it or not; None if no number belongs there.
    Raises InputError if there is no such parameter, or if there are several numbers."""
    annotation = type(_owner(chip, path)).model_fields[path.rpartition(".")[2]].annotation
    if any(kinds_in(annotation, NumberGroup)):
        raise _no_number(annotation, path)
    return next(kinds_in(annotation, Number), None)


def effect_on(chip: Chip, path: str, kind: type[Number]) -> Effect:
    """What depends on the number of this type at `path`."""
    if path == "structure.synapse_bits" and chip.weight_memory is not None:
        return "spikes"  # how many synapses fit into a core depends on it
    return kind.effect


def no_effect(chip: Chip, path: str) -> str | None:
    """Why no result depends on the number at `path`; None if one does."""
    if chip.structure is None and path in ("technology_node", "supply_voltage"):
        return f"no result depends on it, because {chip.name} states no structure"
    return None


def _owner(chip: Chip, path: str) -> Spec:
    """The chip, or the part of it that has the number at a path as a field."""
    *blocks, name = path.split(".")
    owner: Any = chip
    for block in blocks:
        owner = getattr(owner, block, None)
    if isinstance(owner, Number) or not isinstance(owner, Spec) or name not in type(owner).model_fields:
        raise InputError(f"chip '{chip.name}' has no parameter '{path}'{suggestion(path, chip.numbers())}")
    return owner


def _replacement(spec: Spec, field: str, value: object, where: str) -> Any:
    annotation = type(spec).model_fields[field].annotation
    forms = (annotation, *get_args(annotation))
    words = [word for form in forms if get_origin(form) is Literal for word in get_args(form)]
    current, kind = getattr(spec, field), next(kinds_in(annotation, Number), None)
    if kind is None:
        if value in words:
            return value
        if words:
            raise InputError(f"{where}: must be one of {', '.join(map(str, words))}, found {value!r}")
        if any(int in (form, getattr(form, "__origin__", None)) for form in forms):
            return whole(where, value, least=1)
        raise _no_number(annotation, where)
    if kind is BarrierTimes:
        return _barrier_times(current, value, where)
    kept = {name: getattr(current, name) for name in _KEPT if hasattr(current, name)}
    if getattr(current, "static", None) == "inside" and not kept.get("all_in"):  # it would be estimated, too
        kept["static"] = "inside"
    return _validated(kind, {**kind.written_out(value), **kept}, where)


def _no_number(annotation: Any, where: str) -> InputError:
    group = next(kinds_in(annotation, NumberGroup), None)
    parts = f"; name one of its own: {', '.join(group.model_fields)}" if group else ""
    return InputError(f"{where}: is not a single number, so no axis can set it{parts}")


def _barrier_times(current: BarrierTimes | None, value: object, where: str) -> BarrierTimes:
    """All times of barriers: the chip's own multiplied by a factor, or one time for any number of tiles and chips."""
    if isinstance(value, str) and value.startswith("x"):
        try:
            factor = float(value[1:])
        except ValueError:
            factor = math.nan
        if not (math.isfinite(factor) and factor >= 0):
            raise InputError(f"{where}: must be a factor such as 'x0.5' or a time such as '1 us', found {value!r}")
        if current is None:
            raise InputError(f"{where}: the chip gives no times that a factor could change; give one such as '1 us'")
        return current.model_copy(update={**_PROVENANCE, **current.times_factor(factor)})
    given = BarrierTimes.written_out(value)
    return _validated(BarrierTimes, {**given, "by_chips": given["by_tiles"]}, where)


def _validated(kind: type[N], fields: dict[str, Any], where: str) -> N:
    try:
        return kind.model_validate({**fields, **_PROVENANCE})
    except ValidationError as error:
        raise InputError(f"{where}: {reason(mistakes_of(error, fields)[0])}") from None

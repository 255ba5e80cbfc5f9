"""Which points a question is about: selections by facts, and the pairs of points that it compares.

Facts come in families: those that the recipe, the schedule or the chip decides. Two points pair if they agree in all
families that neither selection names. In a family that one selection names, facts with a single value per side set the
sides apart; facts that vary within a side must agree. Null agrees with everything, since a fact that does not apply
cannot differ; but that spikes cost nothing in training is a value. Points of different data, network, neurons,
precision of weights or share of the input never pair unless the selections say so.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from codesign.analysis.questions import Selected, Selection
from codesign.analysis.results.beyond_chip import CANNOT_WAIT
from codesign.analysis.results.columns import AXIS_PREFIX, COLUMNS, TRIAL_AXIS, is_of_design, sets_topology
from codesign.analysis.results.formatting import shortened
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN
from codesign.analysis.results.table import is_known
from codesign.mistakes import suggestion
from codesign.units import is_number, parse_quantity

Family = Literal["data", "recipe", "schedule", "chip", "both"]

FACTS: Mapping[str, Family] = {
    **dict.fromkeys(("workload", "topology", "weight_bits", "input_dropout", "timesteps"), "data"),
    **dict.fromkeys(("recipe", "training_method", "training_policy", "training_group_size"), "recipe"),
    **dict.fromkeys(("training_cost", "calibration"), "recipe"),
    **dict.fromkeys(("schedule", "inference", "layered", "free_running", "policy", "group_size"), "schedule"),
    **dict.fromkeys(("stop", "steps_after_output", "margin", "margin_check", "input_mode", "refractory"), "schedule"),
    **dict.fromkeys(("chip", "capacity", "operation", "mapping", "synchronization"), "chip"),
    **dict.fromkeys(("trained_for_it", "trained_for_policy", "drops_queue"), "both"),
}
"""What a selection may name, besides axes by their path and `training.PARAMETER`, a parameter of the recipe.

`layered` is whether spikes are those of layers that wait, `free_running` whether nothing waits for anything,
`trained_for_it` whether the model was trained through the schedule that it runs under, `trained_for_policy` whether
through its policy at least, `drops_queue` whether the chip drops what waits once the answer is read. Policy, group
size, stop and `drops_queue` are null where layers wait."""

NONE_TAKES_PART = "No point of the results takes part"
_LONGEST = 200
"""The most characters of a reason that a sentence tells."""
_ENDS = ("lowest", "highest")
_ASYNCHRONOUS_ONLY = ("policy", "group_size", "stop", "steps_after_output", "margin", "margin_check", "refractory")
_LABELS = {"recipe": ("recipe",), "schedule": ("schedule",), "chip": ("chip", "capacity", "operation", "mapping")}
"""The facts that all others of a family follow from, besides the sweep's axes."""
_FLAGS = ("layered", "free_running", "trained_for_it", "trained_for_policy", "drops_queue")
_KINDS = {"bool": "true or false", "int": "a number", "float": "a number"}
"""What facts of some kinds of columns are, in words."""
_IMPLIED = ("recipe", "schedule", "chip", "inference", "layered", "free_running")
"""Names, and facts that follow from others of their family."""
_WAITING = ("inference", "layered", "free_running")
_TRAINING = "training."
_RELATIVE = 1e-9
"""The relative difference up to which numbers written in different units are the same."""

Known = Mapping[str, Collection[Selected]]
"""The values that exist, by the name of a fact or axis."""


def value_of(point: Point, name: str) -> Selected:
    """Return a point's fact, axis or parameter of the recipe; None if it has none."""
    if name == "drops_queue":
        return None if point.layered else point.value("drained_accuracy").mean is None
    if name in FACTS:
        hidden = point.layered and name in _ASYNCHRONOUS_ONLY
        return None if hidden else getattr(point, name)
    if name.startswith(_TRAINING):
        return point.training_parameters.get(name.removeprefix(_TRAINING))
    return dict(point.axes).get(name)


def unit_of(point: Point, name: str) -> str:
    """Return the SI unit of what `value_of` gives for an axis, or for a parameter of the recipe that an axis sets;
    otherwise ""."""
    parameter = name.removeprefix(_TRAINING)
    return point.whole.units.get(name if parameter == name else f"recipe.{point.recipe}.{parameter}", "")


def points_in(points: Sequence[Point], selection: Selection) -> list[Point]:
    """Return the points that have what a selection asks for, in their order. `lowest` and `highest` take the extreme
    among points that have everything else."""
    ends = {name: wanted for name, wanted in selection.items() if wanted in _ENDS}
    others = [(name, _as_tuple(wanted)) for name, wanted in selection.items() if name not in ends]
    found = [p for p in points if all(any(_has(p, name, one) for one in wanted) for name, wanted in others)]
    for name, wanted in ends.items():
        values = [value for point in found if (value := number_of(point, name)) is not None]
        end = None if not values else min(values) if wanted == "lowest" else max(values)
        found = [point for point in found if end is not None and number_of(point, name) == end]
    return found


def taking_part(points: Sequence[Point], selection: Selection) -> list[Point]:
    """Return the selected points that are not `set_aside`. Schedules that the chip cannot execute take part if the
    selection names any."""
    named = "schedule" in selection or "inference" in selection
    return [point for point in points if not point.set_aside or (named and point.set_aside == CANNOT_WAIT)]


def why_without(points: Sequence[Point], selection: Selection) -> str:
    """Return the end of a sentence on points that are missing, `: REASON.`, with the first reason why rows that a
    selection asks for have no result; `.` if there are no such rows, or some that have one."""
    without = () if not points or points_in(points, selection) else points[0].whole.without_result
    lost = points_in(without, selection)
    reasons = [str(reason) for point in lost for reason in point.cells("reason") if is_known(reason)]
    return f": {shortened(reasons[0], _LONGEST)}." if reasons else "."


def pairs_between(
    points: Sequence[Point], first: Selection, second: Selection, *, among: Collection[Point] | None = None
) -> list[tuple[Point, Point]]:
    """Return pairs of points of two selections that agree in everything that neither names, in the order of the
    first, of which only those `among` some points take part."""
    left, right = points_in(points, first), points_in(points, second)
    left = [point for point in left if among is None or point in among]
    agreement = _agreement((left, right), {*first, *second})
    buckets: dict[tuple[Selected, ...], list[tuple[Point, tuple[Selected, ...]]]] = {}
    for point in right:
        buckets.setdefault(agreement.key(point), []).append((point, agreement.rest(point)))
    found: list[tuple[Point, Point]] = []
    alike: dict[tuple[tuple[Selected, ...], ...], list[Point]] = {}
    for point in left:
        key, own = at = agreement.key(point), agreement.rest(point)
        if at not in alike:  # points that are alike in all that pairs agree in have the same partners
            alike[at] = [other for other, values in buckets.get(key, ()) if _agree(own, values)]
        found += [(point, other) for other in alike[at] if other is not point]
    return found


def _agree(own: tuple[Selected, ...], others: tuple[Selected, ...]) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(own, others, strict=True))


def never_alike(points: Sequence[Point], first: Selection, second: Selection) -> list[str]:
    """Return what pairs must agree in but the two selections have no value of in common."""
    left, right = points_in(points, first), points_in(points, second)
    agreement = _agreement((left, right), {*first, *second})
    found = []
    for name in (*agreement.strict, *agreement.loose):
        one, other = ({_value_of_any(point, name) for point in side} for side in (left, right))
        if not one & other and (name in agreement.strict or None not in one | other):
            found.append(name)
    return found


def ladders_along(points: Sequence[Point], name: str) -> list[list[Point]]:
    """Return groups of points that differ in one fact or axis only, ascending in it; of points with the same value, the
    first."""
    points = [point for point in points if number_of(point, name) is not None]
    agreement = _agreement((points,), {name})
    ladders: dict[tuple[Selected, ...], dict[float, Point]] = {}
    for point in points:
        key = (*agreement.key(point), *agreement.rest(point))
        ladders.setdefault(key, {}).setdefault(number_of(point, name) or 0.0, point)
    return [[ladder[value] for value in sorted(ladder)] for ladder in ladders.values()]


def selection_problems(selection: Selection, known: Known) -> Iterator[str]:
    """Yield a sentence for each name or value of a selection that does not exist."""
    names = dict.fromkeys([*FACTS, *known])
    for written, wanted in selection.items():
        name = written.removeprefix(AXIS_PREFIX)
        if name not in names and not name.startswith(_TRAINING):
            yield f"{written}: is not a fact or axis of the points{suggestion(name, names)}"
            continue
        column = COLUMNS.get(name)
        words = known.get(name, column.words if column is not None else ())
        kind = _KINDS.get("bool" if name in _FLAGS else "" if column is None else column.kind, "")
        if not _as_tuple(wanted):
            yield f"{written}: is an empty list, which selects nothing"
        for value in _as_tuple(wanted):
            if value is None or value in _ENDS:
                continue
            if kind and isinstance(value, str):
                yield f"{written}: must be {kind} or null, found '{value}'"
            elif words and not any(_same(value, one) for one in words):
                yield f"{written}: has no value '{value}'{suggestion(str(value), sorted(map(str, words)))}"


def _as_tuple(wanted: Selected | tuple[Selected, ...]) -> tuple[Selected, ...]:
    return tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)


def _has(point: Point, name: str, wanted: Selected) -> bool:
    value = value_of(point, name)
    if isinstance(wanted, str) and isinstance(value, float):
        unit = unit_of(point, name)
        try:
            return _same(value, parse_quantity(wanted, unit) if unit else float(wanted))
        except ValueError:
            return False
    return _same(value if isinstance(wanted, str) else _as_written(value), wanted)


def _as_written(value: Selected) -> Selected:
    """Read a value as it was written if it is text only because an axis also has words, or only `true` and `false`."""
    if not isinstance(value, str):
        return value
    try:
        return {"True": True, "False": False}[value] if value in ("True", "False") else float(value)
    except ValueError:
        return value


def number_of(point: Point, name: str) -> float | None:
    """Return a point's fact or axis as a number, even if the axis has words besides; None for words."""
    return as_number(_as_written(value_of(point, name)))


def _same(value: Selected, other: Selected) -> bool:
    numbers = as_number(value), as_number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return math.isclose(numbers[0], numbers[1], rel_tol=_RELATIVE)
    return type(value) is type(other) and value == other


def as_number(value: object) -> float | None:
    """Return a number; None for text and booleans."""
    return float(value) if is_number(value) else None


@dataclass(frozen=True, kw_only=True)
class _Agreement:
    """What a pair must agree in: `strict` facts, and `loose` ones, of which null agrees with everything."""

    strict: list[str]
    loose: list[str]

    def key(self, point: Point) -> tuple[Selected, ...]:
        values = {name: value_of(point, name) for name in self.strict}
        return tuple((value or 0.0) if name == "input_dropout" else value for name, value in values.items())

    def rest(self, point: Point) -> tuple[Selected, ...]:
        return tuple(_value_of_any(point, name) for name in self.loose)


def _agreement(sides: Sequence[Sequence[Point]], names: Collection[str]) -> _Agreement:
    named = _with_implied(names)
    axes = [name for side in sides[:1] for point in side[:1] for name, _ in point.axes]
    strict = [name for name, family in FACTS.items() if family == "data" and name not in named]
    strict += [name for name in axes if (is_of_design(name) or name == TRIAL_AXIS) and name not in named]
    loose = []
    for family, labels in _LABELS.items():
        facts = [name for name, of in FACTS.items() if of == family]
        own = [
            name for name in axes if name.startswith(f"{family}.") and named.isdisjoint((name, _without_owner(name)))
        ]
        if named.isdisjoint(facts):
            strict += labels
            loose += own
        else:
            # where layers wait, the fact that an axis sets may be null; two values of the axis still differ
            axes_too = [name for name in own if _without_owner(name) not in named and named.isdisjoint(_WAITING)]
            others = dict.fromkeys([*facts, *map(_without_owner, own), *axes_too])
            loose += [
                name
                for name in others
                if name not in named and name not in _IMPLIED and any(_varies(side, name) for side in sides)
            ]
    return _Agreement(strict=strict, loose=loose)


def _with_implied(names: Collection[str]) -> set[str]:
    """Add to names the facts that follow from axes, and the schedule if the kind of waiting is named."""
    found = set(names)
    if TRIAL_AXIS in names:  # a trial chooses everything but the data
        found |= {*FACTS} - {"workload"}
    for name in names:
        found |= {"topology"} if sets_topology(name) else set()
        family, _, rest = name.partition(".")
        parameter = rest.rpartition(".")[2] if rest else name.removeprefix("training_")
        if family == "schedule" and rest:
            found |= {"schedule", parameter}
        if (family in ("recipe", "training") and rest) or name.startswith("training_"):
            whole = rest.partition(".")[2] if family == "recipe" else rest or parameter
            found |= {"recipe", f"{_TRAINING}{whole}", f"training_{whole}"}
            found |= {"training_cost"} if whole.startswith(("spike_cost", "budget")) else set()
        if parameter == "synchronization":
            found |= {"schedule", "synchronization"}
        if family == "chip" and parameter in FACTS:
            found.add(parameter)
    return found


def _without_owner(axis: str) -> str:
    """Return what an axis sets, whoever owns it: a fact, a parameter of training, or `chip.*.vector_width`."""
    family, _, rest = axis.partition(".")
    parameter = rest.partition(".")[2]
    if family == "recipe":
        return f"{_TRAINING}{parameter}"
    return parameter if parameter in FACTS else f"{family}.*.{parameter}"


def _value_of_any(point: Point, name: str) -> Selected:
    """Return `value_of`, also for a name from `_without_owner`."""
    family, owner, parameter = name.partition(".*.")
    if name == "training_cost" and point.training_method != GIVEN:
        return point.training_cost or ""  # nothing is a cost, too
    return value_of(point, f"{family}.{getattr(point, family)}.{parameter}" if owner else name)


def _varies(side: Sequence[Point], name: str) -> bool:
    return len({value for point in side if (value := _value_of_any(point, name)) is not None}) > 1

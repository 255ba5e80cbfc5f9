"""Models trained for one machine and run on others: the trainings and schedules that a sweep crosses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import pandas as pd

from codesign.analysis.comparison import Comparison, compare
from codesign.analysis.counterparts import Key, network_of, place_of
from codesign.analysis.points import Point
from codesign.analysis.statistics import Interval, interval

__all__ = ["MOST_SHOWN", "Loss", "Model", "Setting", "Transfer", "find_transfer", "losses", "policy_rank"]

LAYERED = "layered training"

_POLICIES = ("random", "momentum", "fifo")
MOST_SHOWN = 12
"""Trainings, and ways to run them, that a reader takes in at once."""

_FEW_LAYERED = 3
_MODEL_PROPERTIES = frozenset(("method", "policy", "group_size", "input_mode", "calibration"))
_SETTING_PROPERTIES = frozenset(
    (
        *("policy", "group_size", "stop", "steps_after_output", "margin", "margin_check", "input_mode", "refractory"),
        "weight_bits",
    )
)
"""Parameters that are written out for every training and every schedule, and need not be named as axes."""

PartT = TypeVar("PartT", "Model", "Setting")


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """One way in which models were trained: a recipe with the values of its axes.

    Attributes:
        points: what it was run as, with those of equal models.
        names: the recipe, with what sets it apart from others of its name; then those that differ from it neither in
            method, policy, F, input mode and calibration nor in any accuracy.
    """

    points: tuple[Point, ...]
    names: tuple[str, ...]

    @property
    def recipe(self) -> str:
        return self.points[0].recipe

    @property
    def layered(self) -> bool:
        """Whether training waited for layers."""
        return self.points[0].training_method == "layered"

    @property
    def policy(self) -> str | None:
        return self.points[0].training_policy

    @property
    def group_size(self) -> int | None:
        return self.points[0].training_group_size

    @property
    def input_mode(self) -> str | None:
        """Of the forward pass that was trained through; None where the results do not say."""
        mode = self.points[0].training_parameters.get("input_mode")
        return "frame" if self.layered else None if mode is None else str(mode)

    @property
    def calibration(self) -> str | None:
        """How thresholds were adjusted after training, as the recipe has it; None if they were not."""
        return self.points[0].calibration

    @property
    def through_layers(self) -> bool:
        """Whether the forward pass of training was that of layered inference, by name or by a group as large."""
        widest = _widest_layer(self.points[0].topology)
        fits = widest is not None and self.group_size is not None and self.group_size >= widest
        return self.layered or (fits and self.input_mode in ("frame", None))


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """One way in which models are run: a schedule on a chip, with the values of their axes.

    Attributes:
        points: what was run so, with those of equal settings.
        names: schedule and chip, with what sets them apart from others of their names; then those of the same kind
            that have the same accuracies: they only price differently.
    """

    points: tuple[Point, ...]
    names: tuple[str, ...]

    @property
    def example(self) -> Point:
        return self.points[0]

    @property
    def layered(self) -> bool:
        return self.example.layered

    @property
    def free_running(self) -> bool:
        return self.example.free_running


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer:
    """Every model in every setting, as far as there are results.

    Attributes:
        models: layered training first, then by policy and F.
        settings: layered inference first, then by policy and F.
        found: models and settings before they were limited.
    """

    models: tuple[Model, ...]
    settings: tuple[Setting, ...]
    found: tuple[int, int]

    @cached_property
    def cells(self) -> Mapping[tuple[Model, Setting], Mapping[Key, Point]]:
        """A point of each pair by its place: there are several where chips only price differently."""
        held_by = {point: setting for setting in self.settings for point in setting.points}
        cells: dict[tuple[Model, Setting], dict[Key, Point]] = {}
        for model in self.models:
            for point in model.points:
                if point in held_by:
                    cells.setdefault((model, held_by[point]), {}).setdefault(place_of(point), point)
        return cells

    def cell(self, model: Model, setting: Setting, beside: Point | None = None) -> Point | None:
        """The point of a pair, on the same chip as another if there is one; None without a result."""
        points = self.cells.get((model, setting), {})
        same = None if beside is None else points.get(place_of(beside))
        return same or next(iter(points.values()), None)

    def side_by_side(self, model: Model, setting: Setting, other: Setting) -> tuple[Point, Point] | None:
        """A model's points in two settings on the same chip; None if there is none that has both."""
        points, others = (self.cells.get((model, run), {}) for run in (setting, other))
        return next(((point, others[place]) for place, point in points.items() if place in others), None)

    def trained_for(self, model: Model, setting: Setting) -> bool:
        """Whether the model was trained through the very schedule; how answers are read does not matter."""
        point = self.cell(model, setting)
        if point is None:
            return False
        return model.through_layers if setting.layered else point.trained_for_it

    def limited(self, most: int) -> Transfer:
        """The most telling models and settings, so many of each at most.

        Layered ones first, then those that are trained for one of the others, then where accuracies differ most.
        """
        if max(len(self.models), len(self.settings)) <= most:
            return self
        matched = {setting for model, setting in self.cells if self.trained_for(model, setting)}
        settings = _most_telling(
            self.settings, most, {s: (not s.layered, s not in matched, -self._spread(s)) for s in self.settings}
        )
        useful = {m for m, s in self.cells if s in settings and self.trained_for(m, s)}
        models = _most_telling(
            self.models, most, {m: (not m.layered, m not in useful, -self._spread(m)) for m in self.models}
        )
        return Transfer(models=models, settings=settings, found=self.found)

    def _spread(self, part: Model | Setting) -> float:
        """How far apart the accuracies of its points lie."""
        means = [mean for point in part.points if (mean := point.value("accuracy").mean) is not None]
        return max(means) - min(means)


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss:
    """What models lose that were not trained for the schedule that they are run under.

    Attributes:
        difference: what sets their training apart from the schedule, in words.
        comparisons: `better` was trained for it; paired by seed.
        loss: mean over all comparisons of each training seed, then over seeds.
    """

    difference: str
    comparisons: tuple[Comparison, ...]
    loss: Interval


def find_transfer(gathered: Iterable[Point]) -> Transfer | None:
    """The trainings and schedules that points cross; None if no two of each can be compared."""
    known = [point for point in gathered if point.value("accuracy").mean is not None]
    models = sorted(_merged(known, _model_key, _model_kind, _setting_key), key=_by_model)
    settings = sorted(_merged(known, _setting_key, _setting_kind, _model_key), key=_by_setting)
    transfer = Transfer(
        models=tuple(Model(points=points, names=_distinct(map(_recipe_name, points))) for points in models),
        settings=tuple(Setting(points=points, names=_distinct(map(_setting_name, points))) for points in settings),
        found=(len(models), len(settings)),
    )
    runs = Counter(model for model, _ in transfer.cells)
    trainings = Counter(setting for _, setting in transfer.cells)
    crossed = max(runs.values(), default=0) > 1 and max(trainings.values(), default=0) > 1
    return transfer if crossed else None


def losses(transfer: Transfer) -> list[Loss]:
    """What is lost by not training for the schedule, by what training was for instead; in rising order of distance."""
    by_difference: dict[str, list[Comparison]] = {}
    for setting in transfer.settings:
        if not setting.free_running:
            continue
        exact = [m for m in transfer.models if m.calibration is None and transfer.trained_for(m, setting)]
        for model in transfer.models:
            difference = _difference(model, setting)
            for right in exact:
                point, other = transfer.cell(right, setting), transfer.cell(model, setting)
                if difference and point is not None and other is not None:
                    comparison = compare("accuracy", point, other, more_is_better=True)
                    if comparison is not None:
                        by_difference.setdefault(difference, []).append(comparison)
    ordered = sorted(by_difference, key=lambda words: (words.startswith(LAYERED), len(words), words))
    return [
        Loss(difference=words, comparisons=tuple(by_difference[words]), loss=_mean_gain(by_difference[words]))
        for words in ordered
    ]


def policy_rank(policy: str | None) -> tuple[int, str]:
    """The paper's policies first, then others by name; none last."""
    known = _POLICIES.index(policy) if policy in _POLICIES else len(_POLICIES) + (policy is None)
    return known, policy or ""


def _difference(model: Model, setting: Setting) -> str:
    """What training did not know of an asynchronous schedule, in words; empty if it knew all."""
    calibrated = " with calibrated thresholds" if model.calibration is not None else ""
    if model.layered:
        return LAYERED + calibrated
    example, parts = setting.example, []
    if model.policy != example.policy:
        parts.append("policy")
    if model.group_size != example.group_size:
        parts.append("F")
    if model.input_mode not in (None, example.input_mode):
        parts.append("input mode")
    if not parts:
        return ""
    return f"training for another {' and another '.join(parts)}{calibrated}"


def _mean_gain(comparisons: Sequence[Comparison]) -> Interval:
    """Mean difference over comparisons, seed by seed: those of one seed are not independent of each other."""
    differences = [c.better.seeds(c.column) - c.worse.seeds(c.column) for c in comparisons]
    return interval(pd.concat(differences, axis=1).dropna().mean(axis=1))


def _merged(
    points: Sequence[Point],
    key: Callable[[Point], Key],
    kind: Callable[[Point], Key],
    across: Callable[[Point], Key],
) -> list[tuple[Point, ...]]:
    """Points by `key`; groups of one kind whose accuracies agree wherever both were tried are one."""
    groups: dict[Key, list[Point]] = {}
    for point in points:
        groups.setdefault(key(point), []).append(point)
    distinct: dict[Key, list[Point]] = {}
    for members in groups.values():
        answers = frozenset((across(point), tuple(point.seeds("accuracy").items())) for point in members)
        distinct.setdefault((kind(members[0]), answers), []).extend(members)
    # Where layers wait by several names, the plain one is shown.
    return [tuple(sorted(members, key=lambda p: (p.schedule != "layered", p.number))) for members in distinct.values()]


def _model_key(point: Point) -> Key:
    axes = tuple(axis for axis in point.axes if axis[0].startswith("recipe.") and axis[1] is not None)
    return point.workload, point.topology, point.recipe, axes


def _setting_key(point: Point) -> Key:
    axes = tuple(axis for axis in point.axes if not axis[0].startswith("recipe.") and axis[1] is not None)
    return *network_of(point), *place_of(point)[:-1], point.schedule, axes


def _model_kind(point: Point) -> Key:
    trained = point.training_method, point.training_policy, point.training_group_size
    mode = point.training_parameters.get("input_mode")
    return point.workload, point.topology, *trained, mode, point.calibration


def _setting_kind(point: Point) -> Key:
    network = *network_of(point), point.layered, point.margin, point.margin_check
    if point.layered:
        return network
    schedule = point.policy, point.group_size, point.stop, point.steps_after_output, point.input_mode, point.refractory
    return *network, point.free_running, *schedule


def _by_model(points: tuple[Point, ...]) -> Key:
    point = points[0]
    unlayered = point.training_method != "layered"
    mode = str(point.training_parameters.get("input_mode") or "")
    policy = policy_rank(point.training_policy), point.training_group_size or math.inf
    return (
        unlayered,
        point.calibration is not None,
        *policy,
        mode,
        point.calibration or "",
        *_ordered_key(_model_key(point)),
    )


def _by_setting(points: tuple[Point, ...]) -> Key:
    p = points[0]
    waits = 0 if p.layered else 1 if p.free_running else 2
    policy = ((0, ""), 0) if p.layered else (policy_rank(p.policy), p.group_size or math.inf)
    stop = p.stop == "drained", p.margin is not None, p.margin or p.steps_after_output or 0, p.margin_check or ""
    reading = p.input_mode or "", *stop, bool(p.refractory)
    named = p.layered and p.schedule != "layered"
    return waits, *policy, *reading, p.weight_bits or math.inf, named, *_ordered_key(_setting_key(p))


def _ordered_key(key: Key) -> Key:
    """A key whose entries can be put in order: names as they are, numbers of axes as numbers."""
    return tuple(
        tuple((name, isinstance(value, str), value) for name, value in part)
        if isinstance(part, tuple)
        else (part is not None, part)
        for part in key
    )


def _recipe_name(point: Point) -> str:
    """The recipe with the values of those axes that `Model` has no property for."""
    return point.recipe + _axis_words(point, lambda name: name.startswith("recipe."), _MODEL_PROPERTIES)


def _setting_name(point: Point) -> str:
    """Likewise schedule and chip, under the axes that no column of its own holds."""
    axes = _axis_words(point, lambda name: not name.startswith("recipe."), _SETTING_PROPERTIES)
    return f"{point.schedule} on {point.chip}{axes}"


def _axis_words(point: Point, wanted: Callable[[str], bool], known: frozenset[str]) -> str:
    written = [
        f"{parameter} = {text}"
        for (name, value), text in zip(point.axes, point.axis_values, strict=True)
        for parameter in [name.rpartition(".")[2]]
        if value is not None and wanted(name) and parameter not in known
    ]
    return f" ({', '.join(written)})" if written else ""


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _widest_layer(topology: str) -> int | None:
    sizes = topology.split("-")[1:]
    return max(map(int, sizes)) if sizes and all(size.isdecimal() for size in sizes) else None


def _most_telling(
    parts: tuple[PartT, ...], most: int, rank: Mapping[PartT, tuple[bool, bool, float]]
) -> tuple[PartT, ...]:
    """So many of the parts by rank, few of them layered if others need the room, in the order that they had."""
    ranked = sorted(parts, key=lambda part: rank[part])
    layered: list[PartT] = [part for part in ranked if part.layered]
    others: list[PartT] = [part for part in ranked if not part.layered]
    kept = {*[*layered[:_FEW_LAYERED], *others, *layered[_FEW_LAYERED:]][:most]}
    return tuple(part for part in parts if part in kept)

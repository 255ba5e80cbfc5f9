"""The points of a page as columns in one block of JSON: each text once, numbers with as many digits as readers see."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from codesign.analysis.answers.remarks import lacks
from codesign.analysis.comparisons.comparability import BY_TERM, Obstacle, comparison_group, matched_terms
from codesign.analysis.comparisons.comparison import all_values_on
from codesign.analysis.comparisons.constraints import more_is_better
from codesign.analysis.comparisons.fronts import find_fronts
from codesign.analysis.comparisons.not_modelled import unmodelled
from codesign.analysis.comparisons.variants import completeness
from codesign.analysis.questions import CHOICES
from codesign.analysis.results.books import MADE_OF_ENERGY
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import column_label, coverage_words, is_counted, is_share, shortened
from codesign.analysis.results.metadata import Objective
from codesign.analysis.results.naming import Names, stop_label
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN, Interval, intervals
from codesign.analysis.results.study import violated
from codesign.hardware.terms import StaticBook
from codesign.terminal_text import escaped

MOST_POINTS = 10_000
_MANY = 3000
"""More points than this have only the measures of the first screen and those that a question needs."""
_MOST_GROUPS, _MOST_HELD = 60, 120_000
"""Most `_groups`, and most means in `held`, of which each point has one per group and objective."""
_LONGEST = 120
_FIRST = ("accuracy", "energy_j", "energy_cores_in_use_j", "latency_s", "area_m2")
"""Measures of the first screen, which are always included."""
_OBJECTIVES = ("energy_j", "latency_s", "energy_delay_js", "area_m2", "accuracy")
"""What a reader may seek the best in, whatever is asked."""
_FURTHER = (
    *("decision_latency_s", "interval_s", "energy_delay_js", "power_w", "spike_density", "synaptic_operations"),
    *("latency_steps", "latency_spikes", "forward_steps", "agreement", "contention", "drained_accuracy"),
    *("float_accuracy", "undecided_fraction", "late_fraction", "cores_used", "peak_link_load", "on_s"),
    *("paper_energy_j", "latency_bound_s", "train_wall_s"),
)
_COMPARED = ("energy_j", "paper_energy_j", "latency_s", "accuracy")
"""Measures that represent all others: whole energies, parts of them, times, and areas or numbers without a unit."""
_DIGITS, _DECIDING_DIGITS = 4, 9
"""Digits of numbers that are only shown, and of those that decide: in real time a chip's energies hardly differ."""
FACTS = {
    "workload": "data",
    "topology": "network",
    "weight_bits": "weight bits",
    "capacity": "capacity",
    "operation": "operation",
    "stop": "answer read",
    "policy": "policy",
    "group_size": "group size",
    "training_method": "trained",
    "training_policy": "trained policy",
    "input_mode": "input",
    "mapping": "placement",
    "latency_model": "latency model",
}
"""Facts of a point, and their labels."""
_PART_OF_KEY = ("workload", "topology", "weight_bits", "capacity", "operation")


def preferred(points: Sequence[Point], objectives: Sequence[Objective]) -> list[Point]:
    """All points, or as many as a page holds, preferring points on a front, then the most accurate; in their order."""
    if len(points) <= MOST_POINTS:
        return list(points)
    best = {point.number for front in find_fronts(points, objectives) for point in front.best}
    ranked = sorted(points, key=lambda p: (p.number not in best, -(p.value("accuracy").mean or 0.0), p.number))
    return sorted(ranked[:MOST_POINTS], key=lambda point: point.number)


def block(content: object) -> str:
    """ASCII JSON that is safe in a page: no text in it ends a script."""
    text = json.dumps(_harmless(content), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def columns_of(
    books: Mapping[StaticBook, Sequence[Point]], names: Names, asked: Collection[str], objectives: Sequence[str]
) -> dict[str, Any]:
    """The data of the script. `books` holds the same points in each book of the static power, in `board` as in the
    results. Facts in `asked` are included even if all points have the same value, and measures in `asked` have enough
    digits to decide. The best may be sought in `objectives`, besides the usual ones."""
    points = books["board"]
    further = _FURTHER if len(points) <= _MANY else ()
    columns = [column for column in dict.fromkeys((*_FIRST, *sorted(asked), *further)) if _is_known(column, points)]
    measures = [_measure(points, column, names, decides=column in asked) for column in columns]
    for measure in measures:
        if measure["key"] in MADE_OF_ENERGY:
            measure["inUse"] = _means(books["cores_in_use"], measure["key"], _DECIDING_DIGITS)
    deciding = [column for column in dict.fromkeys((*_OBJECTIVES, *objectives)) if column in columns]
    off: dict[str, list[int]] = {}
    for place, point in enumerate(points):
        if point.set_aside:
            off.setdefault(point.set_aside, []).append(place)
    return {
        "numbers": [point.number for point in points],
        "facts": _facts(points, names, asked),
        "measures": measures,
        "objectives": deciding,
        "groups": {book: _groups(members, deciding) for book, members in books.items()},
        "off": off,
        "violating": {place: told for place, point in enumerate(points) if (told := violated(point))},
    }


def _harmless(content: object) -> object:
    """The content without characters that control or reverse text."""
    if isinstance(content, str):
        return escaped(content)
    if isinstance(content, dict):
        return {escaped(str(key)): _harmless(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_harmless(value) for value in content]
    return content


def _rounded(value: float | None, digits: int) -> float | int | None:
    if value is None:
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def _is_known(column: str, points: Sequence[Point]) -> bool:
    return any(column in point.whole.means and point.value(column).mean is not None for point in points)


def _means(points: Sequence[Point], column: str, digits: int) -> list[float | int | None]:
    return [_rounded(point.value(column).mean, digits) for point in points]


def _measure(points: Sequence[Point], column: str, names: Names, *, decides: bool) -> dict[str, Any]:
    """`least` are the positions of values that are lower bounds, since a part is not modelled."""
    values = [point.value(column) for point in points]
    known = [place for place, value in enumerate(values) if value.mean is not None]
    least = [place for place in known if unmodelled(points[place], column, names)]
    # shares are rounded when shown; some decide
    decides = decides or column in _FIRST or column in MADE_OF_ENERGY
    digits = _DECIDING_DIGITS if decides or is_share(column) else _DIGITS
    halves = [_rounded(value.half_width, digits) for value in values] if column in _FIRST else []
    return {
        "key": column,
        "label": _label(column),
        "unit": COLUMNS[column].unit,
        "share": is_share(column),
        "first": column in _FIRST,
        **({"counted": True} if is_counted(column) else {}),
        **({"more": True} if more_is_better(column) else {}),
        "mean": _means(points, column, digits),
        **({"half": halves} if any(halves) else {}),
        **({"least": least} if least else {}),
    }


def _label(column: str) -> str:
    own = {"energy_j": "energy", "energy_cores_in_use_j": "energy of cores in use", "energy_delay_js": "energy × delay"}
    return own.get(column) or column_label(column)


def _facts(points: Sequence[Point], names: Names, asked: Collection[str]) -> list[dict[str, Any]]:
    titles = (("chip", names.chips), ("schedule", names.schedules), ("training", names.recipes))
    found = [
        _fact(fact, label, [(name := getattr(point, fact), of[name]) for point in points], naming=True)
        for fact, (label, of) in zip(CHOICES, titles, strict=True)
    ]
    axes = dict(points[0].axes) if points else {}
    for path in axes:
        texts = [point.axis_texts.get(path, "") for point in points]
        values = [str(dict(point.axes)[path]) if text else "" for point, text in zip(points, texts, strict=True)]
        words = [names.value(path, text) for text in texts]
        lead = names.axis(path)
        if words != texts:  # some words include the axis: `the baseline`, and next to it `trial 3`
            lead, words = "", [names.option(path, text) if text else "" for text in texts]
        cells = list(zip(values, words, strict=True))
        found.append(_fact(f"axis.{path}", names.axis(path), cells, naming=True, lead=lead))
    for key, label in FACTS.items():
        values = [stop_label(point) if key == "stop" else getattr(point, key) for point in points]
        texts = ["" if value is None else str(value) for value in values]
        cells = [(text, text.replace("_", " ")) for text in texts]
        heading = f"{label} (all points)" if label in map(names.axis, axes) else label
        found.append(_fact(key, heading, cells, naming=key in _PART_OF_KEY, lead=label))
    found = [fact for fact in found if len(fact["codes"]) > 1 or fact["key"] in asked] or found[:1]
    return [*found, _fact("cores", "cores in use", [(text := _cores(point), text) for point in points])]


def _cores(point: Point) -> str:
    """The share of its chip that a network takes: `1 of 16 cores`, `2 cores`; empty if unknown or varying."""
    used, share = (point.value(column).mean for column in ("cores_used", "core_share"))
    if not used or not share or used % 1:
        return ""
    of = f" of {used / share:,.0f}" if share < 1 else ""
    return f"{used:,.0f}{of} core{'s' * (used > 1 or bool(of))}"


def _fact(
    key: str, label: str, cells: Sequence[tuple[str, str]], *, naming: bool = False, lead: str = ""
) -> dict[str, Any]:
    """A fact of all points, as codes and words. `lead` precedes a value where the label is not next to it, "" if the
    value is clear by itself."""
    places: dict[tuple[str, str], int] = {}
    of = [places.setdefault(cell, len(places)) for cell in cells]
    return {
        "key": key,
        "label": shortened(label, _LONGEST),
        "naming": naming,
        "lead": shortened(lead, _LONGEST),
        "codes": [shortened(code, _LONGEST) for code, _ in places],
        "words": [shortened(words, _LONGEST) for _, words in places],
        "of": of,
    }


def _groups(points: Sequence[Point], deciding: Collection[str]) -> dict[str, Any]:
    """Groups of points whose whole energies compare, and whose training seeds are the same unless groups are too many.

    Returns:
        `of`: group of each point; `names`: the terms that each group counts, in words; `terms`: their number;
        `compare`: for each of `_COMPARED`, a number per group, equal for groups that can be compared in it; `held`:
        `_means_by_group` of those `deciding` columns in which a point may differ from its own mean; `part`: for each
        group whether it lacks terms that are a considerable part of another's energy.
    """
    kinds, seeds = [*map(_kind, points)], [*map(_seeds, points)]
    by_seeds = len({*seeds}) > 1 and _fits(len({*zip(kinds, seeds, strict=True)}), points, deciding)
    columns = [column for column in deciding if by_seeds or column in BY_TERM]
    keys = [(kind, own if by_seeds else frozenset[int]()) for kind, own in zip(kinds, seeds, strict=True)]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    of, firsts = [places[key] for key in keys], [points[keys.index(key)] for key in places]
    held: dict[str, object] = {}
    part = [False] * len(firsts)
    if len(firsts) > 1 and _fits(len(firsts), points, columns):
        terms = [[matched_terms(a, b) for b in firsts] for a in firsts]
        held = {
            column: _means_by_group(points, of, [seeds for _, seeds in places], terms, column) for column in columns
        }
        part = [any(map(lacks, [point] * len(firsts), firsts, own)) for point, own in zip(firsts, terms, strict=True)]
    comparing = {column: [comparison_group(first, (column,)) for first in firsts] for column in _COMPARED}
    return {
        "part": part,
        "of": of,
        "names": [
            coverage_words(point.charged) if point.separable else "all that one measurement spent" for point in firsts
        ],
        "terms": [completeness(point) for point in firsts],
        "compare": {column: [*map(alike.index, alike)] for column, alike in comparing.items()},
        "held": held,
    }


def _fits(groups: int, points: Sequence[Point], columns: Collection[str]) -> bool:
    return groups <= _MOST_GROUPS and groups * len(points) * len(columns) <= _MOST_HELD


def _kind(point: Point) -> Hashable:
    """What points must share for their whole energies, or the same terms of them, to compare."""
    return comparison_group(point, ("energy_j",)), point.included_terms


def _seeds(point: Point) -> frozenset[int]:
    """The training seeds; none of a given model, which is the same in all."""
    return frozenset() if point.training_method == GIVEN else frozenset(point.training_seeds)


def _means_by_group(
    points: Sequence[Point],
    of: Sequence[int],
    seeds: Sequence[frozenset[int]],
    terms: Sequence[Sequence[tuple[str, ...] | Obstacle]],
    column: str,
) -> list[list[float | bool | None]]:
    """For each group, the mean of each point for comparisons with the group, on the terms and over the training seeds
    that both have: null if they have no terms in common, true if it is the point's own mean."""
    whole = points[0].whole
    means: dict[object, Sequence[Interval]] = {}

    def mean(point: Point, own: int, group: int) -> float | bool | None:
        if own == group:
            return True
        shared = terms[own][group] if column in BY_TERM else point.coverage
        if isinstance(shared, Obstacle):
            return None
        on = None if tuple(sorted(shared)) == point.coverage else shared
        over = seeds[own] & seeds[group] or seeds[own]
        if on is None and over == seeds[own]:
            return True
        if (on, over) not in means:
            kept = np.isin(whole.training_seeds, [*over]) if over else True
            means[on, over] = intervals(np.where(kept, all_values_on(whole, on, column), np.nan), whole.ends)
        return _rounded(means[on, over][point.number - 1].mean, _DECIDING_DIGITS)

    return [[mean(point, own, group) for point, own in zip(points, of, strict=True)] for group in range(len(seeds))]

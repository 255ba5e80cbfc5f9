"""Names for readers: chips, schedules, recipes, axes and points in words, no two alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codesign.analysis.results.columns import AXIS_PREFIX, BASELINE, OF_DESIGN, TRIAL_AXIS, is_of_design
from codesign.analysis.results.formatting import listed, upper
from codesign.analysis.results.points import Point, gather
from codesign.analysis.results.statistics import GIVEN
from codesign.analysis.results.table import ResultTable
from codesign.deferred import pd
from codesign.hardware.terms import SYNCHRONIZATIONS, WAITING_KINDS
from codesign.units import ordinal, plural

_POLICY_WORDS: Mapping[str, str] = {
    "random": "random order",
    "momentum": "momentum",
    "fifo": "first come, first served",
    "round_robin": "cores in turn",
    "arbiter": "lowest address first",
    "timed": "first delivered first",
    "shallow_inhibition_first": "inhibition first",
    "mixture": "several schedules in turn",
}
"""Which spikes leave first under a policy, in words."""

_DESIGN_WORDS = {
    "network.hidden": "network",
    **{f"network.hidden.{number}": f"{ordinal(number)}-layer width" for number in range(1, 11)},
    "workload.train": "number of training samples",
    "workload.timesteps": "number of timesteps",
}
"""Labels of axes on network, neuron and workload whose last part is not clear."""
_CHIP_WORDS = {
    "static_power.chip": "static power",
    "power_gating.between_inputs": "power gating between inputs",
    "power_gating.clock": "clock gating",
    "synchronization.times": "barrier time",
    "synchronization.least_step": "shortest step",
}
"""Labels of axes on a chip whose last part is not clear."""
_OWN = {"chip": "the chip's own schedule"}
"""Names of schedules that differ between chips; schedules of a file keep their names."""
_LONGEST_TITLE = 28
_FEW, _MOST_ROWS = 3, 100
"""Most points named in a sentence, and most rows among which they are looked for."""
_RECIPE = 2
"""Position of the recipe among the parts of a point's name."""
_COST = ("recipe", 1)
"""Position of the word for a cost of spikes, which all recipes with a cost have or none: one without it would seem
free."""
_CITATION = re.compile(r"\s*\([^()]*\)$")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Titles by names in the sweep; the sweep's names remain for hovers and for everything unknown.

    Attributes:
        chips, schedules, recipes: titles by name.
        axes: titles by path, and `owners` the suffixes for axes with equal titles, such as ` of Loihi`.
    """

    chips: Mapping[str, str]
    schedules: Mapping[str, str]
    recipes: Mapping[str, str]
    axes: Mapping[str, str]
    owners: Mapping[str, str] = field(default_factory=dict)

    def of(self, fact: str, value: object) -> str:
        """The title of a chip, schedule or recipe, if `fact` is one of these; otherwise the value."""
        if value is None:
            return "none"
        titles: Mapping[str, str] = {"chip": self.chips, "schedule": self.schedules, "recipe": self.recipes}.get(
            fact, {}
        )
        return titles.get(str(value), str(value).replace("_", " "))

    def axis(self, path: str) -> str:
        """The title of an axis, given with or without its prefix: `lanes of Loihi`."""
        name = path.removeprefix(AXIS_PREFIX)
        return self.axes.get(name, name) + self.owners.get(name, "")

    def variant(self, point: Point, *families: str) -> str:
        """The values of a point's axes, or only of some families: `group size 8, lanes of a 4`; empty without axes."""
        told = (self.option(name, text) for name, text in point.axis_texts.items() if name.startswith(families or ""))
        return ", ".join(told)

    def option(self, path: str, text: str) -> str:
        """A value of an axis: `lanes 4 of Loihi`, `a barrier`, `trial 3`, `the baseline`."""
        said = self.value(path, text)
        return (f"{self.axes.get(path, path)} {text}" if said == text else said) + self.owners.get(path, "")

    def value(self, path: str, text: str) -> str:
        """A value without its axis' name if that is clear: `a barrier`, `the baseline`; otherwise its text."""
        if (path, text) == (TRIAL_AXIS, BASELINE):
            return "the baseline"
        kind, _, rest = text.partition(" ")
        if not path.endswith(".synchronization") or kind not in SYNCHRONIZATIONS:
            return text
        words = SYNCHRONIZATIONS[kind]
        return f"{words} of {rest}" if rest[:1].isdigit() else f"{words} {rest}".rstrip()

    def upper(self, text: str) -> str:
        """`text` capitalized as the start of a sentence, except for a chip's name, which is unchanged."""
        begins = (text.removeprefix(title) for title in self.chips.values() if text.startswith(title))
        whole = any(not re.match(r"\w", rest) for rest in begins)
        return text if whole else upper(text)

    def choice(self, name: str, point: Point) -> str:
        """A point's value on an axis, or its chip, schedule or recipe: `width 4`, `Loihi`."""
        text = point.axis_texts.get(name)
        return self.of(name, getattr(point, name)) if text is None else self.option(name, text)

    def training(self, point: Point) -> str:
        """How a point's model was trained: `unlayered training, groups of 8`."""
        return _joined(self.recipes[point.recipe], self.variant(point, "recipe.", *OF_DESIGN))

    def run(self, point: Point) -> str:
        """How a point's model is run: `first come, first served, groups of 8`."""
        return _joined(self.schedules[point.schedule], self.variant(point, "schedule."))

    def point(self, point: Point) -> str:
        """A point's full name: `Loihi, barrier, layered training, lanes of Loihi 4`."""
        return ", ".join(filter(None, self.parts(point)))

    def told_apart(self, points: Sequence[Point]) -> Callable[[Point], str]:
        """A function that names these points, leaving out what all have in common: `Loihi, barrier (layered
        training)`."""
        columns = zip(*map(self.parts, points), strict=True)
        apart = [place for place, words in enumerate(columns) if len({*words}) > 1] or range(_RECIPE + 1)

        def say(point: Point) -> str:
            parts = self.parts(point)
            others = ", ".join(parts[place] for place in apart if place != _RECIPE and parts[place])
            recipe = parts[_RECIPE] if _RECIPE in apart else ""
            return f"{others} ({recipe})" if others and recipe else others or recipe

        return say

    def parts(self, point: Point) -> tuple[str, ...]:
        """The parts of a point's name: chip, schedule, recipe, and each axis of the sweep; "" for those that do not
        apply."""
        texts = point.axis_texts
        values = (self.option(name, texts[name]) if name in texts else "" for name, _ in point.axes)
        return *(self.of(fact, getattr(point, fact)) for fact in ("chip", "schedule", "recipe")), *values


def names_of(points: Sequence[Point]) -> Names:
    """Titles for everything that occurs in points, preferably all of a results file. The order of points does not
    matter."""
    paths = sorted({name for point in points for name in point.axis_texts})
    words = {"chip": _chip_words, "recipe": _recipe_words, "schedule": _schedule_words}
    titles = {fact: _titles(points, fact, of_members) for fact, of_members in words.items()}
    axes = {path: _axis(path, paths, titles) for path in paths}
    return Names(
        chips=titles["chip"],
        schedules=titles["schedule"],
        recipes=titles["recipe"],
        axes={path: word for path, (word, _) in axes.items()},
        owners={path: owner for path, (_, owner) in axes.items()},
    )


def stop_label(point: Point) -> str:
    """When the answer is read."""
    if point.stop == "margin":
        ahead = f"{plural(point.margin or 0, 'spike')} ahead"
        return f"{ahead}, in any step" if point.margin_check == "step" else ahead
    if point.stop == "on_output":
        return f"{plural(point.steps_after_output or 0, 'step')} after output"
    return "drained"


def points_in_words(table: ResultTable, rows: pd.Series[bool]) -> str:
    """The design points of rows with any status, as the end of a clause: `: m2 and Loihi`; "" if there are many."""
    if not 0 < rows.sum() <= _MOST_ROWS:
        return ""
    points = gather(table, without_results=True)
    say = names_of(points).told_apart(points)
    labels = [say(point) for point in points if rows[point.rows.index].any()]
    return f": {listed(labels)}" if len(labels) <= _FEW else ""


def _titles(points: Sequence[Point], fact: str, words: Callable[[Sequence[Point]], Sequence[str]]) -> dict[str, str]:
    """Titles by name: the first of its words, followed by as many others as distinguish it from names with the same
    title."""
    members: dict[str, list[Point]] = {}
    for point in points:
        members.setdefault(getattr(point, fact), []).append(point)
    said = {name: words(members[name]) for name in sorted(members)}
    titles = {name: parts[0] for name, parts in said.items()}
    for position in range(1, max((len(parts) for parts in said.values()), default=0)):
        differing = [alike for alike in _alike(titles) if len({said[name][position] for name in alike}) > 1]
        if differing and (fact, position) == _COST:
            differing = [[name for name, parts in said.items() if parts[position:]]]
        for alike in differing:
            titles.update({name: _joined(titles[name], said[name][position]) for name in alike})
    for alike in _alike(titles):
        titles.update({name: _joined(titles[name], more) for name, more in _own_words(alike, titles).items()})
    return titles


def _own_words(alike: Sequence[str], titles: Mapping[str, str]) -> dict[str, str]:
    """For names with the same title, what to add to it: the words of each name from the first that differs on, without
    the title itself if they begin with it."""
    parts = {name: name.split("_") for name in alike}
    differing = [place for place, words in enumerate(zip(*parts.values(), strict=False)) if len({*words}) > 1]
    start = min([*differing, *map(len, parts.values())])
    whole = {name: "" if titles[name] == name else " ".join(words[start:]) for name, words in parts.items()}
    repeated = re.compile(rf"^{re.escape(titles[alike[0]])}(?: |$)", re.IGNORECASE)
    short = {name: repeated.sub("", words) for name, words in whole.items()}
    return short if len({*short.values()}) == len(short) else whole


def _alike(titles: Mapping[str, str]) -> list[list[str]]:
    """Groups of names with the same title, ignoring case."""
    by_title: dict[str, list[str]] = {}
    for name, title in titles.items():
        by_title.setdefault(title.casefold(), []).append(name)
    return [names for names in by_title.values() if len(names) > 1]


def _joined(title: str, more: str) -> str:
    return f"{title}, {more}" if more else title


def _chip_words(members: Sequence[Point]) -> Sequence[str]:
    """`Loihi` for `Loihi, fitted to a board (SANA-FE)`, followed by the rest; any other title unchanged."""
    title = _CITATION.sub("", members[0].chip_title)
    short, rest = title, ""
    if title != members[0].chip_title:  # with a citation, as in the library, and with more in between
        short, _, rest = title.partition(", ")
    return (short if len(short) <= _LONGEST_TITLE else members[0].chip, rest)


def _recipe_words(members: Sequence[Point]) -> Sequence[str]:
    def parameter(name: str) -> str:
        return _common(point.training_parameters.get(name) for point in members)

    size = _common(point.training_group_size for point in members)
    policies = [_POLICY_WORDS.get(p, p) for p in sorted({p.training_policy for p in members if p.training_policy})]
    first = members[0]
    if first.training_method == GIVEN:
        return (f"{first.recipe.replace('_', ' ')} (from elsewhere)",)
    loss = parameter("loss").replace("_", " ")
    if any(name.startswith("loss.") for name in first.training_parameters):  # an axis states its parameters
        loss = loss.partition(", ")[0]
    begins = f"{source} + " if (source := _stem(parameter("from_"))) else ""
    return (
        f"{begins}{first.training_method} training",
        "few spikes" if first.training_cost else "",
        listed(policies, "or"),
        f"groups of {size}" if size else "",
        "calibrated thresholds" if first.calibration is not None else "",
        f"input {mode}" if (mode := parameter("input_mode")) == "queued" else "",
        loss,
    )


def _stem(file: str) -> str:
    """A model's file without its folder, ending and options."""
    return file.partition(", ")[0].replace("\\", "/").rpartition("/")[2].partition(".")[0]


def _schedule_words(members: Sequence[Point]) -> Sequence[str]:
    first = members[0]
    kinds = {_waiting(point) for point in members}
    size = _common(point.group_size for point in members)
    bits = _common(point.weight_bits for point in members)
    stop = _common(stop_label(p) for p in members)
    kind = kinds.pop() if len(kinds) == 1 else ""
    return (
        _joined(kind, stop if first.stop == "margin" else "")
        if kind
        else _OWN.get(first.schedule, first.schedule.replace("_", " ")),
        {"drained": "drained", "on_output": "stops on output"}.get(_common(p.stop for p in members), "") or stop,
        f"groups of {size}" if size else "",
        f"{first.steps_after_output} steps after output" if first.stop == "on_output" else "",
        "queued input" if first.input_mode == "queued" else "",
        "" if first.refractory in (None, True) else "no refractoriness",
        f"{first.timesteps} timesteps" if first.timesteps else "",
        f"{100 * first.input_dropout:g} % of the input lost" if first.input_dropout else "",
        f"{bits} bits" if bits else "",
    )


def _waiting(point: Point) -> str:
    """Which neurons wait under a point's schedule, in words."""
    if point.synchronization in WAITING_KINDS and point.group_size is None:
        return SYNCHRONIZATIONS[point.synchronization].removeprefix("a ")
    if point.inference == "layered":
        return "layers wait"
    if point.inference == "gated":
        return "neurons wait"
    return _POLICY_WORDS.get(point.policy or "", point.policy or "no waiting")


def _common(values: Iterable[Any]) -> str:
    """The common value as text; empty if values differ or are unknown."""
    found = {str(value) for value in values if value is not None}
    return found.pop() if len(found) == 1 else ""


def _axis(path: str, paths: Sequence[str], titles: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """The parameter of an axis, and its owner if several axes have this parameter."""
    if is_of_design(path):
        word = path.partition(".")[2]
        return _DESIGN_WORDS.get(path, word.replace(".", " ").replace("_", " ")), ""
    block, name, parameter = (*path.split(".", 2), "", "")[:3]
    if not parameter:
        return path.replace("_", " "), ""
    middle, _, last = parameter.rpartition(".")
    if last.isdecimal():  # index in a list
        middle, last = "", parameter.replace(".", " ")
    word = last.replace("_", " ")
    others = [other for other in paths if other != path and other.rpartition(".")[2] == path.rpartition(".")[2]]
    if parameter in _CHIP_WORDS:
        word = _CHIP_WORDS[parameter]
    elif middle == "static_power":
        word = f"static power ({word})"
    elif middle and any(other.startswith(f"{block}.{name}.") for other in others):  # such as its energy and its time
        word += f" ({middle.replace('.', ' ').replace('_', ' ')})"
    return word, f" of {titles.get(block, {}).get(name, name)}" if others else ""

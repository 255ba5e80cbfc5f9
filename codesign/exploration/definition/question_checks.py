"""Checks of the questions of a sweep file: columns, names and axes that the sweep does not have.

Works on the file's plain content, like `codesign.exploration.definition.checks`; the models of questions check their
form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codesign.analysis.answers.selecting import FACTS, selection_problems
from codesign.analysis.questions import CHOICES, form_of
from codesign.analysis.results.columns import AXIS_PREFIX, NUMERIC_COLUMNS
from codesign.analysis.results.formatting import is_share
from codesign.analysis.results.measures import measures_known
from codesign.documents import Path_, value_at
from codesign.exploration.definition.checks import Blocks, Mistakes, list_at, mapping
from codesign.exploration.definition.entries import MODELS
from codesign.exploration.definition.nested import unknown_part
from codesign.mistakes import suggestion
from codesign.simulation.policies import policy_names

_TRAINING = "training."
_SETTINGS = {
    "train",
    "test",
    "samples",
    "timestep_s",
    *FACTS,
    *MODELS["recipe"].model_fields,
    *MODELS["neuron"].model_fields,
}
"""Settings that a publication may have, by the first word of their paths."""


def problems(data: dict[str, Any], blocks: Blocks) -> Mistakes:
    """Yield every mistake between questions and the rest of a file: its path in the file and a message."""
    axes = {path: list_at(data, "axes", path) for path in mapping(data, "axes")}
    if "space" in data:
        axes["trial"] = []  # the only axis of a study's results
    known: dict[str, Any] = {**{block: _in_results(data, block, names) for block, names in blocks.items()}, **axes}
    known |= {"policy": policy_names(), "training_policy": [*policy_names(), "mixture"]}
    asked: list[Path_] = [("questions", name) for name in mapping(data, "questions")]
    drawn: list[Path_] = [("figures", number) for number, _ in enumerate(list_at(data, "figures"))]
    for at in (*asked, *drawn):
        content = value_at(data, at)
        if not isinstance(content, dict):
            continue  # reported by its model
        for inner, message in (*_choices(content, axes), *_columns(content), *_selections(content, known)):
            yield (*at, *inner), message


def _in_results(data: dict[str, Any], block: str, names: Iterable[str]) -> list[str]:
    """Names of a block that may occur in results: in a study, recipes and chips of its trials and its baseline."""
    if "space" not in data or block == "schedule":
        return list(names)
    searched = (*list_at(data, "space", block), *list_at(data, "space", block, "choices"))
    baseline = mapping(data, "baseline").get(block) or next(iter(names), None)
    return [name for name in names if name == baseline or name in searched]


def _choices(content: Mapping[str, Any], axes: Mapping[str, Any]) -> Mistakes:
    chosen = content.get("choose")
    if not isinstance(chosen, str):
        return
    allowed = [*CHOICES, *(f"{AXIS_PREFIX}{path}" for path in axes)]
    if chosen not in CHOICES and chosen.removeprefix(AXIS_PREFIX) not in axes:
        yield ("choose",), f"there is no '{chosen}' to choose{suggestion(chosen, allowed)}"


def _columns(content: Mapping[str, Any]) -> Mistakes:
    named: list[Path_] = [("columns", number) for number, _ in enumerate(list_at(content, "columns"))]
    numeric: list[Path_] = [("least",), ("most",), *(named if "compare" in content else ())]
    measures: list[Path_] = [*(named if "printed" in content else ())]
    measures += [("column",), ("column_of_less",)] if "claim" in content else []
    for places, known, more in ((numeric, NUMERIC_COLUMNS, ""), (measures, measures_known(), " or measure")):
        for place in places:
            column = value_at(content, place)
            if isinstance(column, str) and column not in known:
                yield place, f"'{column}' is not a numeric column of results{more}{suggestion(column, known)}"
    of_table = [column for column in list_at(content, "columns") if isinstance(column, str)]
    for name, row in mapping(content, "rows").items():
        for column, value in mapping(row, "values").items():
            if column not in of_table:
                yield ("rows", name, "values", column), f"is not among the columns{suggestion(column, of_table)}"
            elif is_share(column) and isinstance(value, int | float) and not 0 <= value <= 1:
                yield ("rows", name, "values", column), f"must be a fraction or a percentage, found {value}"
    for name in mapping(content, "settings"):
        if name.removeprefix(_TRAINING).partition(".")[0] not in _SETTINGS:
            yield ("settings", name), f"is not a setting of recipes, neurons or data{suggestion(name, _SETTINGS)}"


def _selections(content: Mapping[str, Any], known: Mapping[str, Any]) -> Mistakes:
    fields = {"select", "level", *getattr(form_of(content), "model_fields", ())}
    if isinstance(along := content.get("along"), str):
        yield from ((("along",), message) for message in _problems({along: None}, known))
    places: list[Path_] = [(name,) for name in ("select", "more", "less", "relative_to", "level")]
    places += [("compare", 0), ("compare", 1), *(("rows", name, "of") for name in mapping(content, "rows"))]
    for place in places:
        selection = value_at(content, place)
        if isinstance(selection, str) and place[0] == "compare":
            allowed = {name for block in CHOICES for name in known[block]}
            if selection not in allowed:
                yield place, f"results have no chip, schedule or recipe '{selection}'{suggestion(selection, allowed)}"
        if not isinstance(selection, dict) or place[0] not in fields:
            continue
        for message in _problems(selection, known):
            name = message.partition(":")[0]
            yield (*place, *((name,) if name in selection else ())), message


def _problems(selection: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """Yield mistakes in a selection, each as the name concerned and a sentence."""
    for name in selection:
        parameter = name.removeprefix(_TRAINING)
        if parameter != name and (problem := unknown_part(MODELS["recipe"], parameter, "recipe")):
            yield f"{name}: {problem}"
    yield from selection_problems(selection, known)

"""Sections about a study: the search and its front, the effect of parameters, all trials on both splits, and the
space."""

from __future__ import annotations

from collections import Counter

from codesign.analysis.answers.selecting import as_number
from codesign.analysis.comparisons.comparability import BY_TERM
from codesign.analysis.comparisons.not_modelled import unmodelled
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import BOOK_WORDS, UNKNOWN, column_label, number, quantity, with_interval
from codesign.analysis.results.metadata import Objective, ParameterFacts, ResultMetadata, TrialFacts
from codesign.analysis.results.naming import Names
from codesign.analysis.results.statistics import interval
from codesign.analysis.results.study import Study, parameter_text, trial_name
from codesign.hardware.terms import StaticBook
from codesign.reporting.charts.study import importance_figures, progress_figure, slice_figures, trade_off_figures
from codesign.reporting.pieces import Cell, Heading, Section, Table, numeric, table_of, text_table, without_repeats
from codesign.units import plural

_SPLITS = (
    "Nothing was chosen on test samples, but the models that are tested were chosen on validation samples: a training "
    "seed that was lucky there may count here, too."
)
_SLICES = "Everything else varies along with each parameter: a slope here is no proof of a cause."
_OF_CHANCE = (
    "Shares add up to 100 % even if all variation is chance: of five parameters without effect, one gets two fifths on "
    "average over 10 trials, and still a third over 50."
)
_LEVEL = "fidelity level that the values come from; 1 is the lowest"
_STATES = ("complete", "dropped", "infeasible", "failed")


def study_sections(
    study: Study, metadata: ResultMetadata, names: Names, searched_in: StaticBook | None
) -> tuple[Section, ...]:
    """The sections of a study, whose points may be in another book of the static power than the one that it was
    `searched_in`."""
    book = _other_book(study, metadata.static_book, searched_in)
    figures = [*trade_off_figures(study), *filter(None, [progress_figure(study)])]
    importances, slices = importance_figures(study), slice_figures(study)
    method = f"Importance: {study.facts.importance_method}. {_OF_CHANCE}" if importances else ""
    return (
        Section(
            name="search", title="The search, on validation", body=(*book, search_table(study, metadata), *figures)
        ),
        Section(
            name="parameters",
            title="What the parameters do",
            body=(*filter(None, [method]), *importances, *([_SLICES] if slices else []), *slices),
        ),
        Section(
            name="trials",
            title="All trials, on validation and on test",
            summary=f"{len(study.front):,} of {len(study.facts.trials):,} on the front",
            body=(_SPLITS, *book, trial_table(study, names)) if study.everything else (),
        ),
        Section(name="space", title="What was searched", body=(space_table(study),)),
    )


def _other_book(study: Study, book: StaticBook, searched_in: StaticBook | None) -> tuple[str, ...]:
    """A sentence, if energies on validation and on test count different static power."""
    if searched_in in (None, book) or BY_TERM.isdisjoint(objective.column for objective in study.objectives):
        return ()
    searched, tested = (BOOK_WORDS[one] for one in (searched_in, book))
    return (f"Energies on validation count the static power of {searched}, those on test that of {tested}.",)


# tables of trials -----------------------------------------------------------------------------------------------------


def trial_table(study: Study, names: Names) -> Table:
    """A table of the baseline, the front and all other trials, in this order, on validation and on test."""
    caption = (
        "The baseline, the front, and all other trials. ± is the standard deviation over training seeds on validation, "
        "and the 95 % interval on test."
    )
    trials = sorted(study.everything, key=lambda trial: (trial.number is not None, not trial.on_front))
    return without_repeats(table_of(caption, [_row(study, trial, names) for trial in trials]))


def _row(study: Study, trial: TrialFacts, names: Names) -> dict[Heading, Cell]:
    """A row of objectives on validation and on test, always with the test accuracy, and all parameters; ≥ in front of
    values that leave something out, as far as trials were tested."""
    point, values = study.tested.get(trial_name(trial)), dict[Heading, Cell]()

    def told(value: float | None, text: str, column: str) -> Cell:
        lacking = value is not None and point is not None and unmodelled(point, column, names)
        return Cell(f"{'≥ ' if lacking else ''}{text}", value)

    def add_test(column: str) -> None:
        found = interval(()) if point is None else point.value(column)
        heading = numeric(f"{column_label(column)}, test", COLUMNS[column].meaning, unit=COLUMNS[column].unit)
        values[heading] = told(found.mean, with_interval(found, column), column)

    for objective, value, spread in zip(study.objectives, trial.values, trial.spreads, strict=True):
        column = objective.column
        heading = numeric(f"{column_label(column)}, validation", COLUMNS[column].meaning, unit=COLUMNS[column].unit)
        values[heading] = told(value, quantity(value, column, spread), column)
        add_test(column)
    if all(objective.column != "accuracy" for objective in study.objectives):
        add_test("accuracy")
    on_test = trial.reason_on_test
    parameters = {
        Heading(name, numeric=space.kind != "categorical", unit=space.unit): Cell(
            study.text(trial, name), as_number(trial.parameters.get(name))
        )
        for name, space in study.spaces.items()
    }
    return {
        numeric("trial"): Cell(trial_name(trial), trial.number),
        Heading("state"): Cell("on the front" if trial.on_front else trial.state),
        numeric("level", _LEVEL): Cell(f"{trial.level + 1} of {len(study.facts.levels) or 1}", trial.level + 1),
        **values,
        **parameters,
        Heading("reason", wide=True): Cell(trial.reason or (f"on test, {on_test}" if on_test else "")),
    }


# what was searched ----------------------------------------------------------------------------------------------------


def search_table(study: Study, metadata: ResultMetadata) -> Table:
    """A table of the search: trials, samples, objectives, constraints, tested trials, and the hypervolume."""
    facts, workload = study.facts, metadata.workload
    states: Counter[str] = Counter(trial.state for trial in facts.trials)
    ended = Counter(trial.level for trial in facts.trials)
    tested = sum(trial_name(trial) in study.tested for trial in study.front)
    rows = [
        ("trials", f"{len(facts.trials):,}: {', '.join(f'{states[state]:,} {state}' for state in _STATES)}"),
        ("chosen on", f"{min(facts.samples or workload.validation, workload.validation):,} validation samples"),
        (
            "tested on",
            f"{workload.test:,} test samples, which chose nothing: {tested:,} of {len(study.front):,} trials of the "
            "front have a result there",
        ),
        *(("objective", _objective(objective)) for objective in study.objectives),
        *(("constraint", text) for text in facts.constraints),
        *(
            (f"level {n + 1}", f"{words}; {plural(ended[n], 'trial')} ended there")
            for n, words in enumerate(facts.levels)
            if len(facts.levels) > 1
        ),
        ("sampler", f"{facts.sampler}; seed {facts.seed}"),
        *([("hypervolume", number(study.hypervolume))] if len(study.objectives) > 1 else []),
    ]
    return text_table("The search.", ("what", "value"), rows)


def _objective(objective: Objective) -> str:
    reference = quantity(objective.reference, objective.column)
    return f"{objective.direction} {column_label(objective.column)}; reference {reference}"


def space_table(study: Study) -> Table:
    headings = ("parameter", "kind", "range or choices", "scale", "condition")
    rows = [(p.name, p.kind, _range(p), _scale(p), p.condition) for p in study.facts.parameters]
    return text_table("The search space. A trial lacks parameters that mean nothing in it.", headings, rows)


def _range(parameter: ParameterFacts) -> str:
    if parameter.kind == "categorical":
        return ", ".join(parameter.choices) or UNKNOWN
    ends = f"{parameter_text(parameter.low, parameter)} to {parameter_text(parameter.high, parameter)}"
    return ends if parameter.step is None else f"{ends} in steps of {parameter_text(parameter.step, parameter)}"


def _scale(parameter: ParameterFacts) -> str:
    return UNKNOWN if parameter.kind == "categorical" else "logarithmic" if parameter.log else "linear"

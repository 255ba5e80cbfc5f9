"""The results of a sweep or study in Python and in notebooks: their points, answers, fronts and figures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from codesign import arguments
from codesign.analysis.answers.answers import Answer, Option, value_text, values_of
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.savings import halved_numbers
from codesign.analysis.answers.selecting import points_in, taking_part
from codesign.analysis.comparisons.constraints import Constraint, resolved
from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.comparisons.fronts import fronts_of, objective_of, objective_sets
from codesign.analysis.comparisons.variants import by_option
from codesign.analysis.questions import CHOICES, Selection
from codesign.analysis.results.columns import NUMERIC_COLUMNS
from codesign.analysis.results.formatting import column_label, listed
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.table import ResultTable
from codesign.analysis.results.table import read_results as read_table
from codesign.deferred import alt, pd
from codesign.errors import InputError
from codesign.files import Location
from codesign.mistakes import suggestion
from codesign.reporting.charts.base import Figure, styled
from codesign.reporting.charts.sweeps import effects_figure, parts_figure, scatter
from codesign.units import plural

_SHOWN = ("accuracy", "energy_j", "latency_s")
_ROWS = 8


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SweepResults(AnsweredTable):
    """Results of a sweep or study in memory.

    Attributes:
        frame: a pandas table with one row per design point, in SI units; `metadata` describes it.
        report: location of the page, if it was written in the same run.
    """

    report: Location | None = None

    @classmethod
    def of(cls, table: ResultTable, report: Location | None = None) -> Self:
        """Results of a table."""
        return cls(frame=table.frame, metadata=table.metadata, report=report)

    def best(
        self, *, least: str = "", most: str = "", where: str | Sequence[str] = (), select: Selection | None = None
    ) -> Point:
        """Return the point with the least or most of a column among the points that meet all constraints.

        As in answers, energies of two chips are compared on the terms that both have. Points that answer nothing, drop
        spikes, or have a schedule that their chip cannot execute are left out, unless there are no others.

        Args:
            least, most: name of a column; give one of the two.
            where: constraints such as `accuracy >= 95 %`, `accuracy within 1 point of best` or `latency_s < 1 ms`.
            select: which points take part, as in questions: `{"chip": "mubrain"}`.

        Raises:
            InputError: there is no such column, constraint or point, or no point meets all constraints.
        """
        if bool(least) == bool(most):
            raise InputError("best: give one of least and most, the name of a column")
        column = _column(least or most)
        texts = (where,) if isinstance(where, str) else where
        selection = select or {}
        selected = points_in(self.points, selection)
        if selection and not selected:
            raise InputError(f"select: no point has {listed([f'{name} {value}' for name, value in selection.items()])}")
        able = taking_part(selected, selection) or selected
        try:
            constraints = resolved([Constraint.parse(text) for text in texts], able)
        except ValueError as error:
            raise InputError(f"where: {error}") from None
        contest = Contest(
            members=by_option(able, lambda point: point.chip),
            label=self.names.chips.__getitem__,
            column=column,
            more=bool(most),
            where=constraints,
            names=self.names,
        )
        if not contest.ranked:
            raise InputError(f"no design point with a known {column} meets {' and '.join(texts) or 'what is asked'}")
        return contest.ranked[0]

    def front(self, *columns: str) -> pd.DataFrame:
        """Return the Pareto fronts, one row per point: comparable points are together, starting with the best in the
        first column, and only they have the same `front`, which says what they share, such as the coverage of energy.

        Args:
            columns: the objectives; by default those of the file, or as many of them as some points have. Accuracies
                and agreement are maximized, all others minimized.

        Raises:
            InputError: there is no such column.
        """
        asked = tuple(objective_of(_column(name)) for name in columns)
        for objectives in [asked] if asked else objective_sets(self.metadata.objectives):
            best = {point: str(front.group) for front in fronts_of(self.points, objectives) for point in front.best}
            if best:
                found = self.table([*best], [objective.column for objective in objectives])
                return found.assign(front=[*best.values()])
        return self.table([], columns or _SHOWN).assign(front=[])

    def table(self, points: Sequence[Point] | None = None, columns: str | Sequence[str] = _SHOWN) -> pd.DataFrame:
        """Return points, all if None, in words, with means over training seeds of one or several columns."""
        columns = [*map(_column, (columns,) if isinstance(columns, str) else columns)]
        rows = [
            {
                **{fact: self.names.of(fact, getattr(point, fact)) for fact in CHOICES},
                "variant": self.names.variant(point),
                **{name: point.value(name).mean for name in columns},
            }
            for point in (self.points if points is None else points)
        ]
        return pd.DataFrame(rows, columns=[*CHOICES, "variant", *columns])

    def savings(self, point: Point) -> pd.DataFrame:
        """Return a point's energy and latency with each number of its chip, one at a time, at half its value.

        Returns:
            One row per number, from the largest saving: `path` in the chip's file, `change` in words (rates are doubled
            instead), `energy` and `latency` relative to the point's, NaN if unknown.
        """
        arguments.instance("point", point, Point)
        rows = [(one.path, one.change, one.energy, one.latency) for one in halved_numbers(point)]
        return pd.DataFrame(rows, columns=["path", "change", "energy", "latency"])

    @property
    def plot(self) -> Plots:
        """Figures: `results.plot.pareto()`."""
        return Plots(self)

    def _repr_html_(self) -> str:
        title = self.metadata.title or self.metadata.sweep
        parts = [f"<p><strong>{html.escape(title)}</strong></p>"]
        parts += [_answer_html(answer, self.names) for answer in self.answers[:1]]
        if len(self.answers) > 1:
            more = "".join(f"<li>{html.escape(str(one))}</li>" for one in self.answers[1:])
            count = plural(len(self.answers) - 1, "more question")
            parts.append(f"<details><summary>{count}</summary><ul>{more}</ul></details>")
        if not self.answers:
            told = self.points[:_ROWS]
            every = [Option(label=self.names.point(one), point=one, values=values_of(one, ())) for one in told]
            parts.append(_options_html(every, self.names))
        return "".join(parts)


@dataclass(frozen=True)
class Plots:
    """Figures of results: Altair charts, which notebooks show and `save` writes."""

    results: SweepResults

    def pareto(self, x: str = "energy_j", y: str = "accuracy", *, by: str = "chip") -> alt.Chart | alt.LayerChart:
        """Plot two columns of all points that have both, with the fronts of comparable points.

        Args:
            by: colour by chip, schedule or recipe.
        """
        arguments.one_of("by", by, CHOICES)
        return self._chart(scatter(self.results.points, self.results.names, x=_column(x), y=_column(y), by=by))

    def effects(self, column: str = "accuracy") -> alt.Chart | alt.LayerChart:
        """Plot the effect of each option of each choice on a column, all else equal."""
        return self._chart(effects_figure(self.results.points, self.results.names, _column(column)))

    def parts(self, column: str = "energy_j") -> alt.Chart | alt.LayerChart:
        """Plot the parts of energy (`energy_j`) or time (`latency_s`)."""
        arguments.one_of("column", column, ("energy_j", "latency_s"))
        return self._chart(parts_figure(self.results.points, self.results.names, column))

    @staticmethod
    def _chart(figure: Figure | None) -> alt.Chart | alt.LayerChart:
        if figure is None:
            raise InputError("there is nothing to draw: too few points have these columns")
        return styled(figure)


def read_results(location: Location) -> SweepResults:
    """Read a results file, or the one in a folder, at a path or a URL.

    Raises:
        InputError: the file is missing, unreadable, truncated, not Parquet, too large, not written by `write_results`,
            or holds a value that its column does not allow.
    """
    return SweepResults.of(read_table(location))


def _column(name: str) -> str:
    if name not in NUMERIC_COLUMNS:
        raise InputError(f"there is no numeric column {name!r}{suggestion(name, NUMERIC_COLUMNS)}")
    return name


def _answer_html(answer: Answer, names: Names) -> str:
    said = f"{answer.sentence} ({answer.how_sure})"
    options = _options_html(answer.options[:_ROWS], names)
    return f"<p>{html.escape(answer.question)}<br>{html.escape(said)}</p>{options}"


def _options_html(options: Sequence[Option], names: Names) -> str:
    columns = tuple(dict.fromkeys(name for option in options for name in option.values))[:4]
    head = "".join(f"<th>{html.escape(text)}</th>" for text in ("", *map(column_label, columns)))
    texts = [[option.label, *(value_text(option, name, names) for name in columns)] for option in options]
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in texts)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""

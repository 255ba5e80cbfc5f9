"""The comparisons behind the answers: how large and how sure the differences are, and at which values they reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codesign.analysis.answers.answers import Answer
from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.wording import describe_range, describe_tip, gain_in_words
from codesign.analysis.results.formatting import chance_percent, column_label
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.reporting.charts.sweeps import ranges_figure
from codesign.reporting.pieces import Cell, Heading, Section, Table, numeric, table_of, without_repeats

_METHOD = (
    "A price that was not measured lies in a range: its source's, or one assumed from how it is known. All numbers are "
    "drawn at once, together with the model's own error on each chip. Rows of one chip share their draws. "
    "The percentage beside an answer also counts the spread over training seeds, other options, limits, and terms that "
    "one side lacks."
)
_MOST_TIPS = 4
_DIFFERENCE = "95 % interval over training seeds"
_AGREE = numeric("draws that agree", "of the chips' numbers; means over training seeds")
_REVERSES = Heading("reverses if", wide=True, hint="each number alone; empty where none does within its range")
_MATTERS = Heading("matters most", wide=True)


def evidence_section(answers: Sequence[Answer], names: Names) -> Section:
    """The section of all comparisons; empty if no answer compares anything."""
    asked = [comparison for answer in answers for comparison in answer.comparisons]
    found = list({(one.column, one.better.number, one.worse.number, one.gain): one for one in asked}.values())
    uncertain = [comparison for comparison in found if comparison.robustness and comparison.robustness.spreads]
    say = names.told_apart(_sides(uncertain))
    drawn = [ranges_figure(uncertain, say, column) for column in ("energy_j", "latency_s", "energy_delay_js")]
    table = _table(found, names, names.told_apart(_sides(found)))
    return Section(
        name="evidence",
        title="Comparisons: how large, how sure, and what reverses them",
        summary="behind the answers",
        body=(*([_METHOD] if uncertain else []), *filter(None, drawn), *([table] if found else [])),
    )


def _sides(comparisons: Sequence[Comparison]) -> list[Point]:
    return [point for comparison in comparisons for point in (comparison.better, comparison.worse)]


def _table(comparisons: Sequence[Comparison], names: Names, say: Callable[[Point], str]) -> Table:
    rows = [
        {
            Heading("of"): Cell(column_label(comparison.column) + ", on shared terms" * comparison.in_part),
            Heading("said to be better", wide=True): Cell(say(comparison.better)),
            Heading("than", wide=True): Cell(say(comparison.worse)),
            numeric("difference", _DIFFERENCE, unit="SI"): Cell(gain_in_words(comparison), comparison.gain.mean),
            **_robust(comparison, names),
        }
        for comparison in comparisons
    ]
    caption = "What the answers compare, paired by training seed. Below zero, the other is better; at zero, neither."
    return without_repeats(table_of(caption, rows))


def _robust(comparison: Comparison, names: Names) -> dict[Heading, Cell]:
    """Cells about the effect of the ranges of the chips' numbers; empty if it depends on none."""
    robustness = comparison.robustness
    if robustness is None or not robustness.spreads:
        return dict.fromkeys((_AGREE, _REVERSES, _MATTERS), Cell(""))
    number, spread = next(iter(robustness.spreads.items()))
    return {
        _AGREE: Cell(chance_percent(robustness.probability), order=robustness.probability),
        _REVERSES: Cell("; ".join(describe_tip(tip, names) for tip in robustness.tips[:_MOST_TIPS])),
        _MATTERS: Cell(describe_range(number, names) if spread else ""),
    }

"""How sure comparisons of energy and time are: ranges of the chips' numbers, and from where on the other side wins."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.answers import Answer
from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import column_label
from codesign.analysis.naming import Names
from codesign.reporting.charts.sureness import ranges_figure, tips_figure
from codesign.reporting.robustness import describe_range, describe_tip, share
from codesign.reporting.section import Section
from codesign.reporting.tables import Cell, Heading, Table, without_repeats

__all__ = ["sureness_section"]

_METHOD = (
    "A price that was not measured lies in a range: its source's, or one assumed from how it is known. All numbers are "
    "drawn at once, together with the model's own error on each chip. Rows of one chip share their draws."
)


def sureness_section(answers: Sequence[Answer], names: Names) -> Section | None:
    """None where no comparison depends on numbers that lie in ranges."""
    found = list(
        dict.fromkeys(
            comparison
            for answer in answers
            for comparison in answer.comparisons
            if comparison.robustness is not None and comparison.robustness.influences
        )
    )
    if not found:
        return None
    drawn = [ranges_figure(found, names, column) for column in ("energy_j", "latency_s", "energy_delay_js")]
    figures = [figure for figure in (*drawn, tips_figure(found, names)) if figure is not None]
    return Section(
        name="sureness",
        title="Robustness and tipping points",
        summary="over the ranges of the chips' numbers",
        body=(_METHOD, *figures, _table(found, names)),
    )


def _table(comparisons: Sequence[Comparison], names: Names) -> Table:
    rows = []
    for comparison in comparisons:
        robustness = comparison.robustness
        assert robustness is not None, "comparisons without are left out"
        most = robustness.influences[0]
        tips = [describe_tip(tip) for tip in robustness.tips[:2]] if (comparison.gain.mean or 0.0) > 0 else []
        rows.append(
            (
                Cell(text=column_label(comparison.column)),
                Cell(text=names.point(comparison.better)),
                Cell(text=names.point(comparison.worse)),
                Cell(text=share(robustness.probability), order=robustness.probability),
                Cell(text=share(robustness.with_seeds), order=robustness.with_seeds),
                Cell(text="; ".join(tips) or "no number alone turns it round"),
                Cell(text=describe_range(most.number) if most.spread else ""),
            )
        )
    table = Table(
        caption="Comparisons that rest on the chips' numbers.",
        headings=(
            Heading(text="of"),
            Heading(text="less", wide=True),
            Heading(text="more", wide=True),
            Heading(text="draws that agree", numeric=True, hint="means over training seeds"),
            Heading(text="with seeds", numeric=True, hint="pairs of a draw and a training seed"),
            Heading(text="turns round where", wide=True),
            Heading(text="matters most", wide=True),
        ),
        rows=tuple(rows),
    )
    return without_repeats(table)

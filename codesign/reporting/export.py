"""Writing charts and tables of a report as files: SVG, PNG or PDF, and CSV or LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from codesign.analysis.answers.answers import Option, value_text
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.formatting import chance_percent, column_label, unit_of
from codesign.analysis.results.naming import Names
from codesign.files import Location, open_folder, with_suffix
from codesign.reporting.charts.base import Figure, picture
from codesign.reporting.charts.sweeps import scatter
from codesign.reporting.forms import Form, TableForm
from codesign.reporting.pieces import Cell, Heading, Table, inert, numeric, table_of, with_rows
from codesign.reporting.sections.contents import sections_of

_PAIRS = (("energy_j", "accuracy"), ("latency_s", "accuracy"), ("energy_j", "latency_s"))
_LONG = 40
"""Most characters of a cell whose column does not break its lines in LaTeX."""
_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{letter: f"{{{letter}}}" for letter in "[*"},  # which would be taken as arguments of the end of a row
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "\n": " ",
        "\r": " ",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": r"$-$",
        "µ": r"$\mu$",
        "μ": r"$\mu$",
        "→": r"$\to$",
        "²": r"$^2$",
        "≥": r"$\ge$",
        "≤": r"$\le$",
        "√": r"$\surd$",
        "τ": r"$\tau$",
        "·": r"$\cdot$",
        "\u00a0": "~",
    }
)


def export(
    table: AnsweredTable, page: Location, *, figures: Form | None = None, tables: TableForm | None = None
) -> dict[str, int]:
    """Write all charts of a report, all tables, or both, into folders next to its page, a path or a URL. Return the
    number of files by the folder's suffix. Raises InputError if a file cannot be written."""
    drawn, told = pieces_of(table) if figures is not None or tables is not None else ([], {})
    files: dict[str, dict[str, bytes]] = {}
    if figures is not None:
        files["figures"] = {f"{one.name}.{figures}": picture(one, figures) for one in drawn}
    if tables is not None:
        ending, text = (".csv", table_csv) if tables == "csv" else (".tex", table_latex)
        files["tables"] = {f"{name}{ending}": text(one).encode() for name, one in told.items()}
    for suffix, of in files.items():
        open_folder(with_suffix(page, f".{suffix}")).write_many(of)
    return {suffix: len(of) for suffix, of in files.items()}


def pieces_of(table: AnsweredTable) -> tuple[list[Figure], dict[str, Table]]:
    """All charts of a report, pairs of objectives first; and all tables by name (section and table), that of the first
    screen first."""
    drawn = list(filter(None, [scatter(table.points, table.names, x=x, y=y) for x, y in _PAIRS]))
    told = {first.name: first for first in with_rows(_decision(table))}
    for section in sections_of(table):
        drawn += [piece for piece in section.body if isinstance(piece, Figure)]
        for place, piece in enumerate((piece for piece in section.body if isinstance(piece, Table)), start=1):
            name = "-".join(filter(None, [section.name, piece.name]))
            told[name if name not in told else f"{name}-{place}"] = piece
    return drawn, told


def _decision(table: AnsweredTable) -> Table:
    """The options of the question that the first screen shows, with all their values."""
    shown = table.decision
    known = dict.fromkeys(column for option in shown.options for column in option.values)
    columns = sorted(known, key=lambda column: column != shown.column)  # what decides comes first
    rows = [_option(option, columns, table.names) for option in shown.options]
    return table_of(shown.question, rows, "decision")


def _option(option: Option, columns: Sequence[str], names: Names) -> dict[Heading, Cell]:
    point = "" if option.point is None else names.point(option.point)
    row = {Heading("option"): Cell(option.label), Heading("point", wide=True): Cell(point)}
    for column in columns:
        value = option.values[column].mean if column in option.values else None
        row[numeric(column_label(column), unit=unit_of(column))] = Cell(value_text(option, column, names), value)
    chance = "" if option.wins is None else chance_percent(option.wins)
    return {
        **row,
        numeric("how often best"): Cell(chance, option.wins),
        Heading("remark", wide=True): Cell(option.obstacle),
    }


def table_csv(table: Table) -> str:
    """The table as CSV, with the texts of the page; each numeric column is repeated as numbers in SI units."""
    numeric = {n: heading for n, heading in enumerate(table.headings) if heading.numeric}
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    headings = [*(h.text for h in table.headings), *(f"{h.text} ({h.unit or 'number'})" for h in numeric.values())]
    rows.writerow(map(inert, headings))
    for row in table.rows:
        numbers = ["" if row[n].order is None else f"{row[n].order:.9g}" for n in numeric]
        rows.writerow([*(inert(cell.text) for cell in row), *numbers])
    return buffer.getvalue()


def table_latex(table: Table) -> str:
    """The table as LaTeX: a `tabular` with its caption, for the package booktabs. Columns with long texts share four
    fifths of the line, within which they break."""
    kinds = ["r" if heading.numeric else "l" for heading in table.headings]
    long = [n for n, kind in enumerate(kinds) if kind == "l" and any(len(row[n].text) > _LONG for row in table.rows)]
    kinds = [rf"p{{{0.8 / len(long):.2f}\linewidth}}" if n in long else kind for n, kind in enumerate(kinds)]
    lines = [[heading.text for heading in table.headings], *([cell.text for cell in row] for row in table.rows)]
    head, *body = [" & ".join(text.translate(_LATEX) for text in line) + r" \\" for line in lines]
    return "\n".join(
        [
            *(r"\begin{table}", r"\centering", rf"\caption{{{table.caption.translate(_LATEX)}}}"),
            *(rf"\begin{{tabular}}{{{''.join(kinds)}}}", r"\toprule", head, r"\midrule", *body),
            *(r"\bottomrule", r"\end{tabular}", r"\end{table}", ""),
        ]
    )

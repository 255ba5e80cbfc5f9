"""Charts and tables of a report as files: SVG, PNG or PDF, and CSV or LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from codesign.analysis.asking import answers_of
from codesign.analysis.naming import names_of
from codesign.analysis.points import gather
from codesign.analysis.table import ResultTable
from codesign.files import Location, join, write_atomically
from codesign.reporting.charts.base import Figure, picture
from codesign.reporting.charts.sweeps import scatter
from codesign.reporting.forms import Form, TableForm
from codesign.reporting.page.sections import sections_of
from codesign.reporting.section import Drawing, Section
from codesign.reporting.tables import Table

__all__ = ["export_figures", "export_tables", "figures_of", "table_csv", "table_latex", "tables_of"]

_PAIRS = (("energy_j", "accuracy"), ("latency_s", "accuracy"), ("energy_j", "latency_s"))
_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
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
        "★": r"$\star$",
        "◆": r"$\diamond$",
        "·": r"$\cdot$",
        "\u00a0": "~",
    }
)


def figures_of(table: ResultTable) -> list[Figure]:
    """Every chart of a report, the pairs of objectives first."""
    points = gather(table)
    names = names_of(points)
    pairs = [scatter(points, names, x=x, y=y) for x, y in _PAIRS]
    drawn = [piece for piece in _pieces(_sections(table)) if not isinstance(piece, Table)]
    return [*filter(None, pairs), *(Figure(name=d.name, title=d.title, spec=d.spec, note=d.note) for d in drawn)]


def tables_of(table: ResultTable) -> dict[str, Table]:
    """Every table of a report's sections, by the section's name and its place in it."""
    found: dict[str, Table] = {}
    for section in _sections(table):
        own = [piece for piece in _pieces([section]) if isinstance(piece, Table)]
        found |= {f"{section.name}-{place}" if len(own) > 1 else section.name: t for place, t in enumerate(own, 1)}
    return found


def export_figures(table: ResultTable, folder: Location, form: Form) -> list[Location]:
    """Write every chart into a folder, a path or a URL.

    Returns:
        The files.

    Raises:
        InputError: a file cannot be written.
    """
    written = []
    for figure in figures_of(table):
        written.append(join(folder, f"{figure.name}.{form}"))
        write_atomically(written[-1], picture(figure, form))
    return written


def export_tables(table: ResultTable, folder: Location, form: TableForm) -> list[Location]:
    """Write every table into a folder, a path or a URL.

    Returns:
        The files.

    Raises:
        InputError: a file cannot be written.
    """
    written = []
    for name, one in tables_of(table).items():
        written.append(join(folder, f"{name}.{'csv' if form == 'csv' else 'tex'}"))
        write_atomically(written[-1], (table_csv(one) if form == "csv" else table_latex(one)).encode())
    return written


def table_csv(table: Table) -> str:
    """A numeric column has its number in SI units as well, in a column of its own."""
    numeric = [n for n, heading in enumerate(table.headings) if heading.numeric]
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*(h.text for h in table.headings), *(f"{table.headings[n].text} (SI)" for n in numeric)])
    for row in table.rows:
        numbers = ["" if row[n].order is None else f"{row[n].order:.9g}" for n in numeric]
        rows.writerow([*(_inert(cell.text) for cell in row), *numbers])
    return buffer.getvalue()


def table_latex(table: Table) -> str:
    """A `tabular` with its caption, for the package booktabs."""
    columns = "".join("r" if heading.numeric else "l" for heading in table.headings)
    lines = [[heading.text for heading in table.headings], *([cell.text for cell in row] for row in table.rows)]
    head, *body = [" & ".join(text.translate(_LATEX) for text in line) + r" \\" for line in lines]
    return "\n".join(
        [
            *(r"\begin{table}", r"\centering", rf"\caption{{{table.caption.translate(_LATEX)}}}"),
            *(rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body),
            *(r"\bottomrule", r"\end{tabular}", r"\end{table}", ""),
        ]
    )


def _inert(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _sections(table: ResultTable) -> tuple[Section, ...]:
    points = gather(table)
    return sections_of(table, points, answers_of(table, points), names_of(points))


def _pieces(sections: Sequence[Section]) -> Iterator[Table | Drawing]:
    for section in sections:
        for piece in section.body:
            if isinstance(piece, Section):
                yield from _pieces([piece])
            elif not isinstance(piece, str):
                yield piece

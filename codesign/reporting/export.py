"""Charts and tables of a report as files: SVG, PNG or PDF, and CSV or LaTeX."""

from __future__ import annotations

import csv
import io

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.table import ResultTable
from codesign.files import Location, join, with_suffix, write_atomically
from codesign.reporting.charts.base import Figure, picture
from codesign.reporting.charts.sweeps import scatter
from codesign.reporting.forms import Form, TableForm
from codesign.reporting.page.sections import sections_of
from codesign.reporting.pieces import Cell, Table, inert, pieces_in

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


def export(
    table: ResultTable, page: Location, *, figures: Form | None = None, tables: TableForm | None = None
) -> list[Location]:
    """Write every chart of a report, every table, or both, into folders beside its page, a path or a URL.

    Returns:
        The files.

    Raises:
        InputError: a file cannot be written.
    """
    written: dict[Location, bytes] = {}
    if figures is not None or tables is not None:
        drawn, told = pieces_of(table)
        if figures is not None:
            folder = with_suffix(page, ".figures")
            written |= {join(folder, f"{one.name}.{figures}"): picture(one, figures) for one in drawn}
        if tables is not None:
            folder, ending = with_suffix(page, ".tables"), "csv" if tables == "csv" else "tex"
            write = table_csv if tables == "csv" else table_latex
            written |= {join(folder, f"{name}.{ending}"): write(one).encode() for name, one in told.items()}
    for place, content in written.items():
        write_atomically(place, content)
    return list(written)


def pieces_of(table: ResultTable) -> tuple[list[Figure], dict[str, Table]]:
    """Every chart of a report, pairs of objectives first; every table, by its section and its name there."""
    answered = AnsweredTable.of(table)
    drawn = list(filter(None, [scatter(answered.points, answered.names, x=x, y=y) for x, y in _PAIRS]))
    told: dict[str, Table] = {}
    for section in sections_of(answered):
        own = list(pieces_in(section))
        drawn += [piece for piece in own if isinstance(piece, Figure)]
        for place, piece in enumerate((piece for piece in own if isinstance(piece, Table)), start=1):
            name = "-".join(filter(None, [section.name, piece.name]))
            told[name if name not in told else f"{name}-{place}"] = piece
    return drawn, told


def table_csv(table: Table) -> str:
    """A numeric column whose texts are more than numbers has these in SI units as well, in a column of its own."""
    numeric = [n for n, heading in enumerate(table.headings) if heading.numeric and not _plain(table, n)]
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    headings = [*(h.text for h in table.headings), *(f"{table.headings[n].text} (SI)" for n in numeric)]
    rows.writerow(map(inert, headings))
    for row in table.rows:
        numbers = [_number(row[n]) for n in numeric]
        rows.writerow([*(inert(cell.text) for cell in row), *numbers])
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


def _plain(table: Table, column: int) -> bool:
    return all(row[column].text == _number(row[column]) for row in table.rows if row[column].order is not None)


def _number(cell: Cell) -> str:
    return "" if cell.order is None else f"{cell.order:.9g}"

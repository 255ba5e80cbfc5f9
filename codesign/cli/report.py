"""`codesign report`."""

from __future__ import annotations

from typing import Annotated

import typer

from codesign.cli.options import place_of, written_to
from codesign.cli.streams import tell
from codesign.files import join, printable, with_suffix
from codesign.hardware.terms import StaticBook
from codesign.reporting.forms import Form, TableForm
from codesign.units import plural

_BookOption = Annotated[
    StaticBook | None,
    typer.Option(
        help="Which static power energies count: that of the whole board, or the share of the cores in use.",
        show_default="as the sweep says",
    ),
]
_FiguresOption = Annotated[
    Form | None,
    typer.Option(help="Also write every chart as a file, into REPORT.figures beside the report.", show_default=False),
]
_TablesOption = Annotated[
    TableForm | None,
    typer.Option(
        help="Also write every table except that of all points as a file, into REPORT.tables beside the report.",
        show_default=False,
    ),
]
_NeuroBenchOption = Annotated[
    bool, typer.Option("--neurobench", help="Also write NeuroBench's metrics, REPORT.neurobench.json.")
]


def report(
    results: Annotated[
        str,
        place_of(
            "RESULTS", "What `codesign sweep` or `study` wrote: its folder, or results.parquet in it; a path or a URL."
        ),
    ],
    output: Annotated[
        str | None,
        written_to(
            "LOCATION",
            "HTML file to write, a path or a URL.",
            "report.html in the folder, or beside the file",
            ends=".html",
        ),
    ] = None,
    static_book: _BookOption = None,
    figures: _FiguresOption = None,
    tables: _TablesOption = None,
    neurobench: _NeuroBenchOption = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the answers as JSON, and draw a report only if another option asks for files."
        ),
    ] = False,
) -> None:
    """Draw the report of a sweep or study again, without running anything."""
    from codesign.analysis.answers.asking import AnsweredTable, json_of
    from codesign.analysis.results.table import read_results, results_file
    from codesign.console import PrintableConsole
    from codesign.reporting.export import export
    from codesign.reporting.html import write_report
    from codesign.reporting.neurobench import export_neurobench
    from codesign.reporting.terminal import print_summary

    file = results_file(results)
    target = output or (with_suffix(file, ".html") if file == results else join(results, "report.html"))
    table = AnsweredTable.of(read_results(results))
    if static_book is not None:
        table = table.in_book(static_book)
    if as_json:
        typer.echo(json_of(table))
        if not (output or figures or tables or neurobench):
            return
    write_report(table, target)
    counts = export(table, target, figures=figures, tables=tables)
    if neurobench:
        export_neurobench(table, target)
    if not as_json:
        print_summary(table, printable(target), printable(file), PrintableConsole())
        for name, count in counts.items():
            tell(f"{name:8} {printable(with_suffix(target, f'.{name}'))}, {plural(count, 'file')}")

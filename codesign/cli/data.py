"""`codesign data`: which datasets are there, and where the others are expected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="List the datasets that are there.", invoke_without_command=True)


@app.callback()
def data(
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder of the datasets; else CODESIGN_DATA, else the configuration file, else ./data."),
    ] = None,
) -> None:
    """List the datasets that are there, and where the others are expected."""
    from codesign.workload.dataset import list_datasets
    from codesign.workload.settings import resolve_data_root

    root = resolve_data_root(data_root)
    statuses = list_datasets(root)
    typer.echo(f"data root: {root.absolute()}" + ("" if root.is_dir() else " (does not exist)"))
    names = max(len(status.name) for status in statuses)
    states = max(len(status.state) for status in statuses)
    for status in statuses:
        typer.echo(f"{status.name:<{names}}  {status.state:<{states}}  {status.title}: {status.detail}")

"""`codesign data`: which datasets are there, where the others are expected, and their download."""

from __future__ import annotations

from typing import Annotated

import typer

from codesign.cli.options import DataRootOption, interruptible
from codesign.cli.streams import tell
from codesign.errors import InputError

app = typer.Typer(
    help="List the datasets found, and where others are expected, or download one.", invoke_without_command=True
)


@app.callback()
def data(context: typer.Context, data_root: DataRootOption = None) -> None:
    """List the datasets found, and where the others are expected."""
    if context.invoked_subcommand is not None:
        context.obj = data_root
        return
    from codesign.workload.dataset import list_datasets, resolve_data_root

    root = resolve_data_root(data_root)
    statuses = list_datasets(root)
    tell(f"data root: {root.absolute()}" + ("" if root.is_dir() else " (does not exist)"))
    names = max(len(status.name) for status in statuses)
    states = max(len(status.state) for status in statuses)
    for status in statuses:
        tell(f"{status.name:<{names}}  {status.state:<{states}}  {status.title}: {status.detail}")


@app.command()
def download(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Dataset, such as nmnist, mnist, shd, dvsgesture or cifar10.")
    ],
    data_root: DataRootOption = None,
) -> None:
    """Fetch a dataset's published files, check them, and put them where sweeps look for them.

    Files that are there already stay as they are. After an interruption, the same command continues.
    """
    from codesign.exploration.runs.shown import choose_progress
    from codesign.workload.dataset import resolve_data_root
    from codesign.workload.datasets.registry import get_dataset
    from codesign.workload.download import download as fetch_all

    dataset = get_dataset(name)
    root = resolve_data_root(data_root if data_root is not None else context.obj)
    status = dataset.status(root)
    if dataset.download is None:
        raise InputError(f"{name}: there is nothing to download; {status.title}: {status.detail}")
    progress = choose_progress()
    with interruptible(progress, f"the same command continues with what is in {root / dataset.download.folder}"):
        fetch_all(dataset.download, root, progress)
    status = dataset.status(root)
    tell(f"{status.name}  {status.state}  {status.title}: {status.detail}")

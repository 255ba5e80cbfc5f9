"""`codesign price`: price a large grid of a chip's numbers on the executions of a sweep."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from codesign.cli.options import DataRootOption, StoreOption, file_of, interruptible, written_to
from codesign.cli.streams import tell
from codesign.units import format_duration, plural


def price(
    file: Annotated[str, file_of("price", "prices_digits")],
    output: Annotated[
        str | None,
        written_to("FOLDER", "Folder on this machine for the points, their front and a page.", "reports/NAME"),
    ] = None,
    store: StoreOption = "reports/.store",
    data_root: DataRootOption = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that compute latencies.", show_default="all cores")
    ] = None,
    replay: Annotated[
        bool, typer.Option(help="Replay all messages for points on the front of a chip without synchronization.")
    ] = True,
) -> None:
    """Price every combination of a chip's numbers on stored executions, and find the best.

    Executions that the store lacks are trained and run first, and kept. An interrupted pricing leaves no file behind;
    run it again.
    """
    from codesign.exploration.pricing.pricing import run_pricing
    from codesign.exploration.pricing.spec import load_prices
    from codesign.exploration.running import RunArguments
    from codesign.exploration.runs.shown import choose_progress

    spec = load_prices(file)
    progress = choose_progress()
    run = RunArguments.of(spec.name, store=store, output=output, data_root=data_root, progress=progress)
    start = time.perf_counter()
    with interruptible(progress, f"nothing was written; finished executions are kept in {run.store.root}"):
        outcome = run_pricing(spec, run, threads=threads, replay=replay)
    models, taken = plural(outcome.models, "model"), format_duration(time.perf_counter() - start)
    tell(f"{plural(outcome.size, 'design point')} on {models} in {taken}; {outcome.on_front:,} on the front")
    for said in (*outcome.best, *outcome.remarks):
        tell(said)
    for name, path in (("page", outcome.page), ("front", outcome.front), ("points", outcome.points)):
        tell(f"{name:7} {path}")

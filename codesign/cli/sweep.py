"""`codesign sweep`: run a declared design space."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from codesign.exploration.executors.base import Executor
    from codesign.exploration.plan import Plan
    from codesign.exploration.progress import Progress
    from codesign.exploration.spec import SweepSpec
    from codesign.exploration.store import Store

__all__ = ["sweep"]


class ExecutorName(StrEnum):
    """Where jobs run."""

    auto = "auto"
    serial = "serial"
    ray = "ray"


def sweep(
    file: Annotated[str, typer.Argument(help="A sweep file, or the name of one that is shipped, such as smoke.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what there is to do, and do nothing.")] = False,
    executor: Annotated[
        ExecutorName, typer.Option(help="auto takes Ray where it saves more time than its start costs.")
    ] = ExecutorName.auto,
    workers: Annotated[int | None, typer.Option(min=1, help="Jobs at once, with Ray on this machine.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="HOST:PORT of a running Ray cluster.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="LOCATION",
            help="Folder for results.parquet and report.html, a path or a URL such as s3://bucket/name.",
            show_default="reports/NAME",
        ),
    ] = None,
    store: Annotated[
        str, typer.Option(metavar="LOCATION", help="Folder in which finished jobs are kept, a path or a URL.")
    ] = "reports/.store",
    data_root: Annotated[Path | None, typer.Option(help="Folder with datasets.", show_default="CODESIGN_DATA")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Train with seeds 0 to N - 1 instead of the file's.")] = None,
) -> None:
    """Train, run and price every design point of a sweep, and write its results and report.

    What is done is kept: run the same command again after an interruption, or after adding to the file.
    """
    from codesign.exploration.library import load_sweep
    from codesign.exploration.spec import Seeds
    from codesign.exploration.store import Store
    from codesign.exploration.sweep import plan_sweep

    spec = load_sweep(file)
    if seeds is not None:
        replaced = Seeds(training=tuple(range(seeds)), evaluation=spec.seeds.evaluation)
        spec = spec.model_copy(update={"seeds": replaced})
    progress = _progress()
    kept = Store(store, on_damage=progress.note)
    if dry_run:
        _show_plan(plan_sweep(spec, data_root=data_root), kept)
        return
    command = f"codesign sweep {shlex.quote(file)}" + (f" --seeds {seeds}" if seeds is not None else "")
    chosen = _executor(executor, workers, ray_address)
    raise typer.Exit(_run(spec, kept, output or f"reports/{spec.name}", chosen, progress, data_root, command))


def _run(
    spec: SweepSpec,
    store: Store,
    output: str,
    executor: Executor | None,
    progress: Progress,
    data_root: Path | None,
    command: str,
) -> int:
    """Exit code: 0, or 1 where points failed, or 130 on an interrupt."""
    from codesign.cli.console import PrintableConsole
    from codesign.exploration.sweep import run_sweep
    from codesign.files import printable
    from codesign.reporting.terminal import print_summary
    from codesign.results import read_results

    try:
        outcome = run_sweep(
            spec,
            store=store,
            output=output,
            executor=executor,
            progress=progress,
            data_root=data_root,
            command=command,
        )
    except KeyboardInterrupt:
        progress.close()
        typer.echo(
            f"interrupted: what is finished is kept in {store.root}; the same command goes on from there", err=True
        )
        return 130
    finally:
        progress.close()
    results, report = printable(outcome.results), printable(outcome.report)
    print_summary(read_results(outcome.results), report, results, PrintableConsole())
    if outcome.failed:
        typer.echo(f"{outcome.failed} of {outcome.failed + outcome.ok} feasible design points failed", err=True)
    return 1 if outcome.failed else 0


def _executor(name: ExecutorName, workers: int | None, address: str | None) -> Executor | None:
    """The executor that was asked for; None leaves the choice to the sweep."""
    from codesign.errors import InputError
    from codesign.exploration.executors.ray import RayExecutor
    from codesign.exploration.executors.serial import SerialExecutor

    wants_ray = workers is not None or address is not None
    if name is ExecutorName.serial:
        if wants_ray:
            raise InputError("--workers and --ray-address need --executor ray")
        return SerialExecutor()
    if name is ExecutorName.ray or wants_ray:
        return RayExecutor(workers=workers, address=address)
    return None


def _progress() -> Progress:
    import sys

    from codesign.cli.console import PrintableConsole
    from codesign.cli.progress import LiveProgress, PlainProgress

    return LiveProgress(PrintableConsole(stderr=True)) if sys.stderr.isatty() else PlainProgress(sys.stderr)


def _show_plan(plan: Plan, store: Store) -> None:
    from codesign.exploration.work import find_work

    work = find_work(plan, store)
    infeasible = [point for point in plan.points if point.jobs is None]
    typer.echo(f"{plan.spec.name}: {plan.spec.title}")
    typer.echo(f"{len(plan.points)} design points, {len(infeasible)} of them infeasible")
    for what, tally in (("train", work.train), ("execute", work.execute), ("price", work.price)):
        typer.echo(f"  {what:8} {tally.to_run:6} to run {tally.in_store:6} in the store")
    reasons: dict[str, str] = {}
    for point in infeasible:
        reasons.setdefault(point.columns["chip"], str(point.reason))
    for chip, reason in reasons.items():
        typer.echo(f"  infeasible on {chip}: {reason}")

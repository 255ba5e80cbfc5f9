"""`codesign sweep`: run a declared design space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from codesign.cli import options
from codesign.cli.streams import tell
from codesign.units import plural

if TYPE_CHECKING:
    from codesign.exploration.definition.composition import Chosen
    from codesign.exploration.plan import Plan


def sweep(
    context: typer.Context,
    file: Annotated[str, options.file_of("sweep", "smoke")],
    dataset: options.DatasetOption = None,
    scale: options.ScaleOption = None,
    dry_run: options.DryRunOption = False,
    executor: options.ExecutorOption = "auto",
    workers: options.WorkersOption = None,
    ray_address: options.RayAddressOption = None,
    output: options.OutputOption = None,
    store: options.StoreOption = "reports/.store",
    data_root: options.DataRootOption = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Train with seeds 0 to N - 1 instead of the file's.")
    ] = None,
    models: options.ModelsOption = False,
    as_json: options.AnswersOption = False,
) -> None:
    """Train, run and price every design point of a sweep, and write its results and report.

    Finished jobs are kept: run the same command again after an interruption, or after adding to the file.
    """
    from codesign.exploration.definition.entries import Seeds
    from codesign.exploration.definition.library import choose_sweep
    from codesign.exploration.definition.spec import SweepSpec
    from codesign.exploration.sweep import plan_sweep, run_sweep

    chosen = choose_sweep(file, SweepSpec, dataset=dataset, scale=scale)
    spec = chosen.spec
    if seeds is not None:
        replaced = Seeds(training=tuple(range(seeds)), evaluation=spec.seeds.evaluation)
        spec = spec.model_copy(update={"seeds": replaced})
    if dry_run:
        show_plan(chosen, plan_sweep(spec, data_root=data_root), store, models=models)
        return
    options.run_to_end(context, run_sweep, spec, chosen=chosen)


_PLACE = ("chip", "schedule", "recipe")
"""What a design point is, with its axes; each of its seeds is a row of results."""


def show_plan(chosen: Chosen[Any], plan: Plan, store: str, *, models: bool = False, more: str = "") -> None:
    """Tell what the plan of a file contains and what remains to run; `more` is told before both."""
    from codesign.exploration.jobs.store import Store
    from codesign.exploration.work import find_work, work_text
    from codesign.hardware.chip.missing import unpriced

    tell("\n".join(filter(None, [": ".join(filter(None, (chosen.spec.name, chosen.spec.title))), chosen.text, more])))
    work = find_work(plan, Store(store, look_only=True), models=models)
    infeasible = [point for point in plan.points if point.jobs is None]
    places = {
        tuple(str(value) for name, value in point.columns.items() if name in _PLACE or name.startswith("axis."))
        for point in plan.points
    }
    rows = f"{plural(len(plan.points), 'row')} of results with their seeds, {len(infeasible)} of them infeasible"
    tell(f"{plural(len(places), 'design point')}, {rows}")
    tell(work_text(work))
    for note in plan.notes:
        tell(f"  {note}")
    left_out = {(point.columns["chip"], point.chip.synchronization.kind): unpriced(point.chip) for point in plan.points}
    for (chip, kind), text in left_out.items():
        if text:
            tell(f"  not modelled on {chip} ({kind}): {text}")
    unable: dict[str, dict[str, str]] = {}
    for point in infeasible:
        unable.setdefault(point.columns["chip"], {}).setdefault(point.columns["topology"], str(point.reason))
    for chip, reasons in unable.items():
        network, reason = next(iter(reasons.items()))
        several = f" with {len(reasons)} of {len(plan.topologies)} networks, such as {network}"
        tell(f"  infeasible on {chip}{several if plan.topologies[1:] else ''}: {reason}")

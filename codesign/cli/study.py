"""`codesign study`: search a design space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from codesign.cli.completion import complete_files
from codesign.cli.options import (
    RESUMABLE,
    AnswersOption,
    DataRootOption,
    DatasetOption,
    ExecutorName,
    ExecutorOption,
    ModelsOption,
    OutputOption,
    RayAddressOption,
    ScaleOption,
    StoreOption,
    WorkersOption,
    command_line,
    explicit_executor,
    interruptible,
    place,
    show_outcome,
)

if TYPE_CHECKING:
    from codesign.exploration.study.spec import StudySpec

__all__ = ["study"]

_DECISIVE = ("file", "dataset", "scale", "trials", "sampler")
"""Parameters on which the results depend; where they are kept and what runs the jobs are not part of them."""


FileArgument = Annotated[
    str,
    typer.Argument(
        parser=place,
        metavar="FILE",
        help="A study file, or the name of a shipped one.",
        autocompletion=complete_files("study"),
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        parser=place,
        metavar="URL",
        help="Optuna storage of the trials, such as sqlite:///trials.db.",
        show_default="journal.log in the output folder",
    ),
]


def study(
    context: typer.Context,
    file: FileArgument,
    dataset: DatasetOption = None,
    scale: ScaleOption = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Budget in trials, including those of earlier runs, instead of the file's."),
    ] = None,
    sampler: Annotated[str | None, typer.Option(help="Sampler, such as random, instead of the file's.")] = None,
    storage: StorageOption = None,
    executor: ExecutorOption = ExecutorName.auto,
    workers: WorkersOption = None,
    ray_address: RayAddressOption = None,
    output: OutputOption = None,
    store: StoreOption = "reports/.store",
    data_root: DataRootOption = None,
    models: ModelsOption = False,
    as_json: AnswersOption = False,
) -> None:
    """Search recipes, schedules and chips for the best trade-offs, then test what was found on untouched data.

    Finished jobs are kept: run the same command again after an interruption, or with a larger budget. While it runs,
    `optuna-dashboard reports/NAME/journal.log` shows the trials.
    """
    from codesign.exploration.library import choose_sweep
    from codesign.exploration.runs.shown import choose_progress
    from codesign.exploration.store import Store
    from codesign.exploration.study.spec import StudySpec
    from codesign.exploration.study.storage import StudyPlaces
    from codesign.exploration.study.study import run_study
    from codesign.exploration.sweep import Commands
    from codesign.exploration.workloads import Workloads

    chosen = choose_sweep(file, StudySpec, dataset=dataset, scale=scale)
    spec = _changed(chosen.spec, trials, sampler)
    progress = choose_progress()
    kept = Store(store, on_damage=progress.note)
    if chosen.text:
        progress.note(f"{spec.name}: {chosen.text}")
    with interruptible(progress, RESUMABLE.format(store=kept.root)):
        outcome = run_study(
            spec,
            store=kept,
            output=StudyPlaces(name=spec.name, output=output or f"reports/{spec.name}", url=storage),
            executor=explicit_executor(executor, workers, ray_address, progress),
            progress=progress,
            workloads=Workloads(data_root=data_root),
            commands=Commands(
                again=command_line(context, chosen.options, only=_DECISIVE),
                resume=command_line(context, chosen.options),
            ),
            models=models,
        )
    raise typer.Exit(show_outcome(outcome, as_json=as_json))


def _changed(spec: StudySpec, trials: int | None, sampler: str | None) -> StudySpec:
    """The study with what the command line says instead of the file."""
    from codesign.errors import InputError
    from codesign.exploration.study.samplers import sampler_problem
    from codesign.exploration.study.spec import SamplerEntry

    update: dict[str, Any] = {} if trials is None else {"budget": spec.budget.model_copy(update={"trials": trials})}
    if sampler is not None:
        constrained = bool(spec.constraints) or spec.fidelity is not None
        problem = sampler_problem(sampler, objectives=len(spec.objectives), constrained=constrained)
        if problem is not None:
            raise InputError(f"--sampler: {problem}")
        update["sampler"] = SamplerEntry(name=sampler, seed=spec.sampler.seed)
    return spec.model_copy(update=update)

"""`codesign study`: search a design space."""

from __future__ import annotations

from typing import Annotated

import typer

from codesign.cli import options
from codesign.cli.sweep import show_plan


def study(
    context: typer.Context,
    file: Annotated[str, options.file_of("study", "study_digits")],
    dataset: options.DatasetOption = None,
    scale: options.ScaleOption = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Number of trials, including those of earlier runs, instead of the file's budget."),
    ] = None,
    dry_run: options.DryRunOption = False,
    executor: options.ExecutorOption = "auto",
    workers: options.WorkersOption = None,
    ray_address: options.RayAddressOption = None,
    output: Annotated[
        str | None,
        options.written_to(
            "FOLDER", "Folder on this machine for results, report and the journal of trials.", "reports/NAME"
        ),
    ] = None,
    store: options.StoreOption = "reports/.store",
    storage: Annotated[
        str | None,
        typer.Option(
            parser=options.place,
            metavar="URL",
            help="Optuna's storage of the trials, such as sqlite:///trials.db.",
            show_default="journal.log in the output folder",
        ),
    ] = None,
    data_root: options.DataRootOption = None,
    models: options.ModelsOption = False,
    as_json: options.AnswersOption = False,
) -> None:
    """Search recipes, schedules and chips for the best trade-offs, then test what was found on untouched data.

    Finished jobs are kept: run the same command again after an interruption, or with a larger budget. While it runs,
    `optuna-dashboard reports/NAME/journal.log` shows the trials.
    """
    from codesign.exploration.definition.library import choose_sweep
    from codesign.exploration.study.spec import StudySpec
    from codesign.exploration.study.study import plan_baseline, run_study

    chosen = choose_sweep(file, StudySpec, dataset=dataset, scale=scale)
    spec = chosen.spec.with_trials(trials)
    if dry_run:
        most = "" if spec.budget.trials is None else f" of {spec.budget.trials:,}"
        plan = plan_baseline(spec, data_root=data_root)
        told = f"one trial{most}, the baseline, on validation samples:"
        show_plan(chosen, plan, store, more=told)
        return
    options.run_to_end(context, run_study, spec, chosen=chosen)

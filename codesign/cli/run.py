"""`codesign run`: what a trained model does on chips."""

from __future__ import annotations

from typing import Annotated

import typer

from codesign.cli import options


def run(
    context: typer.Context,
    model: Annotated[
        str, options.place_of("MODEL", "A model file, written by a sweep, `codesign import` or `codesign export`.")
    ],
    data: Annotated[
        str,
        typer.Option(
            parser=options.place,
            metavar="DATA",
            help="Samples with labels: an .npz or HDF5 file or a folder of your own, or the name of a dataset. "
            "Without an array `split` in the file, only a seventh of it is tested. Data that the model was trained on "
            "keeps the timesteps and split of the training.",
            show_default=False,
        ),
    ],
    chips: Annotated[
        list[str],
        typer.Option(
            parser=options.place,
            metavar="CHIP...",
            help="Names of chips, or your own files, one after the other.",
            autocompletion=options.complete_chips,
            show_default=False,
        ),
    ],
    more_chips: Annotated[
        list[str] | None, typer.Argument(parser=options.place, metavar="CHIP", hidden=True, show_default=False)
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Only the first N test samples.", show_default="all")
    ] = None,
    real_time: Annotated[
        bool,
        typer.Option(
            "--real-time",
            help="Let each sample take as long as its recording: energies include the power that chips draw while they "
            "wait for events.",
        ),
    ] = False,
    output: options.OutputOption = None,
    store: options.StoreOption = "reports/.store",
    data_root: options.DataRootOption = None,
    as_json: options.AnswersOption = False,
) -> None:
    """Show accuracy, energy and latency of a trained model on chips, with and without layers that wait.

    Chips whose layers always wait run that way only, all others both ways. The report is that of a sweep.
    """
    from functools import partial

    from codesign.exploration.model_sweep import sweep_of_model
    from codesign.exploration.sweep import run_sweep

    spec = sweep_of_model(model, data, [*chips, *(more_chips or ())], samples=samples, real_time=real_time)
    options.run_to_end(context, partial(run_sweep, kind="run"), spec)

"""`codesign import` and `codesign export`: models of other frameworks, in NIR or lava's own files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codesign.cli.options import place, place_of, written_to
from codesign.cli.streams import tell
from codesign.errors import InputError
from codesign.files import Location, open_file, printable, with_suffix

if TYPE_CHECKING:
    from codesign.models.file import LoadedModel


_OF_ALL = ("model", "dialect", "check", "output")
"""Parameters of all dialects; the others are for what some files leave open."""


def _said(help: str) -> Any:
    """An option for something that a file may leave open."""
    return typer.Option(metavar="VALUE", help=help, show_default=False)


DialectOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What wrote the file: snntorch, spikingjelly, norse, sinabs, rockpool, lava, or plain (NIR's equations).",
        show_default="as the file says",
    ),
]


CheckOption = Annotated[
    str | None,
    typer.Option(
        parser=place,
        metavar="FILE",
        help="Input and spikes recorded in the framework, to compare with: .npz or HDF5.",
        show_default=False,
    ),
]


def import_model(
    context: typer.Context,
    model: Annotated[str, place_of("MODEL", "A NIR file or lava's .net, a path or a URL.")],
    dialect: DialectOption = None,
    dt: Annotated[str | None, _said("Length of a timestep, such as 1 ms.")] = None,
    reset: Annotated[str | None, _said("How a neuron resets: zero, subtract or value.")] = None,
    reset_delay: Annotated[str | None, _said("Whether a reset waits for the next timestep: true or false.")] = None,
    v_reset: Annotated[str | None, _said("Potential after a reset.")] = None,
    comparison: Annotated[str | None, _said("When a neuron fires: > or >=.")] = None,
    most_spikes: Annotated[str | None, _said("Most spikes of a neuron in a timestep, or unlimited.")] = None,
    floor: Annotated[str | None, _said("Lowest potential, or none.")] = None,
    norm_input: Annotated[
        str | None, _said("Whether the input is scaled by the leak, or by dt without a leak.")
    ] = None,
    tau_syn: Annotated[str | None, _said("Time constant of the synapse, or none.")] = None,
    bias: Annotated[str | None, _said("Bias of the neurons.")] = None,
    export_dt: Annotated[str | None, _said("The dt that the export was called with, such as 0.1 ms.")] = None,
    cell_dt: Annotated[str | None, _said("Timestep of norse's cells.")] = None,
    decay: Annotated[str | None, _said("How NIR's equations are solved: exponential or euler.")] = None,
    check: CheckOption = None,
    output: Annotated[
        str | None, written_to("FILE", "Model file to write. Only a file named here is replaced.", "MODEL.safetensors")
    ] = None,
) -> None:
    """Read a model of another framework, so that it does here what it did there, spike for spike.

    Options say what the file leaves open. Nothing is guessed: one message names all options that are missing. An option
    has one value for all layers, or one for each, separated by commas. With --check, the exit code is 1 if any recorded
    spikes differ, and nothing is written if they differ by more than rounding.
    """
    from codesign.models.file import save_model
    from codesign.models.nir.importing import import_model as read

    options = {name: value for name, value in context.params.items() if name not in _OF_ALL}
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # `_tell` says the same
        loaded = read(model, dialect=dialect, check=check, **options)
    certificate = loaded.card.certificate
    agrees = certificate is None or certificate.agrees
    _tell(loaded)
    if agrees or (certificate is not None and certificate.within_rounding and certificate.better is None):
        path = output or _beside(model, ".safetensors", ".md")
        save_model(path, loaded.network, loaded.card)
        tell(f"model    {printable(path)}")
    else:
        tell("model    not written: it differs from the recording", err=True)
    if not agrees:
        raise typer.Exit(1)


def _tell(loaded: LoadedModel) -> None:
    from codesign.network.topology import topology_text

    network, card = loaded.network, loaded.card
    tell(f"network  {topology_text(network.shape)}, {network.shape.neurons:,} neurons")
    if card.imported is not None and card.imported.lost:
        tell(f"note     {card.imported.lost}", err=True)
    said = "not checked; --check compares them with recorded ones"
    tell(f"spikes   {said if card.certificate is None else card.certificate.summary}")


def _beside(model: Location, *suffixes: str) -> Location:
    """The first of the files with these suffixes next to a model, of which none may exist."""
    places = [with_suffix(model, suffix) for suffix in suffixes]
    for there in places:
        folder, name = open_file(there)
        if folder.size(name) is not None:
            given = "it" if there == places[0] else printable(places[0])
            told = f"already exists; give {given} as --output to replace it, or give another name"
            raise InputError(f"{printable(there)}: {told}")
    return places[0]


def export_model(
    model: Annotated[str, place_of("MODEL", "A model's file, a path or a URL.")],
    dialect: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What will read it: snntorch, spikingjelly, norse, sinabs, rockpool, or plain (NIR's equations).",
        ),
    ] = "plain",
    output: Annotated[
        str | None, written_to("FILE", "File to write. Only a file named here is replaced.", "MODEL.nir", ends=".nir")
    ] = None,
) -> None:
    """Write a model for other frameworks, as NIR. `codesign import` reads it back to the last bit."""
    from codesign.models.file import load_model
    from codesign.models.nir.readers import reader_of
    from codesign.models.nir.written import export_model as write

    loaded = load_model(model)
    path = output or _beside(model, ".nir")
    beyond = write(path, loaded.network, loaded.card, dialect)
    tell(f"nir      {printable(path)}")
    reader = reader_of(dialect)
    if reader is not None and reader.takes_dt:
        tell(f"note     its times are for the usual dt of {dialect}'s reader: read it without a dt", err=True)
    if beyond:
        told = "cannot say this, so other readers run other neurons; `codesign import` restores these"
        tell(f"note     {', '.join(beyond)}: NIR's equations {told}", err=True)

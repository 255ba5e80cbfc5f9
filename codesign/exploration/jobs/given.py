"""Given models of a sweep, which are evaluated as they are or trained further.

Their network is the network of the sweep, whose file must not state it. Several models must have the same network.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from codesign.analysis.results.formatting import listed
from codesign.documents import Path_
from codesign.errors import CodesignError
from codesign.exploration.definition.network import NetworkEntry
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.deployments import quantization_assumptions
from codesign.exploration.jobs.encoding import encode_state
from codesign.files import read_file
from codesign.files.once import once, reading_once
from codesign.hardware.chip.quantization import chip_quantization
from codesign.hardware.cost.assumptions import learned_assumptions, neuron_assumptions
from codesign.hardware.placement.placement import Placement
from codesign.models.card import ModelCard
from codesign.network.layers import Linear
from codesign.network.neuron import SCALED, NeuronSpec
from codesign.network.topology import input_grid
from codesign.network.window import Grid
from codesign.training.learn import Sharing
from codesign.training.model_file import ModelFile
from codesign.training.recipe import Recipe
from codesign.units import HELD_IN_SI
from codesign.workload.dataset import WorkloadOutline
from codesign.workload.datasets.base import OPTIONS
from codesign.workload.spec import WorkloadSpec

if TYPE_CHECKING:
    from codesign.models.file import LoadedModel
    from codesign.network.spiking_network import SpikingNetwork


@dataclass(frozen=True, kw_only=True)
class GivenModel:
    """A model from a file, which a training begins with or, if it is not trained further, returns at once.

    Attributes:
        digest: hash of the state.
        state: the state as bytes, as in the store.
    """

    digest: str
    trains: bool
    state: bytes = field(compare=False, repr=False)
    card: ModelCard = field(compare=False, repr=False)


_OF_TEST = ("split", "seed", "test")
"""Options that decide whether a model may have been trained on test samples."""
_OPTIONS = (*(name for name in OPTIONS if name not in ("file", "folder")), "split", "seed", "validation", "test")
"""Options that decide the samples of a dataset, including those of `_OF_TEST`."""

Loaded = Mapping[str, tuple[str, "LoadedModel"]]
"""By recipe: the parameter that names a model, and the model."""


@reading_once()
def load_given(spec: SweepSpec) -> Loaded:
    """The models that recipes name. Raises InputError with all models that cannot be read, each at its line."""
    loaded: dict[str, tuple[str, LoadedModel]] = {}
    mistakes: list[tuple[Path_, str]] = []
    for name, recipe in spec.recipes.items():
        for parameter, entry in (("model", recipe.model), ("from", recipe.from_)):
            if entry is None:
                continue
            try:
                read = partial(load_model_file, entry)
                loaded[name] = parameter, once("model", entry.model_dump_json(), read)
            except CodesignError as error:
                lines = (" ".join(line.split()) for line in str(error).splitlines())
                mistakes.append((("recipes", name, parameter), "; ".join(lines)))
    if mistakes:
        raise spec.refusal(mistakes)
    return loaded


def load_model_file(entry: ModelFile) -> LoadedModel:
    """The model in a file of any supported format. Raises InputError if it cannot be read."""
    # Imported here, so that sweeps without such files do not wait for torch.
    from codesign.models.file import load_model
    from codesign.models.nir.importing import import_model

    start = read_file(entry.file)
    hdf5 = start is not None and start[:8] == b"\x89HDF\r\n\x1a\n"
    if hdf5 or entry.dialect is not None or entry.options:
        return import_model(entry.file, dialect=entry.dialect, **entry.options)
    return load_model(entry.file)


def with_given_network(spec: SweepSpec, loaded: Loaded, workload: WorkloadOutline) -> SweepSpec:
    """The sweep with the network of its models, which network and workload of the file must fit."""
    if not loaded:
        return spec
    mistakes = list(_mistakes(spec, loaded, workload))
    if mistakes:
        raise spec.refusal(mistakes)
    _, model = next(iter(loaded.values()))
    neuron = NeuronSpec.model_validate(dict(model.network.neuron), context=HELD_IN_SI)  # with all parameters set
    topology = {name: value for name, value in model.network.topology if name in NetworkEntry.model_fields}
    entry = NetworkEntry.model_construct(_fields_set={*topology, "neuron"}, **topology, neuron=neuron)
    return spec.model_copy(update={"network": entry})


def _mistakes(spec: SweepSpec, loaded: Loaded, workload: WorkloadOutline) -> Iterator[tuple[Path_, str]]:
    first_name, (_, first) = next(iter(loaded.items()))
    for name, (parameter, model) in loaded.items():
        network, where = model.network, ("recipes", name, parameter)
        source, classes = input_grid(network.topology), network.shape.layers[-1].neurons
        flat = isinstance(network.topology.layers[0], Linear)
        fits = math.prod(source) == math.prod(workload.input_grid) if flat else source == workload.input_grid
        if not fits or classes != workload.classes:
            here = f"workload '{spec.workload.name}' has {_inputs(workload.input_grid)} and {workload.classes} classes"
            file, why = spec.workload.file, ""
            if file is not None and classes != workload.classes:
                of_file = "without an array `classes`, their number is the file's largest label plus 1"
                why = "; each label of a folder is a class" if os.path.isdir(file) else f"; {of_file}"
            yield where, f"takes {_inputs(source)} and has {classes} classes; {here}{why}"
        if not (math.isclose(network.timestep_s, workload.timestep_s) or network.timeless):
            here = f"those of workload '{spec.workload.name}' last {workload.timestep_s:g} s"
            yield where, f"decays by {network.timestep_s:g} s a timestep, and {here}"
        if (network.topology, network.neuron) != (first.network.topology, first.network.neuron):
            yield where, f"has another network than that of recipe '{first_name}'; give it a sweep of its own"
    for part in sorted({"topology", "hidden", "layers", "neuron"} & spec.network.model_fields_set):
        yield (("network", part), f"is that of the model of recipe '{first_name}'; remove it here")


def _inputs(grid: Grid) -> str:
    """`2,312 inputs (2 × 34 × 34)`."""
    form = " × ".join(str(size) for size in grid)
    return f"{math.prod(grid):,} inputs" + (f" ({form})" if sum(size > 1 for size in grid) > 1 else "")


def other_data(loaded: Loaded, workload: WorkloadSpec, outline: WorkloadOutline) -> dict[str, str]:
    """Sentences by recipe about models that are evaluated on data prepared differently from their training data, or
    that may have been trained on test samples. A card may not name its model's data, and other datasets are compared by
    timesteps and grid only. Splits that test on a dataset's official test part never train on it, however they are
    drawn."""
    said = {}
    for name, (parameter, model) in loaded.items():
        card, told = model.card, list[str]()
        model_of = f"that recipe '{name}' trains further" if parameter == "from" else f"of recipe '{name}'"
        for data, again in ((card.data, parameter == "from"), *((earlier, True) for earlier in card.earlier_data)):
            if data is None or data.fingerprint == outline.fingerprint:
                continue
            if again and outline.official and data.options.split in (None, "official"):
                continue
            pairs: dict[str, Sequence[object]] = {} if again else {"timesteps": (data.timesteps, outline.timesteps)}
            grids = card.input_grid or (1, 1, 1), outline.input_grid
            if not again and all(grid[:2] != (1, 1) for grid in grids):  # flat inputs may have any form
                pairs["grid"] = ["x".join(map(str, grid)) for grid in grids]
            if data.options.name == workload.name:
                options = _OF_TEST if again else _OPTIONS
                pairs |= {option: (getattr(data.options, option), getattr(workload, option)) for option in options}
            differing = {option: pair for option, pair in pairs.items() if pair[0] != pair[1]}
            trained, here = (_listed({option: pair[side] for option, pair in differing.items()}) for side in (0, 1))
            if differing:
                told.append(
                    f"the model {model_of} was trained on '{data.options.name}' with {trained}, and is evaluated on "
                    f"'{workload.name}' with {here}{'; it may know test samples' * again}"
                )
            elif _unmoved(data.options) == _unmoved(workload):  # such as a file that has grown
                others = f"the events of '{workload.name}' differ from those that the model {model_of} was"
                means = "timesteps and split are as in its training" if outline.official else "it may know test samples"
                told.append(f"{others} trained on; {means}")
        if told:
            said[name] = "; ".join(told)
    return said


def data_name(workload: WorkloadSpec) -> tuple[str, str]:
    """Name of the data, independent of its location."""
    return workload.name, os.path.basename(os.path.abspath(workload.file or ""))  # a folder may end in /


def _unmoved(workload: WorkloadSpec) -> WorkloadSpec:
    return workload.model_copy(update={"file": data_name(workload)})


def _listed(options: Mapping[str, object]) -> str:
    return listed([f"usual {name}" if value is None else f"{name} {value}" for name, value in options.items()])


def sharing_of(network: SpikingNetwork) -> dict[str, Sharing]:
    """Which of `threshold` and `time_constant` vary between the neurons of a network: by layer or by neuron."""
    own: dict[str, Sharing] = {}
    for name in ("threshold", "time_constant"):
        numbers = getattr(network, name)
        if len(numbers.unique()) > 1:
            alike = all(len(numbers[neurons].unique()) == 1 for neurons in network.layer_slices)
            own[name] = "layer" if alike else "neuron"
    return own


def own_numbers(
    recipe: Recipe, neuron: NeuronSpec, given: SpikingNetwork | None
) -> tuple[dict[str, Sharing], dict[str, str]]:
    """Neuron parameters of the models of a recipe, which may start from a given network. By name: those of which each
    layer or each neuron has its own; and those that differ from the file's, in words."""
    sharing, own = ({}, {}) if given is None else (sharing_of(given), {**given.own_numbers()})
    for name, each in recipe.learn.shared.items() if recipe.learn is not None else ():
        sharing[name] = "neuron" if sharing.get(name) == "neuron" else each
        own[name] = f"one learned for each {sharing[name]}"
    if recipe.calibration is not None:
        own |= {name: "calibrated ones" for name in SCALED if name in own or name in neuron.features}
    return sharing, own


def own_assumptions(network: SpikingNetwork, placement: Placement, *, refractory: bool) -> Iterator[str]:
    """Assumptions about features that a network, with the chip's bits, needs and the chip does not have or state;
    `refractory` as in `neuron_assumptions`."""
    chip = placement.chip
    yield from quantization_assumptions(chip, "chip", chip_quantization(chip))
    yield from neuron_assumptions(chip, network.neuron, own=network.own_numbers(), refractory=refractory)
    yield from learned_assumptions(placement, sharing_of(network))


def given_models(loaded: Loaded) -> dict[str, GivenModel]:
    """The given models by recipe."""
    given: dict[str, GivenModel] = {}
    for name, (parameter, model) in loaded.items():
        state = model.network.state_dict()
        digest = hashlib.sha256()
        for key in sorted(state):
            digest.update(f"{key} {tuple(state[key].shape)} {state[key].dtype} ".encode())
            digest.update(state[key].contiguous().numpy().tobytes())
        given[name] = GivenModel(
            digest=digest.hexdigest(), trains=parameter == "from", state=encode_state(state), card=model.card
        )
    return given

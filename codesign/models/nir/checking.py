"""Checking that an imported network behaves like the original: it gets recorded input, and spikes of layers are
compared. docs/models.md (Whether it does the same) has the form of a record.

A difference is within rounding if the potential is closer to the threshold than 24-bit numbers can resolve, as for sums
added in another order. A difference causes others, so only the first differences of each sample count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Floats
from codesign.errors import InputError
from codesign.files import Location, printable
from codesign.files.opening import local_path
from codesign.models.card import Certificate
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.neuron_record import NeuronRecord, record
from codesign.workload.datasets.array_file import ENDINGS, open_arrays, read_whole
from codesign.workload.events import EventBatch

INPUT = "input"
_ROUNDING = 2.0**-20
"""Relative to the threshold: rounding of a sum of a few hundred float32 numbers of its size."""
_MOST_AT_ONCE = 1 << 26
"""Most numbers of a record held at once."""


def read_record(path: Location, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The arrays of a record of layers with these names. Raises DataError if it is not on this machine, and InputError
    if it is not such a file."""
    here = local_path(path, InputError)
    if here is None or here.suffix not in ENDINGS:
        raise InputError(f"{printable(path)}: must be a file of this machine that ends in {', '.join(ENDINGS)}")
    known = [INPUT, *_places(names)]
    with open_arrays(here, known) as columns:
        return {name: read_whole(here, name, column) for name, column in columns.items()}


def check_spikes(
    network: SpikingNetwork, names: Sequence[str], recorded: Mapping[str, NDArray[np.generic]], *, source: str
) -> Certificate:
    """Compare with a record of the model, in arrays as above; `names` are those of the layers in order, `source` is for
    the certificate. Raises InputError that names an array that does not fit."""
    places = _places(names)
    unknown = sorted(set(recorded) - {INPUT, *places})
    if INPUT not in recorded or unknown or len(recorded) < 2:
        found = ", ".join(sorted(recorded)) or "nothing"
        raise InputError(
            f"{source}: must hold '{INPUT}' and what layers did, named {', '.join(names)} or layer0, layer1, …, "
            f"found {found}"
        )
    given = _rows(source, INPUT, recorded[INPUT], network.shape.input_size)
    readout = len(names) - 1 if network.neuron.readout == "potential" else None
    layers = {
        at: _rows(source, name, recorded[name], network.shape.layers[at].neurons, given.shape[:2], at != readout)
        for name, at in places.items()
        if name in recorded
    }
    potentials = layers.pop(readout, None) if readout is not None else None
    firsts: list[tuple[tuple[int, int, int], bool, str]] = []
    differing, apart, largest = 0, 0.0, 0.0
    at_once = max(1, _MOST_AT_ONCE // (given.shape[1] * network.shape.neurons))
    for start in range(0, len(given), at_once):
        part = slice(start, start + at_once)
        events = EventBatch.from_dense(
            given[part],
            np.zeros(len(given[part]), dtype=np.int64),
            timestep_s=network.timestep_s,
            currents=bool((given < 0).any() or (given != np.floor(given)).any()),
        ).with_grid(None)  # recordings are flat
        ours = record(network, events)
        wanted = {layer: array[part] for layer, array in layers.items()}
        for layer, spikes in wanted.items():
            differing += int(np.abs(ours.spikes[:, :, network.layer_slices[layer]] - spikes).sum())
        firsts += _first_differences(network, names, start, ours, wanted)
        if potentials is not None:
            left = ours.potentials[:, :, network.layer_slices[-1]]
            apart = max(apart, float(np.abs(left - potentials[part]).max()))
            largest = max(largest, float(np.abs(potentials[part]).max()))
    return Certificate(
        source=source,
        samples=given.shape[0],
        timesteps=given.shape[1],
        layers=tuple(names[layer] for layer in sorted([*layers, *([] if potentials is None else [len(names) - 1])])),
        recorded_spikes=sum(int(array.sum()) for array in layers.values()),
        differing_spikes=differing,
        first_difference=min(firsts)[-1] if firsts else None,
        within_rounding=all(near for _, near, _ in firsts) if firsts else None,
        potential_difference=None if potentials is None else apart,
        largest_potential=None if potentials is None else largest,
    )


def _places(names: Sequence[str]) -> dict[str, int]:
    """Layers by the possible names of their arrays; a node's name, which may be anything, comes first."""
    own = {name: at for at, name in enumerate(names) if name != INPUT}
    return {f"layer{at}": at for at in range(len(names))} | own


def _first_differences(
    network: SpikingNetwork, names: Sequence[str], start: int, ours: NeuronRecord, recorded: Mapping[int, Floats]
) -> Iterator[tuple[tuple[int, int, int], bool, str]]:
    """The first difference of each sample that has one: its timestep, layer and sample (counted from `start`); whether
    everything that differs there is within rounding; and the difference in words."""
    first: dict[int, tuple[int, int]] = {}
    for layer, wanted in recorded.items():
        differs = (ours.spikes[:, :, network.layer_slices[layer]] != wanted).any(axis=2)
        for sample in np.flatnonzero(differs.any(axis=1)).tolist():
            at = int(differs[sample].argmax()), layer
            first[sample] = min(first.get(sample, at), at)
    for sample, (timestep, layer) in first.items():
        neurons = network.layer_slices[layer]
        spikes, wanted = ours.spikes[sample, timestep, neurons], recorded[layer][sample, timestep]
        potentials, threshold = ours.highest[sample, timestep, neurons], network.threshold[neurons].numpy()
        most = network.neuron.of_layers("most_spikes", len(names))[layer]
        others = np.flatnonzero(spikes != wanted)
        nearest = np.clip(np.round(potentials / threshold), 1, most) * threshold
        near = bool((np.abs(potentials - nearest) <= _ROUNDING * nearest)[others].all())  # False for NaN
        at = others[0]
        reached = "v was not compared" if np.isnan(potentials[at]) else f"v = {potentials[at]:.9g}"
        text = (
            f"layer {names[layer]}, timestep {timestep}, sample {start + sample}, neuron {at}: "
            f"{spikes[at]} spikes here, {wanted[at]:.0f} recorded; {reached}, threshold {threshold[at]:.9g}"
        )
        yield (timestep, layer, start + sample), near, text


def _rows(
    source: str,
    name: str,
    array: NDArray[np.generic],
    size: int,
    first: tuple[int, ...] | None = None,
    spikes: bool = False,
) -> Floats:
    """(samples, timesteps, size) numbers."""
    fits = array.ndim >= 2 and array.dtype.kind in "biuf" and math.prod(array.shape[2:]) == size and array.size
    if not fits or (first is not None and array.shape[:2] != first):
        samples = "samples, timesteps" if first is None else f"{first[0]}, {first[1]}"
        raise InputError(f"{source}: {name} must be numbers of shape ({samples}, {size}), found {array.shape}")
    rows = array.reshape(*array.shape[:2], size).astype(np.float64)
    if not np.isfinite(rows).all():
        raise InputError(f"{source}: {name} holds numbers that are not finite")
    if spikes and ((rows < 0).any() or (rows != np.floor(rows)).any()):
        raise InputError(f"{source}: {name} must be numbers of spikes, found negative ones or fractions")
    return rows

"""Calibrating a trained network's thresholds for a schedule that it was not trained with, without gradients.

Multiplying the threshold of a layer by θ is equivalent to dividing everything that enters its potentials by θ: its
incoming weights, its bias and whatever else of its neurons is a potential (`SCALED`). So a calibrated model is an
ordinary model of the same topology and threshold. docs/design.md (Calibration) says why, and where this is not exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn import functional

from codesign.arguments import instance
from codesign.arrays import Integers
from codesign.network.neuron import SCALED
from codesign.network.quantization import Quantization, quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import DEFAULT_ENGINE, simulate
from codesign.simulation.schedule import Schedule
from codesign.training.evaluation import evaluate
from codesign.training.recipe import Calibration
from codesign.workload.events import EventBatch

_WIDEST = 8.0
"""Scales lie between 1 over this and this."""
_HALVINGS = 12
_CLOSE = 0.01
_STEPS = (2.0**0.5, 2.0**0.25)
_ROUNDS = 2
_BATCH = 256


@torch.no_grad()
def calibrate(
    network: SpikingNetwork,
    calibration: Calibration,
    training: EventBatch,
    *,
    trained_through: Schedule,
    quantization: Quantization | None = None,
    seed: int,
    engine: str = DEFAULT_ENGINE,
) -> tuple[float, ...]:
    """Scale the thresholds of a trained network's layers, in place, for the schedule of a calibration.

    `network.threshold` stays: what enters a layer's potentials, its weights and biases, is divided by θ, which is the
    same. Scales lie between 1/8 and 8; `matching` ends for a layer when its number of spikes is right to one percent.

    Args:
        training: the training split, of which the first `calibration.samples` are run; do not use another split.
        trained_through: the schedule used in training.
        quantization: quantization with which the network will be run and for which scales are found; the network keeps
            its float weights.
        seed: determines the schedules' random draws.

    Returns:
        θ of each layer, first hidden layer to output layer.

    Raises:
        InputError: the schedule does not fit the network, or a weight is no parameter of its own.
    """
    instance("calibration", calibration, Calibration)
    samples = training.select(slice(0, calibration.samples))
    thresholds = Thresholds(network, quantization)

    def emitted(schedule: Schedule) -> Integers:
        """(L,) number of spikes of each layer."""
        counted = evaluate(network, samples, schedule, seed=seed, batch_size=_BATCH, engine=engine, warn=False)
        return np.asarray(counted.emitted.sum(axis=0))

    def cross_entropy() -> float:
        total = 0.0
        for batch in samples.batches(_BATCH):
            logits = simulate(network, batch, calibration.schedule, seed=seed, counters=False, engine=engine).logits
            labels = torch.from_numpy(batch.labels.copy()).to(logits.device)
            total += float(functional.cross_entropy(logits, labels, reduction="sum"))
        return total / len(samples)

    drained = calibration.schedule.drained()
    scales = [1.0] * len(network.shape.layers)
    try:
        matched = _matched(thresholds, lambda: emitted(drained), emitted(trained_through))
        scales = _descended(thresholds, cross_entropy, matched) if calibration.criterion == "cross_entropy" else matched
    finally:  # after an error or Ctrl-C as before
        thresholds.leave(scales)
    return tuple(scales)


class Thresholds:
    """The thresholds of a network's layers, first to last, as multiples of their current values."""

    def __init__(self, network: SpikingNetwork, quantization: Quantization | None = None) -> None:
        self._network, self._quantization = network, quantization
        self._weights = [weight.detach().clone() for weight in network.own_weights()]
        numbers = {name: getattr(network, name) for name in SCALED}
        self._of_neurons = {name: held.detach().clone() for name, held in numbers.items() if held is not None}
        self._ranges, self._steps = network.potential_ranges, network.potential_steps
        self._fed = network.layers_fed()
        self.layers = len(network.shape.layers) - (network.neuron.readout == "potential")
        self.set([1.0] * len(network.shape.layers))

    def weights(self, scales: Sequence[float]) -> list[torch.Tensor]:
        """The float weights with these scales applied."""
        return [original / scales[layer] for original, layer in zip(self._weights, self._fed, strict=True)]

    @torch.no_grad()
    def set(self, scales: Sequence[float]) -> None:
        weights = self.weights(scales)
        if self._quantization is not None:
            quantize(self._network, self._quantization, weights=weights)
        else:
            for parameter, weight in zip(self._network.all_weights(), weights, strict=True):
                parameter.copy_(weight)
            self._set_potentials(scales)
        for name, original in self._of_neurons.items():
            for neurons, scale in zip(self._network.layer_slices, scales, strict=True):
                getattr(self._network, name)[neurons] = original[neurons] / scale

    def leave(self, scales: Sequence[float]) -> None:
        """Set the scales for good, in float weights."""
        self.set(scales)
        if self._quantization is not None:
            quantize(self._network, None, weights=self.weights(scales))

    def _set_potentials(self, scales: Sequence[float]) -> None:
        """Range and step of potentials as a chip has them that holds the same integers; a neuron's own step stays."""
        if self._ranges is not None:
            pairs = zip(self._ranges, scales, strict=True)
            self._network.potential_ranges = tuple((low / scale, high / scale) for (low, high), scale in pairs)
        if self._steps is not None:
            own = self._network.neuron.potential_steps(len(scales)) or [0.0] * len(scales)
            steps = zip(self._steps, own, scales, strict=True)
            self._network.potential_steps = tuple(step if step == of else step / scale for step, of, scale in steps)


def _matched(thresholds: Thresholds, emitted: Callable[[], Integers], wanted: Integers) -> list[float]:
    """Scales at which each layer emits the wanted number of spikes; a layer that should emit none keeps its
    threshold."""
    scales = [1.0] * len(wanted)
    for layer in range(thresholds.layers):
        if not wanted[layer]:
            continue

        def excess(scale: float, layer: int = layer) -> float:
            """Relative excess of the layer's spikes over the wanted number."""
            thresholds.set([*scales[:layer], scale, *scales[layer + 1 :]])
            return float(emitted()[layer] / wanted[layer] - 1)

        tried = {1.0: excess(1.0)}
        low, high = -math.log2(_WIDEST), math.log2(_WIDEST)
        for _ in range(_HALVINGS):
            if min(map(abs, tried.values())) <= _CLOSE:
                break
            middle = 2 ** ((low + high) / 2)
            if middle not in tried:
                tried[middle] = excess(middle)
            low, high = (math.log2(middle), high) if tried[middle] > 0 else (low, math.log2(middle))
        scales[layer] = min(tried, key=lambda scale: (abs(tried[scale]), scale))
    return scales


def _descended(thresholds: Thresholds, loss: Callable[[], float], start: list[float]) -> list[float]:
    def at(scales: list[float]) -> float:
        thresholds.set(scales)
        return loss()

    scales, lowest = start, at(start)
    for step in _STEPS:
        for _ in range(_ROUNDS):
            before = lowest
            for layer in range(thresholds.layers):
                for factor in (step, 1 / step):
                    while True:
                        tried = [*scales[:layer], scales[layer] * factor, *scales[layer + 1 :]]
                        if not 1 / _WIDEST <= tried[layer] <= _WIDEST or (found := at(tried)) >= lowest:
                            break
                        scales, lowest = tried, found
            if lowest == before:
                break
    return scales

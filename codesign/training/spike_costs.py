"""What spikes cost in training: a fixed cost, or one that is led towards a budget of spikes or of a chip's energy.

The loss of a sample gets Σ_l λ_l max(0, S_l − f_l) added, where S_l = Σ_(n in l) w_n c_n over the spikes c_n of hidden
neurons. With w_n = 1 / N for N hidden neurons, S is the sample's spike density. Under a budget of energy, w_n is the
neuron's share of what one spike of every hidden neuron takes on the chip. λ rises from 0 over the first epochs, while
the network learns to fire at all, and up to f_l a layer's spikes cost nothing, so that none falls silent.

A budget b is approached by dual ascent: after an epoch with a mean of d, λ is multiplied by exp(r · log(d / b')), the
logarithm held between −1 and 1, with r = 32 / epochs, at most 0.75. b' is b divided by how far costs have risen by
then, so that the budget tightens over the same first epochs, in which λ does not fall. Subtracted from energies d and
b is what a sample takes when the network is silent.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import numpy as np

from codesign.deferred import torch
from codesign.errors import InputError
from codesign.network.topology import NetworkShape
from codesign.simulation.loss import SpikeCost
from codesign.training.budget import EnergyMeter
from codesign.training.recipe import Recipe
from codesign.units import format_si

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


_STEPS, _STEP = 32.0, 0.75
"""e-foldings by which λ can move in a whole training, and in an epoch: densities follow only after some epochs."""
_FIRST, _LEAST, _MOST = 0.01, 1e-3, 10.0
"""λ at first where only a budget is given, and the bounds between which it stays."""


class SpikeCosts:
    """What spikes cost in the course of a training with a spike cost or a budget; one of energy has a meter. Raises
    InputError as `check_spike_cost` and `check_budget`, or where such a budget has none."""

    def __init__(self, recipe: Recipe, shape: NetworkShape, meter: EnergyMeter | None = None) -> None:
        check_spike_cost(recipe, shape)
        check_budget(recipe, shape)
        self.budget, self.epochs, self.meter = recipe.budget, recipe.epochs, meter
        self.rising_epochs = max(recipe.cost_ramp * recipe.epochs, 1e-9)
        self.in_energy = self.budget is not None and self.budget.energy is not None
        if self.in_energy and meter is None:
            raise InputError("budget: a budget of energy needs a meter, which says what spikes take on the chip")
        worth = np.ones(shape.neurons) if meter is None or not self.in_energy else meter.spike_j.astype(np.float64)
        worth[shape.hidden_neurons :] = 0.0
        self.weights = torch.from_numpy(worth / max(worth.sum(), 1e-300)).float()
        ends = np.cumsum(shape.layer_sizes).tolist()
        layers = [slice(end - size, end) for size, end in zip(shape.layer_sizes, ends, strict=True)]
        self.floors = tuple(recipe.spike_floor * float(self.weights[layer].sum()) for layer in layers)
        self.multipliers = _multipliers(recipe, len(layers) - 1)
        self.scale = 1.0
        self._last: SpikeCost | None = None
        self.least = 0.0

    @classmethod
    def begun(cls, recipe: Recipe, network: SpikingNetwork, meter: EnergyMeter | None = None) -> SpikeCosts | None:
        """The costs at the start of a training; None where spikes cost nothing. Raises InputError as for the class, or
        where no network can keep the budget."""
        if recipe.cost_in_words is None:
            return None
        costs = cls(recipe, network.shape, meter)
        costs.begin(network)
        return costs

    def risen(self, epoch: float) -> float:
        """How far costs have risen after so many epochs, from 0 to 1."""
        return min(1.0, epoch / self.rising_epochs)

    def begin(self, network: SpikingNetwork) -> None:
        """Measure what a sample takes without any spike of a neuron. Raises InputError where that is not below the
        budget."""
        if not self.in_energy or self.meter is None or self.budget is None:
            return
        silent = copy.deepcopy(network)
        with torch.no_grad():
            for parameter in (*silent.all_weights(), *(() if silent.bias is None else (silent.bias,))):
                parameter.zero_()
        self.least = self.meter.sample_j(silent)
        if self.least >= self.budget.most:
            most, least = format_si(self.budget.most, "J"), format_si(self.least, "J")
            raise InputError(
                f"budget: {most} is not above the {least} that a sample takes on {self.budget.chip} without any spike "
                "of a neuron, for its input and static power"
            )

    def of_update(self, epoch: int) -> SpikeCost:
        """The cost in an epoch, 1 for the first."""
        scale = self.scale * self.risen(epoch - 0.5)
        multipliers = (*(scale * multiplier for multiplier in self.multipliers), 0.0)
        if self._last is None or self._last.multipliers != multipliers:
            self._last = SpikeCost(weights=self.weights, multipliers=multipliers, floors=self.floors)
        return self._last

    def energy_j(self, network: SpikingNetwork) -> float | None:
        """Mean energy of a sample with a network's present weights; None where no budget asks for it."""
        return self.meter.sample_j(network) if self.in_energy and self.meter is not None else None

    def end_epoch(self, epoch: int, taken: float) -> None:
        """Adjust λ to the budget after an epoch that took so much, as a density or in joules."""
        if self.budget is None:
            return
        risen = self.risen(epoch)
        spent = max(taken - self.least, 1e-300) / (self.budget.most - self.least)
        over = math.log(spent * risen)
        if risen < 1.0:
            over = max(over, 0.0)
        scale = self.scale * math.exp(min(_STEPS / self.epochs, _STEP) * min(1.0, max(-1.0, over)))
        largest = max(self.multipliers)
        self.scale = min(_MOST / largest, max(_LEAST / largest, scale))

    def rank(self, epoch: int, taken: float, accuracy: float) -> tuple[float, ...]:
        """Rank of an epoch, the highest being the best: first whether costs have risen, then whether the budget is
        kept, then accuracy, or how near to the budget an epoch comes that does not keep it."""
        risen = float(self.risen(epoch) >= 1.0)
        if self.budget is None:
            return risen, accuracy
        kept = self.budget.kept(taken)
        return risen, float(kept), accuracy if kept else -taken


def check_spike_cost(recipe: Recipe, shape: NetworkShape) -> None:
    """Raises InputError where costs are neither one number nor one for each hidden layer."""
    given, layers = recipe.spike_cost, len(shape.layers) - 1
    if isinstance(given, tuple) and len(given) != layers:
        raise InputError(f"spike_cost: must be one number, or one for each of {layers} hidden layers, not {len(given)}")


def check_budget(recipe: Recipe, shape: NetworkShape) -> None:
    """Raises InputError where there is no spike that a budget could save."""
    if recipe.budget is not None and not shape.hidden_neurons:
        raise InputError("budget: needs hidden neurons, whose spikes it saves, and the network has none")


def check_gate(recipe: Recipe, shape: NetworkShape) -> None:
    """Raises InputError where inputs have other weights than the first layer's, from which the gate learns."""
    if recipe.input_gate and any(one.source < 0 for one in shape.direct):
        raise InputError("input_gate: cannot be learned where skips begin at the input")


def _multipliers(recipe: Recipe, hidden_layers: int) -> tuple[float, ...]:
    given = recipe.spike_cost
    each = given if isinstance(given, tuple) else (given,) * hidden_layers
    return each if any(each) else (_FIRST,) * hidden_layers

"""Costs of spikes in training: fixed, or adjusted to meet a budget of spikes or of a chip's energy (docs/design.md)."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import numpy as np

from codesign.deferred import torch
from codesign.errors import InputError
from codesign.simulation.loss import SpikeCost
from codesign.training.budget import EnergyMeter
from codesign.training.recipe import Recipe
from codesign.units import format_si

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


_STEPS, _STEP = 32.0, 0.75
"""Factors of e by which λ can change during a whole training and during an epoch: densities follow only after some
epochs."""
_FIRST, _LEAST, _MOST = 0.01, 1e-3, 10.0
"""Initial λ if only a budget is given, and the bounds of λ."""


class SpikeCosts:
    """Costs of spikes during a training with a spike cost or a budget; an energy budget needs a meter. Raises
    InputError if an energy budget has no meter, or if no network can keep to it."""

    def __init__(self, recipe: Recipe, network: SpikingNetwork, meter: EnergyMeter | None = None) -> None:
        shape = network.shape
        self.recipe, self.budget = recipe, recipe.budget
        in_energy = self.budget is not None and self.budget.energy is not None
        if in_energy and meter is None:
            raise InputError("budget: a budget of energy needs a meter of the chip; `cd.energy_meter` makes it")
        self.meter = meter if in_energy else None
        worth = np.ones(shape.neurons) if self.meter is None else self.meter.spike_j.astype(np.float64)
        worth[shape.hidden_neurons :] = 0.0
        self.weights = torch.from_numpy(worth / max(worth.sum(), 1e-300)).float()
        self.floors = tuple(recipe.spike_floor * float(self.weights[layer].sum()) for layer in network.layer_slices)
        given, hidden = recipe.spike_cost, len(shape.layers) - 1
        each = given if isinstance(given, tuple) else (given,) * hidden
        self.multipliers = each if any(each) else (_FIRST,) * hidden
        self.scale = 1.0
        self.least = 0.0 if self.budget is None or self.meter is None else _silent_j(network, self.meter, recipe)

    def of_update(self, epoch: int) -> SpikeCost:
        """The cost in an epoch, counted from 1."""
        scale = self.scale * self.recipe.risen(epoch - 0.5)
        multipliers = (*(scale * multiplier for multiplier in self.multipliers), 0.0)
        return SpikeCost(weights=self.weights, multipliers=multipliers, floors=self.floors)

    def energy_j(self, network: SpikingNetwork) -> float | None:
        """Mean energy of a sample with a network's current weights; None without an energy budget."""
        return None if self.meter is None else self.meter.sample_j(network)

    def end_epoch(self, epoch: int, used: float) -> None:
        """Adjust λ to the budget after an epoch; `used` is the density or the energy in joules."""
        if self.budget is None:
            return
        risen = self.recipe.risen(epoch)
        spent = max(used - self.least, 1e-300) / (self.budget.most - self.least)
        over = math.log(spent * risen)
        if risen < 1.0:
            over = max(over, 0.0)
        scale = self.scale * math.exp(min(_STEPS / self.recipe.epochs, _STEP) * min(1.0, max(-1.0, over)))
        largest = max(self.multipliers)
        self.scale = min(_MOST / largest, max(_LEAST / largest, scale))

    def rank(self, epoch: int, used: float, accuracy: float) -> tuple[float, ...]:
        """Rank of an epoch, highest is best: first whether costs have fully risen, then whether the budget is kept,
        then accuracy or, if the budget is not kept, how close the epoch comes to it."""
        risen = float(self.recipe.risen(epoch) >= 1.0)
        if self.budget is None:
            return risen, accuracy
        kept = self.budget.kept(used)
        return risen, float(kept), accuracy if kept else -used


def _silent_j(network: SpikingNetwork, meter: EnergyMeter, recipe: Recipe) -> float:
    """Energy of a sample without any spike of a neuron; without input, too, if that alone exceeds the budget and a gate
    may close it. Raises InputError if this is not below the budget."""
    silent, budget = copy.deepcopy(network), recipe.budget
    assert budget is not None
    with torch.no_grad():
        for parameter in (*silent.all_weights(), *(() if silent.bias is None else (silent.bias,))):
            parameter.zero_()
    least = meter.sample_j(silent)
    if least >= budget.most and recipe.input_gate:
        silent.input_gate = torch.zeros(silent.input_columns, dtype=torch.bool)
        least = meter.sample_j(silent)
    if least >= budget.most:
        raise InputError(
            f"budget: {format_si(budget.most, 'J')} is not above the {format_si(least, 'J')} that a sample takes on "
            f"{budget.chip} without any spike of a neuron"
        )
    return least

"""The energy of a network on a chip during training, for recipes with an energy budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from codesign.errors import InputError
from codesign.hardware.cost.cost import price
from codesign.hardware.cost.scheduling import chip_schedule
from codesign.hardware.cost.spike_energy import spike_energy
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import Operation, StaticBook
from codesign.training.budget import EnergyMeter
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork
    from codesign.simulation.schedule import Schedule

_SAMPLES = 100


@dataclass(frozen=True, kw_only=True)
class MeteredChip:
    """A chip with the network placed on it, whose energy in the given operation a budget limits; `book` says how much
    of its static power counts."""

    placement: Placement
    operation: Operation
    book: StaticBook

    def meter(self, validation: EventBatch) -> EnergyMeter:
        """The energy meter for a validation split."""
        schedule, some = chip_schedule(self.placement).schedule, validation.select(slice(0, _SAMPLES))
        return EnergyMeter(spike_j=spike_energy(self.placement), sample_j=partial(self._sample_j, some, schedule))

    def _sample_j(self, events: EventBatch, schedule: Schedule, network: SpikingNetwork) -> float:
        from codesign.training.evaluation import evaluate  # imported here, so that plans do not wait for torch

        drained = network.neuron.readout == "potential"
        # no warning, because networks may be silent at first
        execution = evaluate(network, events, schedule.drained() if drained else schedule, warn=False)
        if all(share == 1 for share in execution.zero_weights):  # silent, not pruned
            execution = replace(execution, zero_weights=())
        cost = price(execution, self.placement, operation=self.operation)
        energy = cost.energy_j if self.book == "board" else cost.energy_cores_in_use_j
        if energy is None:
            raise InputError(f"{self.placement.chip.name}: {'; '.join(cost.not_modelled)}")
        return energy


def energy_meter(placement: Placement, validation: EventBatch) -> EnergyMeter:
    """An energy meter of a network on the chip that it is placed on, under the chip's own schedule, with its current
    weights: the mean over the first hundred validation samples, of everything that is powered while it computes.

    Args:
        validation: a validation split with the inputs of the placed network.

    Raises:
        InputError: the chip states no energy per synaptic operation.
    """
    return MeteredChip(placement=placement, operation="accelerated", book="board").meter(validation)

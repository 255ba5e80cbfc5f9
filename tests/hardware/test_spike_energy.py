"""The energy of one more spike on a chip, by hand and against prices."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_hardware import ASYNCHRONOUS, Builder, chip_from, near, shape_of

from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.cost.cost import price
from codesign.hardware.cost.spike_energy import spike_energy
from codesign.hardware.library import chip_names, find_chip
from codesign.hardware.placement.placement import place
from codesign.hardware.terms import COST_TERMS

CORES = "cores: {value: 4, confidence: stated, source: made_up}\n"
SHAPE = shape_of("4-3-2")


def by_spikes_alone(chip: Chip) -> bool:
    """Whether a chip charges neither barriers nor neurons once a timestep."""
    return not (chip.synchronized or chip.energies.neuron_access or chip.energies.synaptic_operation is None)


def test_a_pass_with_one_more_spike_costs_so_much_more():
    one = Builder("4-3-2").message(-1, 0, 1).update(0, 0, 3, 1).message(0, 1, 1).update(1, 1, 2).build()
    none = Builder("4-3-2").message(-1, 0, 1).update(0, 0, 3, 0).build()
    chips = [chip for chip in map(find_chip, chip_names()) if by_spikes_alone(chip)]
    assert len(chips) > 5
    for chip in chips:
        placement = place(SHAPE, chip, "scaled")
        more, less = (price(execution, placement).mean.terms_j for execution in (one, none))
        of_events = [term for term, energy in more.items() if energy is not None and COST_TERMS[term].drawn_by is None]
        energy = sum(float(more[term][0] - less[term][0]) for term in of_events)
        assert spike_energy(placement)[0] == near(energy), chip.name


def test_an_energy_of_an_operation_is_needed():
    chip = chip_from(ASYNCHRONOUS + CORES)
    with pytest.raises(InputError, match="gives no energy of a synaptic operation"):
        spike_energy(place(SHAPE, chip))
    assert np.isfinite(spike_energy(place(SHAPE, find_chip("loihi")))).all()

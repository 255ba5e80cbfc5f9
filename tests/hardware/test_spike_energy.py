"""The energy of one more spike on a chip, by hand and against prices."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_hardware import ASYNCHRONOUS, ENERGIES, MESH_CORES, Builder, chip_from, mesh, near, number, shape_of

import codesign as cd
from codesign.hardware.terms import COST_TERMS, INCLUDABLE_TERMS

SHAPE = shape_of("4-3-2")


def test_a_pass_with_one_more_spike_costs_so_much_more():
    """On chips that charge neither barriers nor neurons once a timestep."""
    one = Builder("4-3-2").message(-1, 0, 1).update(0, 0, 3, 1).message(0, 1, 1).update(1, 1, 2).build()
    none = Builder("4-3-2").message(-1, 0, 1).update(0, 0, 3, 0).build()
    every = [(chip, chip.energies) for chip in map(cd.find_chip, cd.chip_names()) if not chip.synchronized]
    chips = [chip for chip, given in every if given.synaptic_operation and not given.neuron_access]
    assert len(chips) > 5
    for chip in chips:
        placement = cd.place(SHAPE, chip, "scaled")
        more, less = (cd.price(execution, placement).mean.terms_j for execution in (one, none))
        of_events = [term for term, energy in more.items() if energy is not None and COST_TERMS[term].drawn_by is None]
        energy = sum(float(more[term][0] - less[term][0]) for term in of_events)
        assert cd.spike_energy(placement)[0] == near(energy), chip.name


def test_what_a_spike_sends_over_further_connections_by_hand():
    """1-2-1-1 on five cores in a row, from each neuron of layer 1 also to layer 3, and a timestep later to layer 1; the
    output sends to layer 0."""
    two, one = ({"kind": "linear", "neurons": neurons} for neurons in (2, 1))
    skips = [{"from": 1, "to": 3, "kind": "linear"}]
    delayed = [{"from": 1, "to": 1, "delay": 1}, {"from": 3, "to": 0, "delay": 1}]
    spec = {"input": 1, "layers": [one, two, one, one], "skips": skips, "delayed": delayed}
    row = MESH_CORES.replace(mesh(2, 4), mesh(1, 8))
    chip = chip_from(f"{row}neurons_per_core: {number(1)}\n{ENERGIES}{ASYNCHRONOUS}")
    found = cd.spike_energy(cd.place(cd.network_shape(cd.TopologySpec.model_validate(spec)), chip))
    # each message has one operation and one update
    hops, messages = np.array([1 + 2, 2 + 3 + 1, 1 + 2 + 1, 1]), np.array([2, 4, 4, 1])
    expected = 2e-9 + hops * 10e-9 + messages * (1e-9 + 1e-12 + 100e-12)
    assert found.tolist() == near([*expected, 0])


def test_spikes_cause_no_evaluation_of_neurons_that_wait():
    """Those of a later layer are evaluated once a timestep on such a chip, for spikes or for barrier messages."""
    fires, silent = (
        Builder("4-3-2").message(-1, 0, 1).update(0, 0, 3, spikes).message(0, 1, spikes, barriers=3 - spikes)
        for spikes in (3, 0)
    )
    executions = [builder.update(1, 1, 2).build() for builder in (fires, silent)]
    chip = chip_from(f"{MESH_CORES}neurons_per_core: {number(3)}\n{ENERGIES}synchronization: {{kind: neighbour}}\n")
    placement = cd.place(SHAPE, chip)
    more, less = (cd.price(execution, placement).mean.terms_j for execution in executions)
    terms = [term for term in INCLUDABLE_TERMS if term not in ("neuron_access", "barrier_message")]
    energy = sum(float(more[term][0] - less[term][0]) for term in ("synaptic_operation", *terms))
    assert cd.spike_energy(placement)[:3].tolist() == near([energy / 3] * 3)


def test_spikes_that_reach_a_neuron_in_a_timestep_share_one_update_of_active_neurons():
    """Two outputs, each evaluated once for each of three spikes, or updated once for all three."""
    bodies = (ENERGIES, ENERGIES.replace("counted: evaluations", "counted: active_neurons"))
    chips = (chip_from(f"{MESH_CORES}neurons_per_core: {number(3)}\n{body}{ASYNCHRONOUS}") for body in bodies)
    each, together = (cd.spike_energy(cd.place(SHAPE, chip))[0] for chip in chips)
    assert each - together == near((2 - 2 / 3) * 100e-12)


def test_an_energy_of_an_operation_is_needed():
    chip = chip_from(f"{ASYNCHRONOUS}cores: {number(4)}\n")
    with pytest.raises(cd.InputError, match="gives no energy of a synaptic operation"):
        cd.spike_energy(cd.place(SHAPE, chip))
    assert np.isfinite(cd.spike_energy(cd.place(SHAPE, cd.find_chip("loihi")))).all()

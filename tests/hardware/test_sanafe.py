"""Energies and times against SANA-FE, which fitted Loihi's numbers to a board: an independent account of the same runs.

Energies are equal. Times come from different models of a step (of SANA-FE's two, `simple`), and differ in three things,
each of which is asserted:

- A core of `codesign` receives, updates and sends one after the other; SANA-FE takes the longer of the longest
  reception and the longest sending of any core, as if the two went on side by side.
- `codesign` adds the longest way of a step's messages, SANA-FE none: up to 0.5 % of the total here.
- SANA-FE has one step more, in which nothing but the first frame is received, so one barrier more.

Counted with equally many barriers, `codesign` is longer by 8 to 25 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade_hardware import near
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of
from sanafe_oracle import Outcome, simulate_with_sanafe

import codesign as cd
from codesign.hardware.chip.parameters import with_parameters

EXACT = 1e-9
"""Relative; what is left is the order of sums in float64."""


def loihi(neurons_per_core: int, rows: int, columns: int) -> cd.Chip:
    """Loihi's circuits as SANA-FE fitted them, and as the library has them, on a mesh of any size."""
    sizes = {"network_on_chip.rows": rows, "network_on_chip.columns": columns, "cores": 4 * rows * columns}
    chip = cd.find_chip("loihi_sanafe").model_copy(update={"structure": None})  # by which sizes would change prices
    return with_parameters(chip, {**sizes, "neurons_per_core": neurons_per_core})


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, how it lies on the chip, and how long it runs; `decay` is what potentials keep of a timestep."""

    topology: str
    timesteps: int
    neurons_per_core: int
    rows: int
    columns: int
    tiles: int
    decay: float
    rate: float

    def chip(self) -> cd.Chip:
        return loihi(self.neurons_per_core, self.rows, self.columns)

    def network(self) -> cd.SpikingNetwork:
        """Weights are whole numbers, of which potentials have 6 bits more: Loihi's grid, and that of SANA-FE's soma."""
        constant = "infinite" if self.decay == 1 else f"{-1e-3 / math.log(self.decay)!r} s"
        neuron = cd.NeuronSpec(threshold=64, time_constant=constant)
        network = cd.SpikingNetwork(cd.parse_topology(self.topology), neuron, timestep_s=1e-3)
        assert set(network.decay.tolist()) == {self.decay}
        network.potential_steps = (1 / 64,) * len(network.shape.layers)
        network.requires_grad_(False)
        generator = np.random.default_rng(7)
        with torch.no_grad():
            for weight in network.weights():
                weight.copy_(torch.from_numpy(generator.integers(-40, 45, tuple(weight.shape))))
        return network

    def frames(self) -> np.ndarray:
        inputs = int(self.topology.split("-")[0])
        return np.random.default_rng(8).random((self.timesteps, inputs)) < self.rate


ONE_TILE = Case(
    topology="30-[20x2]-5", timesteps=6, neurons_per_core=32, rows=4, columns=8, tiles=1, decay=1.0, rate=0.2
)
TWO_TILES = replace(ONE_TILE, topology="40-[24x3]-8", neurons_per_core=16, tiles=2, decay=0.5, rate=0.3)
FOUR_TILES = Case(
    topology="24-[48x2]-10", timesteps=5, neurons_per_core=8, rows=2, columns=2, tiles=4, decay=1.0, rate=0.15
)
CASES = [
    ONE_TILE,
    TWO_TILES,
    replace(TWO_TILES, timesteps=9, decay=0.875),
    replace(FOUR_TILES, topology="24-[36x2]-8", tiles=3, decay=3277 / 4096),
    FOUR_TILES,
]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One case in both simulators."""

    case: Case
    network: cd.SpikingNetwork
    cost: cd.Cost
    spikes: np.ndarray
    theirs: Outcome
    barrier_s: float


def run(case: Case, folder: Path) -> Run:
    chip, network, frames = case.chip(), case.network(), case.frames()
    placement = cd.place(network.shape, chip, "published")
    assert len({core // 4 for core in placement.cores_of_neurons}) == case.tiles
    schedule = replace(cd.LAYERED, cores=placement.cores_of_neurons)
    execution = cd.simulate(network, batch_of(frames[None], timestep_s=1e-3), schedule).execution
    barriers = chip.synchronization.times
    return Run(
        case=case,
        network=network,
        cost=cd.price(execution, placement),
        spikes=spikes_of(network, frames),
        theirs=simulate_with_sanafe(network, frames, chip, placement, folder),
        barrier_s=barriers.of(case.tiles),
    )


def spikes_of(network: cd.SpikingNetwork, frames: np.ndarray) -> np.ndarray:
    """(T, N) which neuron fired in which timestep: with a core for each neuron, step records tell them apart."""
    schedule = replace(cd.LAYERED, cores=tuple(range(network.shape.neurons)))
    updates = cd.simulate(network, batch_of(frames[None], timestep_s=1e-3), schedule).execution.updates
    spikes = np.zeros((len(frames), network.shape.neurons), dtype=np.int64)
    np.add.at(spikes, (updates.timestep, updates.slice), updates.emitted)
    return spikes


def name_of(case: Case) -> str:
    return f"{case.topology}, {case.timesteps} steps, {case.tiles} tiles, decay {case.decay:.2g}"


@pytest.fixture(scope="module", params=CASES, ids=name_of)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(request.param, tmp_path_factory.mktemp("sanafe"))


def test_every_neuron_fires_in_the_same_timesteps(result: Run) -> None:
    assert np.array_equal(result.spikes, result.theirs.spikes)
    for part in result.network.layer_slices:
        assert 0 < result.spikes[:, part].mean() < 1


@given(removed=st.integers(1, 4000), timesteps=st.integers(2, 12), rate=st.sampled_from([0.1, 0.3]))
@settings(max_examples=15, derandomize=True, database=None)
def test_spikes_are_the_same_whatever_leaks(tmp_path_factory, removed, timesteps, rate):
    """With Loihi's 12 bits of decay, of which most leave no potential on the grid of the weights."""
    case = replace(ONE_TILE, decay=1 - removed / 4096, timesteps=timesteps, rate=rate)
    network, frames, chip = case.network(), case.frames(), case.chip()
    placement = cd.place(network.shape, chip, "published")
    theirs = simulate_with_sanafe(network, frames, chip, placement, tmp_path_factory.mktemp("sanafe"))
    assert np.array_equal(spikes_of(network, frames), theirs.spikes)


def test_every_component_of_the_energy_is_equal(result: Run) -> None:
    """SANA-FE's first step is left out of the soma's: all it does there is to visit neurons a step too early."""
    ours, theirs = result.cost.energy, result.theirs
    assert theirs.synapse_j.sum() == near(ours.terms_j["synaptic_operation"][0], rel=EXACT)
    assert theirs.dendrite_j.sum() == 0
    soma = ours.terms_j["neuron_access"][0] + ours.terms_j["neuron_update"][0] + ours.terms_j["spike"][0]
    assert theirs.soma_j[1:].sum() == near(soma, rel=EXACT)
    assert theirs.network_j.sum() == near(ours.terms_j["message"][0] + ours.terms_j["hop"][0], rel=EXACT)
    assert (ours.terms_j["hop"][0] > 0) == (result.case.tiles > 1)


def test_every_core_works_equally_long(result: Run) -> None:
    theirs = result.theirs
    busy = theirs.receiving_s.sum(axis=0) + theirs.sending_s[1:].sum(axis=0)
    assert result.cost.latency.busy_s[0] == near(busy, rel=EXACT)


def test_steps_differ_in_what_overlaps_and_in_nothing_else(result: Run) -> None:
    ours, theirs = result.cost.latency, result.theirs
    longest = np.maximum(theirs.receiving_s.max(axis=1), theirs.sending_s.max(axis=1))
    assert theirs.step_s == near(longest + result.barrier_s, rel=EXACT)
    one_after_the_other = (theirs.receiving_s[:-1] + theirs.sending_s[1:]).max(axis=1)
    assert ours.compute_s[0] == near(one_after_the_other.sum(), rel=EXACT)
    assert ours.network_s[0] == near(theirs.way_s.sum(), rel=EXACT)
    assert ours.synchronization_s[0] == near((len(theirs.step_s) - 1) * result.barrier_s, rel=EXACT)

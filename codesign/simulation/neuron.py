"""The neuron of the reference engine: one step, and the gradient of that step, on tensors of any shape (…, N).

    j ← α j + bias,   u ← u · decay + g j,   when a timestep begins (u ← u · decay + bias without synaptic current);
                                             r ← 1 and u ← 0 if the neuron is held
    j ← j + x
    v ← (1 − r)(u + g x), limited to its bounds
    n ← [v > U_thr] (with several spikes, the number of multiples of U_thr that v exceeds, at most M) if it may fire
    u ← v if n = 0;   value, or v − n ρ, if n > 0
    r ← r or (n > 0 and not spared)
    u ← max(u, floor) when a timestep ends

With `comparison: >=` a potential is compared with the number just below U_thr. If potentials are truncated, decay gives
δ · trunc(decay · round(u / δ)). Everything about decay, integration, saturation, comparison, reset and refractoriness
is here and, for compiled kernels, in `codesign.simulation.event.neuron`. Callers decide which neurons are evaluated and
which may fire.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from codesign.simulation.run import Run
from codesign.simulation.trace import Pass, Step


class NeuronState(NamedTuple):
    """What neurons keep from one timestep to the next, or gradients with respect to it; (B, N) each."""

    u: torch.Tensor  # potential
    j: torch.Tensor  # synaptic current

    def where(self, these: torch.Tensor, otherwise: NeuronState) -> NeuronState:
        """This state of these neurons, another one of all others."""
        return NeuronState(*(torch.where(these, *both) for both in zip(self, otherwise, strict=True)))


class NeuronTensors(NamedTuple):
    """Parameters of a step, (N,) each unless stated."""

    decay: torch.Tensor  # factor of a potential from one timestep to the next
    synaptic_decay: torch.Tensor | None  # α, factor of the synaptic current; None if there are none
    flows: torch.Tensor  # bool; there is a synaptic current
    bias: torch.Tensor | None  # added to the potential once per timestep; None without biases
    drive: torch.Tensor | None  # bias added to the synaptic current instead; 0 for neurons without one
    steps: torch.Tensor | None  # δ, decay truncates to multiples of it; 0 if it does not
    threshold: torch.Tensor  # U_thr
    compared: torch.Tensor  # the number that a potential must exceed
    fires: torch.Tensor  # bool; False if the potential is read and never compared
    bounds: tuple[torch.Tensor, torch.Tensor] | None  # lowest and highest potential
    subtracts: torch.Tensor  # bool; a reset subtracts `amount`; otherwise it sets the potential to `value`
    amount: torch.Tensor  # ρ, subtracted per spike
    takes_threshold: bool  # ρ is U_thr itself
    value: torch.Tensor
    gain: torch.Tensor  # g
    floor: torch.Tensor  # −∞ without one
    initial: torch.Tensor  # potential as a sample begins
    most: torch.Tensor | None  # M; None if all are 1
    inclusive: torch.Tensor  # bool; comparison is `>=`
    held: torch.Tensor | None  # bool; a hard reset lasts through the next timestep; None if it never does
    ticks: torch.Tensor | None  # bool; evaluated without a message if it would fire; None if no neuron is
    refractory: bool
    steepness: torch.Tensor  # of the surrogate


def neuron_of(run: Run) -> NeuronTensors:
    """Parameters of a run's neurons, on its device."""
    network = run.network
    fires = torch.ones_like(network.threshold, dtype=torch.bool)
    if network.neuron.readout == "potential":
        fires[network.layer_slices[-1]] = False
    return NeuronTensors(
        decay=network.decay.detach(),
        synaptic_decay=network.synaptic_decay(),
        flows=network.flows(),
        bias=network.potential_bias(),
        drive=network.current_bias(),
        steps=network.potential_grid(),
        threshold=network.threshold.detach(),
        compared=network.compared_threshold(),
        fires=fires,
        bounds=network.potential_bounds(),
        subtracts=network.neuron_flags("reset", "subtract"),
        amount=network.numbers_of("reset_amount").detach(),
        takes_threshold=network.reset_amount is None,
        value=network.reset_to(),
        gain=network.numbers_of("gain"),
        floor=network.numbers_of("floor"),
        initial=network.numbers_of("initial_potential"),
        most=network.neuron_numbers("most_spikes").to(fires.device) if network.bursts else None,
        inclusive=network.neuron_flags("comparison", ">="),
        held=network.held() if network.holds else None,
        ticks=network.neuron_flags("tick", value=True) if network.ticks else None,
        refractory=run.refractory,
        steepness=network.surrogate_steepness,
    )


def decayed(neuron: NeuronTensors, u: torch.Tensor, decay: torch.Tensor) -> torch.Tensor:
    """Potentials or currents after the decay from one timestep to the next.

    Products are computed in float64, which holds products of 24-bit numbers exactly: truncation must not see a rounded
    one.
    """
    plain = u * decay
    if neuron.steps is None:
        return plain
    steps = neuron.steps.double()
    multiples = (decay.double() * (u.double() / steps).round()).trunc()
    return torch.where(steps > 0, (multiples * steps).float(), plain)


def start(neuron: NeuronTensors, samples: int) -> NeuronState:
    """The state as samples begin."""
    u = neuron.initial.repeat(samples, 1)
    return NeuronState(u=u, j=torch.zeros_like(u))


def begin(neuron: NeuronTensors, state: NeuronState, spikes: torch.Tensor) -> tuple[NeuronState, torch.Tensor | None]:
    """The state as a timestep begins, given the spikes of the one before, and which neurons are held in it; None if
    none can be."""
    held = None if neuron.held is None else (spikes > 0) & neuron.held
    u, j = decayed(neuron, state.u, neuron.decay), state.j
    if neuron.bias is not None:
        u = u + neuron.bias
    if neuron.synaptic_decay is not None:
        j = decayed(neuron, j, neuron.synaptic_decay)
        j = j if neuron.drive is None else j + neuron.drive
        u = u + neuron.gain * j
    return NeuronState(u if held is None else torch.where(held, 0.0, u), j), held


def begin_gradient(neuron: NeuronTensors, ran: Pass, G: NeuronState) -> tuple[NeuronState, torch.Tensor, torch.Tensor]:
    """Gradients with respect to the state before `begin`, biases and decays, given those of the state after it."""
    u, j = G if ran.held is None else (torch.where(ran.held, 0.0, G.u), G.j)
    at_bias = u
    if neuron.synaptic_decay is not None:
        j = j + neuron.gain * u
        at_bias = torch.where(neuron.flows, j, u)
        j = j * neuron.synaptic_decay
    return NeuronState(u * neuron.decay, j), at_bias, u * ran.undecayed


def end(neuron: NeuronTensors, state: NeuronState) -> NeuronState:
    """The state as a timestep ends."""
    return state._replace(u=state.u.maximum(neuron.floor))


def would_fire(neuron: NeuronTensors, state: NeuronState, refractory: torch.Tensor) -> torch.Tensor:
    """Which ticking neurons would fire if evaluated without a message."""
    assert neuron.ticks is not None
    v = state.u if neuron.bounds is None else state.u.clamp(*neuron.bounds)
    return (v > neuron.compared) & neuron.fires & neuron.ticks & ~refractory


def step(
    neuron: NeuronTensors, state: NeuronState, x: torch.Tensor, refractory: torch.Tensor, able: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, NeuronState]:
    """Evaluate neurons that receive currents x, of which some are `refractory` and some `able` to fire; return the
    evaluated potential v, int64 spikes, and the state afterwards."""
    v = torch.where(refractory, 0.0, state.u + neuron.gain * x)
    if neuron.bounds is not None:
        v = v.clamp(*neuron.bounds)
    fired = (v > neuron.compared) & able & neuron.fires
    spikes = fired.long() if neuron.most is None else torch.where(fired, _multiples(neuron, v), 0)
    after = torch.where(neuron.subtracts, v - spikes * neuron.amount, neuron.value)
    j = state.j if neuron.synaptic_decay is None else state.j + x
    return v, spikes, NeuronState(torch.where(fired, after, v), j)


def _multiples(neuron: NeuronTensors, v: torch.Tensor) -> torch.Tensor:
    assert neuron.most is not None
    quotient = v / neuron.threshold
    whole = torch.where(neuron.inclusive, quotient.trunc(), quotient.ceil() - 1)
    return whole.clamp(min=torch.ones_like(whole), max=neuron.most.to(whole.dtype)).long()


def silence(neuron: NeuronTensors, refractory: torch.Tensor, fired: torch.Tensor, spared: torch.Tensor) -> torch.Tensor:
    """Which neurons are refractory after a step; dropout spares some of those that fired."""
    return refractory | (fired & ~spared) if neuron.refractory else refractory


def step_gradient(
    neuron: NeuronTensors, ran: Step, after: NeuronState, g: torch.Tensor
) -> tuple[NeuronState, torch.Tensor, torch.Tensor]:
    """Gradients with respect to the state, x and U_thr of neurons that were evaluated, given those of the state after
    the step and of a spike of the step, g, through queue and counts.

    With several spikes, the surrogate is evaluated at the nearest multiple of the threshold.
    """
    v, spikes, G = ran.v.double(), ran.spikes, after.u
    compared, threshold = neuron.compared.to(v.dtype), neuron.threshold.to(v.dtype)
    reached = neuron.fires if ran.open is None else neuron.fires & ran.open
    at_first = arctan_derivative(v - compared, neuron.steepness) * reached
    multiple, at_spike = torch.ones_like(v), at_first
    if neuron.most is not None:
        multiple = (v.float() / neuron.threshold).round().to(v.dtype).clamp(min=multiple, max=neuron.most.to(v.dtype))
        at_spike = arctan_derivative(v - compared - (multiple - 1) * threshold, neuron.steepness) * reached
    # a soft reset counts the spikes, a hard one asks only whether there was one
    taken_off = torch.where(neuron.subtracts, neuron.amount.to(v.dtype), 0.0)
    replaced = torch.where(neuron.subtracts, 0.0, G * (neuron.value.to(v.dtype) - v)) * at_first
    compared = (g - G * taken_off) * at_spike
    passed = torch.where((spikes > 0) & ~neuron.subtracts, 0.0, G)
    raised = multiple * compared + replaced
    if neuron.takes_threshold:
        raised = raised + torch.where(neuron.subtracts, G * spikes, 0.0)
    du = torch.where(ran.refractory, 0.0, passed + compared + replaced)
    dx = du * neuron.gain + after.j
    return NeuronState(du, after.j), dx, torch.where(ran.refractory, 0.0, -raised)


def arctan_derivative(distance: torch.Tensor, steepness: torch.Tensor | float) -> torch.Tensor:
    """ds/dv = (α/2) / (1 + (π α d / 2)²) at the distance d = v − U_thr, the derivative of the arctan surrogate (paper,
    equation 6)."""
    return (steepness / 2) / (1 + (math.pi * steepness / 2 * distance) ** 2)

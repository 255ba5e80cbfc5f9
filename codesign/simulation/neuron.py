"""The neuron of the reference engine: one step of it, and the gradient of that step, on tensors of any shape (…, N).

    u ← u · decay, or δ · trunc(decay · round(u / δ)), as a timestep begins
    v ← (1 − r)(u + x), held between its bounds;   s ← [v > U_thr] where the neuron may fire
    u ← v(1 − s) or v − s · U_thr
    r ← r or (s and not spared)

Everything about decay, integration, saturation, comparison, reset and refractoriness is here and in
`codesign.simulation.event.neuron`, which says the same for compiled kernels. Who is evaluated and who may fire is said
by the callers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from codesign.network.surrogate import arctan_derivative
from codesign.simulation.run import Run

__all__ = ["NeuronTensors", "decayed", "neuron_of", "silence", "step", "step_gradient"]


class NeuronTensors(NamedTuple):
    """Parameters of a step."""

    decay: torch.Tensor  # (N,) factor of a potential from one timestep to the next
    steps: torch.Tensor | None  # (N,) δ, to whose multiples it is truncated then; 0 where it is not
    threshold: torch.Tensor  # (N,) U_thr
    fires: torch.Tensor  # (N,) bool; False where the potential is read and never compared
    bounds: tuple[torch.Tensor, torch.Tensor] | None  # (N,) lowest and highest potential
    subtracts: bool  # reset: the threshold is taken off; otherwise the potential becomes 0
    refractory: bool
    steepness: torch.Tensor  # (N,) α of the surrogate


def neuron_of(run: Run) -> NeuronTensors:
    """Parameters of a run's neurons, on its device."""
    network = run.network
    fires = torch.ones_like(network.threshold, dtype=torch.bool)
    if network.neuron.readout == "potential":
        fires[network.layer_slices[-1]] = False
    return NeuronTensors(
        decay=network.decay.detach(),
        steps=network.potential_grid(),
        threshold=network.threshold.detach(),
        fires=fires,
        bounds=network.potential_bounds(),
        subtracts=network.neuron.reset == "subtract",
        refractory=run.refractory,
        steepness=network.surrogate_steepness,
    )


def decayed(neuron: NeuronTensors, u: torch.Tensor) -> torch.Tensor:
    """What potentials keep from one timestep to the next.

    Products are of float64, which holds those of 24 bits exactly: truncation must not see one that was rounded.
    """
    plain = u * neuron.decay
    if neuron.steps is None:
        return plain
    steps = neuron.steps.double()
    multiples = (neuron.decay.double() * (u.double() / steps).round()).trunc()
    return torch.where(steps > 0, (multiples * steps).float(), plain)


def step(
    neuron: NeuronTensors, u: torch.Tensor, x: torch.Tensor, refractory: torch.Tensor, able: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Evaluate neurons of potential u that get the currents x.

    Args:
        refractory, able: bool; who is, and who may fire.

    Returns:
        Evaluated potential v, who fired, and the potential after it.
    """
    v = torch.where(refractory, 0.0, u + x)
    if neuron.bounds is not None:
        v = v.clamp(*neuron.bounds)
    fired = (v > neuron.threshold) & able & neuron.fires
    reset = v - neuron.threshold if neuron.subtracts else torch.zeros_like(v)
    return v, fired, torch.where(fired, reset, v)


def silence(neuron: NeuronTensors, refractory: torch.Tensor, fired: torch.Tensor, spared: torch.Tensor) -> torch.Tensor:
    """Who is refractory after a step; dropout spares some of those that fired."""
    return refractory | (fired & ~spared) if neuron.refractory else refractory


def step_gradient(
    neuron: NeuronTensors,
    v: torch.Tensor,
    fired: torch.Tensor,
    refractory: torch.Tensor,
    able: torch.Tensor | None,
    G: torch.Tensor,
    g: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients at u and x, which is the same, and at U_thr, of neurons that were evaluated.

    Args:
        v, fired, refractory, able: of the step; no `able` if all were.
        G: gradient at the potential after it.
        g: gradient at a spike of it, by queue and counts.
    """
    threshold = neuron.threshold.to(v.dtype)
    slope = arctan_derivative(v - threshold, neuron.steepness) * neuron.fires
    if able is not None:
        slope = slope * able
    taken_off, passed = (threshold, G) if neuron.subtracts else (v, G * ~fired)
    compared = (g - G * taken_off) * slope
    raised = compared + G * fired if neuron.subtracts else compared
    return torch.where(refractory, 0.0, passed + compared), torch.where(refractory, 0.0, -raised)

"""Layered training of the same network in plain torch and in two libraries.

All four take dense (T, B, inputs) frames, return (B, C) output spike counts summed over time, and share the neuron of
`codesign`: v = decay · u + W s, a spike where v > threshold, hard reset with its gradient, arctan surrogate.

- `torch-loop`: timestep by timestep, one matmul a layer, torch's autograd over all of it.
- `torch-scan`: layer by layer, one matmul over all timesteps, a scan over time in place, and a backward scan written by
  hand instead of a graph over time; the fastest here.
- `snntorch`: `Leaky` with its reset in the timestep of the spike; layer by layer, one matmul over all timesteps.
- `spikingjelly`: `LIFNode` in multi-step mode; it fires at v ≥ threshold and takes its decay as 1 − 1/τ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.neuron import arctan_derivative
from codesign.workload.events import EventBatch


def dense_frames(events: EventBatch) -> torch.Tensor:
    """(T, B, inputs) float32."""
    frames = torch.zeros((events.timesteps, len(events), events.input_size))
    for timestep in range(events.timesteps):
        frames[timestep] = events.frame(timestep)
    return frames


class Baseline(torch.nn.Module):
    """Weights, decay, threshold and steepness of a network, to be run in another way."""

    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(weight.detach().clone() for weight in network.weights())
        self.decay = float(network.decay[0])
        self.threshold = float(network.threshold[0])
        self.steepness = network.neuron.surrogate_steepness

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, C) output spike counts."""
        return self.spikes(frames)[-1].sum(dim=0)

    def spikes(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """(T, B, neurons) spikes of each layer."""
        raise NotImplementedError


class Spike(torch.autograd.Function):
    """Heaviside step with the derivative of the arctan surrogate."""

    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, steepness: float) -> torch.Tensor:
        ctx.save_for_backward(distance)
        ctx.steepness = steepness
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (distance,) = ctx.saved_tensors
        return gradients[0] * arctan_derivative(distance, ctx.steepness), None


class TorchLoop(Baseline):
    """`torch-loop`."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self._run(frames, None)

    def spikes(self, frames: torch.Tensor) -> list[torch.Tensor]:
        found: list[list[torch.Tensor]] = [[] for _ in self.weights]
        self._run(frames, found)
        return [torch.stack(layer) for layer in found]

    def _run(self, frames: torch.Tensor, found: list[list[torch.Tensor]] | None) -> torch.Tensor:
        potentials = [frames.new_zeros((frames.shape[1], len(weight))) for weight in self.weights]
        counts = torch.zeros_like(potentials[-1])
        for frame in frames:
            spikes = frame
            for layer, weight in enumerate(self.weights):
                v = potentials[layer] * self.decay + functional.linear(spikes, weight)
                spikes = Spike.apply(v - self.threshold, self.steepness)
                potentials[layer] = v * (1 - spikes)
                if found is not None:
                    found[layer].append(spikes)
            counts = counts + spikes
        return counts


class _Layer(torch.autograd.Function):
    """One layer over all timesteps: (T, B, inputs) spikes to (T, B, neurons) spikes.

    Backwards, with g the gradient at the spikes and G that at the potential after a timestep, the gradient at v is
    g ds/dv + G (1 − s − v ds/dv), and G of the timestep before is `decay` times that. All but the G of the later
    timestep is known beforehand for all timesteps at once.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, decay: float, threshold: float, steepness: float
    ) -> torch.Tensor:
        potentials = functional.linear(inputs, weight)
        spikes = torch.empty_like(potentials)
        after: torch.Tensor | None = None
        for v, s in zip(potentials.unbind(0), spikes.unbind(0), strict=True):
            if after is not None:
                v.add_(after.mul_(decay))
            torch.gt(v, threshold, out=s)
            after = torch.addcmul(v, v, s, value=-1)
        ctx.save_for_backward(inputs, weight, potentials, spikes)
        ctx.constants = decay, threshold, steepness
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, weight, potentials, spikes = ctx.saved_tensors
        decay, threshold, steepness = ctx.constants
        slope = (potentials - threshold).mul_(math.pi * steepness / 2)
        slope.mul_(slope).add_(1).reciprocal_().mul_(steepness / 2)  # in place, since memory is what limits it
        at_v = gradients[0] * slope
        passed = torch.addcmul(spikes, potentials, slope).sub_(1).mul_(-decay)
        steps, factors = at_v.unbind(0), passed.unbind(0)
        for timestep in range(len(steps) - 2, -1, -1):
            steps[timestep].addcmul_(factors[timestep], steps[timestep + 1])
        at_weight = at_v.flatten(0, 1).T @ inputs.flatten(0, 1)
        at_inputs = at_v @ weight if ctx.needs_input_grad[0] else None
        return at_inputs, at_weight, None, None, None


class TorchScan(Baseline):
    """`torch-scan`."""

    def spikes(self, frames: torch.Tensor) -> list[torch.Tensor]:
        found, spikes = [], frames
        for weight in self.weights:
            spikes = _Layer.apply(spikes, weight, self.decay, self.threshold, self.steepness)
            found.append(spikes)
        return found


class SnnTorch(Baseline):
    """`snntorch`."""

    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__(network)
        import snntorch
        from snntorch import surrogate

        self.neurons = torch.nn.ModuleList(
            snntorch.Leaky(
                beta=self.decay,
                threshold=self.threshold,
                spike_grad=surrogate.atan(alpha=self.steepness),
                reset_mechanism="zero",
                reset_delay=False,
            )
            for _ in self.weights
        )

    def spikes(self, frames: torch.Tensor) -> list[torch.Tensor]:
        found, spikes = [], frames
        for weight, neuron in zip(self.weights, self.neurons, strict=True):
            currents = functional.linear(spikes, weight)
            potential, steps = torch.zeros_like(currents[0]), []
            for current in currents.unbind(0):
                step, potential = neuron(current, potential)
                steps.append(step)
            spikes = torch.stack(steps)
            found.append(spikes)
        return found


class SpikingJelly(Baseline):
    """`spikingjelly`."""

    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__(network)
        from spikingjelly.activation_based import functional as state
        from spikingjelly.activation_based import neuron, surrogate

        self.reset: Callable[[torch.nn.Module], None] = state.reset_net
        tau = math.inf if self.decay == 1 else 1 / (1 - self.decay)
        self.neurons = torch.nn.ModuleList(
            neuron.LIFNode(
                tau=tau,
                decay_input=False,
                v_threshold=self.threshold,
                v_reset=0.0,
                surrogate_function=surrogate.ATan(alpha=self.steepness),
                detach_reset=False,
                step_mode="m",
            )
            for _ in self.weights
        )

    def spikes(self, frames: torch.Tensor) -> list[torch.Tensor]:
        self.reset(self.neurons)
        found, spikes = [], frames
        for weight, neuron in zip(self.weights, self.neurons, strict=True):
            spikes = neuron(functional.linear(spikes, weight))
            found.append(spikes)
        return found


BASELINES: dict[str, type[Baseline]] = {
    "torch-loop": TorchLoop,
    "torch-scan": TorchScan,
    "snntorch": SnnTorch,
    "spikingjelly": SpikingJelly,
}
"""By name; the libraries' raise ImportError where the library is not installed."""

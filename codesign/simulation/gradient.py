"""Unlayered backpropagation: the recorded schedule replayed backwards.

The equations are those of `docs/design.md`, section Gradient. With F of at least the widest layer they give layered
backpropagation. Everything is computed in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from codesign.network.connection import Connection
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.surrogate import arctan_derivative
from codesign.simulation.reference import Pass, Result, Step

__all__ = ["Gradients", "backward", "scores"]


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """Gradients of the loss: one tensor a connection's weight, and the (N,) bias or None. All float64."""

    weights: tuple[torch.Tensor, ...]
    bias: torch.Tensor | None


@torch.no_grad()
def backward(network: SpikingNetwork, result: Result, output_gradient: torch.Tensor) -> Gradients:
    """Gradients of every parameter.

    Args:
        network: as it was in the forward run.
        result: of a run with `trace=True`.
        output_gradient: (B, R, C) gradient of the loss with respect to `scores`.
    """
    sweep = _Sweep(network, output_gradient.double())
    for timestep in reversed(range(len(result.passes))):
        sweep.backward_pass(timestep, result.passes[timestep])
    return Gradients(weights=tuple(sweep.weight_gradients), bias=sweep.bias_gradient)


class _Sweep:
    """Gradients on their way back through timesteps and forward steps."""

    def __init__(self, network: SpikingNetwork, output_gradient: torch.Tensor) -> None:
        self.network = network
        self.connections: list[Connection] = network.layer_connections()
        self.layers = network.layer_slices
        self.weights = [weight.detach().double() for weight in network.weights()]
        self.weight_gradients = [torch.zeros_like(weight) for weight in self.weights]
        self.threshold, self.decay = network.threshold.double(), network.decay.double()
        self.bias_gradient = None if network.bias is None else torch.zeros_like(self.threshold)
        batch, neurons = len(output_gradient), network.shape.neurons
        self.output_gradient = output_gradient
        self.G = torch.zeros((batch, neurons), dtype=torch.float64, device=output_gradient.device)
        self.g_c = torch.zeros_like(self.G)
        self.fires = torch.ones(neurons, dtype=torch.float64, device=output_gradient.device)
        if network.neuron.readout == "potential":
            self.G[:, self.layers[-1]] = output_gradient[:, 0]
            self.fires[self.layers[-1]] = 0

    def backward_pass(self, timestep: int, one: Pass) -> None:
        if self.network.neuron.readout == "spikes":
            self.g_c[:, self.layers[-1]] = self.output_gradient[:, timestep]
        g_q = torch.zeros_like(self.G)
        dx = torch.zeros_like(self.G)
        for step in reversed(one.steps):
            g_q = self._unchoose(step, g_q, dx)
            dx = self._unevaluate(step, g_q)
            if step.kept_input is not None:
                first = dx[:, self.layers[0]]
                self.weight_gradients[0] += self.connections[0].weight_gradient(first, step.kept_input.double())
        if self.bias_gradient is not None:
            self.bias_gradient += self.G.sum(dim=0)
        self.G = self.G * self.decay

    def _unchoose(self, step: Step, g_q: torch.Tensor, dx: torch.Tensor) -> torch.Tensor:
        """Gradient at the queue before the choice; `dx` is that of the currents which the chosen spikes made."""
        back = torch.zeros_like(g_q)
        kept = step.kept.double()
        for layer, connection in enumerate(self.connections[1:], start=1):
            source, target = self.layers[layer - 1], self.layers[layer]
            if not dx[:, target].any():
                continue
            back[:, source] = connection.spikes_gradient(dx[:, target], self.weights[layer])
            self.weight_gradients[layer] += connection.weight_gradient(dx[:, target], kept[:, source])
        chosen = back if step.kept_share is None else back * step.kept_share
        return torch.where(step.chosen, chosen, torch.where(step.idle, back, g_q))

    def _unevaluate(self, step: Step, g_q: torch.Tensor) -> torch.Tensor:
        """Gradient of the currents that were integrated; leaves in `G` the gradient of the potential before."""
        v, s = step.v.double(), step.fired.double()
        slope = arctan_derivative(v - self.threshold, self.network.neuron.surrogate_steepness) * self.fires
        if step.open is not None:
            slope = slope * step.open
        if self.network.neuron.reset == "zero":
            dv = self.G * (1 - s) + (g_q + self.g_c - self.G * v) * slope
        else:
            dv = self.G + (g_q + self.g_c - self.G * self.threshold) * slope
        du = torch.where(step.refractory, 0.0, dv)
        self.G = torch.where(step.evaluated, du, self.G)
        return torch.where(step.evaluated, du, 0.0)


class _Scores(torch.autograd.Function):
    """Joins a run to torch's graph: (B, R, C) scores forwards, `backward` above backwards."""

    @staticmethod
    def forward(ctx: Any, network: SpikingNetwork, result: Result, *parameters: torch.Tensor) -> torch.Tensor:
        ctx.network, ctx.result = network, result
        ctx.save_for_backward(*parameters)  # torch then refuses weights that were changed in place meanwhile
        if network.neuron.readout == "potential":
            return result.potentials[:, None, network.layer_slices[-1]].clone()
        return result.counts.to(network.threshold.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        parameters: tuple[torch.Tensor, ...] = ctx.saved_tensors
        gradients = backward(ctx.network, ctx.result, output_gradients[0])
        found: Sequence[torch.Tensor] = gradients.weights
        if gradients.bias is not None:
            found = [*found, gradients.bias]
        return (None, None, *(g.to(p.dtype) for g, p in zip(found, parameters, strict=True)))


def scores(network: SpikingNetwork, result: Result) -> torch.Tensor:
    """(B, R, C) output spikes of each of R = T timesteps, or output potentials, which are read once, R = 1.

    Their gradient flows to the network's parameters.
    """
    parameters: list[torch.Tensor] = list(network.weights())
    if network.bias is not None:
        parameters.append(network.bias)
    output: torch.Tensor = _Scores.apply(network, result, *parameters)  # type: ignore[no-untyped-call]
    return output

"""Unlayered backpropagation: the recorded schedule replayed backwards.

The equations are those of `docs/design.md`, section Gradient. If F is at least the size of the widest layer, they are
layered backpropagation. Everything is computed in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from codesign.network.connection import Connection
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.further_arrivals import FurtherGradients
from codesign.simulation.neuron import NeuronState, NeuronTensors, begin_gradient, neuron_of, step_gradient
from codesign.simulation.reference import run_machine
from codesign.simulation.results import Simulation
from codesign.simulation.run import Run
from codesign.simulation.trace import Pass, Result, Step


def run(run: Run) -> Simulation:
    """The reference engine, joined to torch's graph."""
    result = run_machine(run)
    neuron = deepcopy(neuron_of(run))  # the network's parameters may change before a gradient is requested
    scores, spikes = _Outputs.apply(run, result, neuron, *run.parameters)  # type: ignore[no-untyped-call]
    if run.readings < scores.shape[1]:
        scores = scores.sum(dim=1, keepdim=True)
    cost, charges = run.spike_cost, None
    if cost is not None:
        charges = _by_layer(run.network, spikes * cost.weights.to(spikes))
    emitted = _by_layer(run.network, spikes)
    return Simulation(scores=scores, spikes=emitted, charges=charges, execution=result.execution)


def _by_layer(network: SpikingNetwork, of_neurons: torch.Tensor) -> torch.Tensor:
    """(B, L) sums of (B, N) over the neurons of each layer."""
    return torch.stack([of_neurons[:, layer].sum(dim=1) for layer in network.layer_slices], dim=1)


class _Sweep:
    """Gradients of parameters, all float64, collected pass by pass from the last to the first.

    Made from the run, and from the gradients of its (B, T, C) output spikes or (B, 1, C) output potentials and of the
    (B, N) numbers of spikes.
    """

    def __init__(
        self,
        run: Run,
        neuron: NeuronTensors,
        parameters: Sequence[torch.Tensor],
        output_gradient: torch.Tensor,
        spike_gradient: torch.Tensor,
    ) -> None:
        network = self.network = run.network
        self.neuron = neuron
        self.connections: list[Connection] = network.layer_connections()
        self.layers = network.layer_slices
        weights = [weight.detach().double() for weight in parameters[: len(network.all_weights())]]
        self.weights = weights[: len(self.connections)]
        self.weight_gradients = [torch.zeros_like(weight) for weight in self.weights]
        zeros = torch.zeros_like(neuron.decay, dtype=torch.float64)
        self.bias_gradient = None if network.bias is None else zeros.clone()
        self.threshold_gradient, self.decay_gradient = zeros.clone(), zeros.clone()
        self.output_gradient, self.spike_gradient = output_gradient, spike_gradient
        self.G = NeuronState(*(torch.zeros_like(spike_gradient) for _ in NeuronState._fields))
        self.further = FurtherGradients(run, weights[len(self.connections) :])
        if network.neuron.readout == "potential":
            self.G.u[:, self.layers[-1]] = output_gradient[:, 0]

    def backward_pass(self, timestep: int, passed: Pass) -> None:
        self.g_c = self.spike_gradient + self.further.begin_pass(timestep)
        if self.network.neuron.readout == "spikes":
            self.g_c[:, self.layers[-1]] += self.output_gradient[:, timestep]
        g_q = dx = torch.zeros_like(self.G.u)
        for k, step in reversed(list(enumerate(passed.steps))):
            g_q = self._unchoose(k, step, g_q, dx)
            dx = self._unevaluate(step, g_q)
            self.further.step(timestep, k, dx, passed.arriving)
            if step.kept_input is not None:
                first = dx[:, self.layers[0]]
                self.weight_gradients[0] += self.connections[0].weight_gradient(first, step.kept_input.double())
                self.further.leave(k - 1, step.kept_input.double(), inputs=True)
        self.G, at_bias, at_decay = begin_gradient(self.neuron, passed, self.G)
        if self.bias_gradient is not None:
            self.bias_gradient += at_bias.sum(dim=0)
        self.decay_gradient += at_decay.sum(dim=0)

    def _unchoose(self, k: int, step: Step, g_q: torch.Tensor, dx: torch.Tensor) -> torch.Tensor:
        """Gradient of the queue before the choice; `dx` is that of the currents from the chosen spikes."""
        back = torch.zeros_like(g_q)
        kept = step.kept.double()
        for layer, connection in enumerate(self.connections[1:], start=1):
            source, target = self.layers[layer - 1], self.layers[layer]
            if not dx[:, target].any():
                continue
            back[:, source] = connection.spikes_gradient(dx[:, target], self.weights[layer])
            self.weight_gradients[layer] += connection.weight_gradient(dx[:, target], kept[:, source])
        back = back + self.further.leave(k, kept)
        chosen = back if step.kept_share is None else back * step.kept_share
        return torch.where(step.chosen, chosen, torch.where(step.idle, back, g_q))

    def _unevaluate(self, step: Step, g_q: torch.Tensor) -> torch.Tensor:
        """Gradient of the integrated currents; `G` becomes the gradient of the state before."""
        g = g_q + self.g_c
        before, dx, raised = step_gradient(self.neuron, step, self.G, g)
        self.threshold_gradient += torch.where(step.evaluated, raised, 0.0).sum(dim=0)
        self.G = before.where(step.evaluated, self.G)
        return torch.where(step.evaluated, dx, 0.0)


class _Outputs(torch.autograd.Function):
    """Joins a run to torch's graph: returns (B, T, C) output spikes or (B, 1, C) potentials and the (B, N) spikes of
    each neuron; its backward turns their gradients into those of the run's parameters."""

    @staticmethod
    def forward(
        ctx: Any, run: Run, result: Result, neuron: NeuronTensors, *parameters: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.run, ctx.result, ctx.neuron = run, result, neuron
        ctx.learned = run.learns_threshold, run.learns_decay
        ctx.save_for_backward(*parameters)  # torch then refuses weights that were changed in place
        return result.scores.clone(), result.spikes.to(run.network.threshold.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        parameters: tuple[torch.Tensor, ...] = ctx.saved_tensors
        sweep = _Sweep(ctx.run, ctx.neuron, parameters, *(gradient.double() for gradient in output_gradients))
        for timestep, passed in reversed(list(enumerate(ctx.result.passes))):
            sweep.backward_pass(timestep, passed)
        learned = zip((sweep.threshold_gradient, sweep.decay_gradient), ctx.learned, strict=True)
        gradients = [
            *(*sweep.weight_gradients, *sweep.further.weight_gradients),
            *([] if sweep.bias_gradient is None else [sweep.bias_gradient]),
            *(gradient for gradient, learns in learned if learns),
        ]
        return (None, None, None, *(g.to(p.dtype) for g, p in zip(gradients, parameters, strict=True)))

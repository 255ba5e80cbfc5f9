"""A gate that learns which inputs a network does not need.

Each column i of the first layer's weights W (an input, a pool window or a channel; see `SpikingNetwork.input_gate`) has
a logit a_i and is open, m_i = 1, if a_i > 0. Training runs with W' = W diag(m), and the gradient of the mask passes
straight through to the logit (Bengio et al. 2013, arXiv 1308.3432). docs/design.md has the equations, and says how
logits start and when the gate is frozen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from codesign.network.spiking_network import SpikingNetwork
from codesign.training.recipe import Recipe
from codesign.workload.events import EventBatch

_FIRST = 0.1
"""Share of all updates after which an input that has only costs is closed."""


class LearnedGate:
    """The (columns,) logits of a network's input gate, a parameter, and the shares p_i that weight the cost of inputs,
    computed from the events of the split `training`. The network gets a gate that is open at first."""

    def __init__(self, network: SpikingNetwork, recipe: Recipe, training: EventBatch) -> None:
        self._network, self._recipe = network, recipe
        self._first = network.layer_connections()[0]
        weight = self._first.weight
        events = torch.from_numpy(training.events_of_inputs()).to(weight.device)
        self.shares = (self._first.of_columns(events) / events.sum().clamp(min=1)).to(weight.dtype)
        updates = recipe.epochs * math.ceil(len(training) / recipe.batch_size)
        self.logits = torch.nn.Parameter(torch.full_like(self.shares, _FIRST * recipe.learning_rate * updates))
        self._learning_epochs = min((1 + recipe.cost_ramp) / 2 * recipe.epochs, recipe.epochs - 1)
        self.settle()

    def is_frozen(self, epoch: int) -> bool:
        """Whether the gate no longer learns in an epoch, 1 for the first."""
        return epoch > self._learning_epochs

    @contextmanager
    def in_weights(self, epoch: int) -> Iterator[None]:
        """Run a pass and compute its gradients with the mask multiplied into the weights, and without the network's
        gate. Then the weights are restored, and the logits and open columns alone have gradients."""
        weight, mask = self._first.weight, self._first.of_weights(self.logits > 0)
        whole = weight.detach().clone()
        with torch.no_grad():
            weight.mul_(mask)
        self._network.input_gate = None
        try:
            yield
        finally:  # an error or interrupt leaves the network with its weights and gate
            self.logits.grad = None
            if weight.grad is not None:
                if not self.is_frozen(epoch):
                    of_mask = self._first.sums_of_columns(weight.grad * whole)
                    cost = self._recipe.risen(epoch - 0.5) * self._recipe.input_cost
                    self.logits.grad = of_mask + cost * self.shares
                weight.grad.mul_(mask)
            with torch.no_grad():
                weight.copy_(whole)
            self.settle()

    def settle(self) -> None:
        """After an update, set the network's gate from the logits."""
        self._network.input_gate = self.logits.detach() > 0

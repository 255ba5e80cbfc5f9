"""A gate that learns which inputs a network can do without.

Each column i of the first layer's weights W (an input, or what `SpikingNetwork.input_gate` says) has a logit a_i, and
is open where a_i > 0: m_i = 1, otherwise 0. A pass of training runs with W' = W diag(m), and the loss gains
r λ_in Σ_i p_i m_i. The gradient of the mask passes straight through to the logit (Bengio et al. 2013, arXiv 1308.3432):

    dL/da_i = r λ_in p_i + Σ_j W_ji dL/dW'_ji        dL/dW_ji = m_i dL/dW'_ji

docs/design.md says what p_i, λ_in and r are, how logits begin and move, and when the gate is frozen. In these passes
the events of closed inputs arrive as messages without weight, since the logits need a gradient.
"""

from __future__ import annotations

import math

import torch

from codesign.network.spiking_network import SpikingNetwork
from codesign.training.recipe import Recipe
from codesign.workload.events import EventBatch

_FIRST = 0.1
"""Share of all updates after which an input that does nothing but cost is closed."""


class LearnedGate:
    """The (columns,) logits of a network's input gate, a parameter, and p_i, what inputs cost. The network gets a gate,
    open at first; the shares p_i follow from the events of the split `training`."""

    def __init__(self, network: SpikingNetwork, recipe: Recipe, training: EventBatch) -> None:
        self._network, self._recipe = network, recipe
        self._first = network.layer_connections()[0]
        weight = self._first.weight
        events = torch.from_numpy(training.events_of_inputs()).to(weight.device)
        self.shares = (self._first.of_columns(events) / events.sum().clamp(min=1)).to(weight.dtype)
        updates = recipe.epochs * math.ceil(len(training) / recipe.batch_size)
        self.logits = torch.nn.Parameter(torch.full_like(self.shares, _FIRST * recipe.learning_rate * updates))
        self._learning_epochs = min((1 + recipe.cost_ramp) / 2 * recipe.epochs, recipe.epochs - 1)
        self._whole = weight.detach()
        self.settle()

    def rests(self, epoch: int) -> bool:
        """Whether the gate is frozen in an epoch, 1 for the first."""
        return epoch > self._learning_epochs

    @torch.no_grad()
    def close(self) -> None:
        """Before a pass: put the mask into the weights, in place of the gate."""
        weight = self._first.weight
        self._whole = weight.detach().clone()
        weight.mul_(self._first.of_weights(self.logits > 0))
        self._network.input_gate = None

    @torch.no_grad()
    def open(self, epoch: int) -> None:
        """After it, and its gradients: give the weights back, and gradients to logits and to open columns alone."""
        weight = self._first.weight
        self.logits.grad = None
        if weight.grad is not None:
            if not self.rests(epoch):
                of_mask = self._first.sums_of_columns(weight.grad * self._whole)
                self.logits.grad = of_mask + self._recipe.risen(epoch - 0.5) * self._recipe.input_cost * self.shares
            weight.grad.mul_(self._first.of_weights(self.logits > 0))
        weight.copy_(self._whole)

    def settle(self) -> None:
        """After an update: the network's gate is what the logits have become."""
        self._network.input_gate = self.logits.detach() > 0

"""Thresholds and time constants that learn, as torch parameters: of a layer, or of each neuron.

A number x that is x₀ at first is held as p = ln(x / x₀), so that a threshold stays above 0 and a decay exp(−Δt/τ_m)
between 0 and 1 whatever an optimizer does, and a step of p changes x by a share of itself. Before an update the network
is given x₀ exp(p), through which gradients reach p. In the end its buffers hold plain numbers, as if its neurons had
been made with them.
"""

from __future__ import annotations

from typing import Any

import torch

from codesign.network.spiking_network import SpikingNetwork
from codesign.training.learn import Learn, check_learn


class LearnedNeurons(torch.nn.Module):
    """The parameters p of a network's thresholds and time constants.

    Args:
        network: already on the device where it learns.
        learn: which of them, of layers or of neurons. A layer's begins at the mean of its neurons.

    Raises:
        InputError: a time constant is infinite, or the network has timesteps of 0 s.
    """

    def __init__(self, network: SpikingNetwork, learn: Learn) -> None:
        super().__init__()
        check_learn(learn, float(network.time_constant.detach().max()), network.timestep_s)
        self._network = [network]  # in a list, so that it is no part of this module
        self._shared, self._learning_rate = learn.shared, learn.learning_rate
        self._first = {name: self._first_of(name) for name in self._shared}
        self.logarithms = torch.nn.ParameterDict(
            {name: torch.zeros(len(first), device=first.device) for name, first in self._first.items()}
        )

    @property
    def parameter_group(self) -> dict[str, Any]:
        """The parameters as an optimizer takes them, with their own learning rate if they have one."""
        own = {} if self._learning_rate is None else {"lr": self._learning_rate}
        return {"params": list(self.parameters()), **own}

    def _first_of(self, name: str) -> torch.Tensor:
        """(L,) or (N,) x₀."""
        (network,) = self._network
        values: torch.Tensor = getattr(network, name).detach().double()
        if self._shared[name] == "neuron":
            return values
        return torch.stack([values[neurons].mean() for neurons in network.layer_slices])

    def join(self) -> None:
        """Give the network thresholds and time constants through which gradients reach the parameters.

        Without gradients, as under `torch.no_grad()`, they are plain numbers.
        """
        (network,) = self._network
        for name, sharing in self._shared.items():
            values = self._first[name] * self.logarithms[name].double().exp()
            if sharing == "layer":
                values = network.of_neurons(values)
            setattr(network, name, values.to(getattr(network, name).dtype))

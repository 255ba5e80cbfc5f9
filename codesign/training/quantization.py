"""Training with the weights and potentials of a chip: quantization-aware training (docs/design.md, Bits in training).

The gradient passes straight through to the float weights, as if nothing had been rounded (Hinton 2012; Bengio et al.
2013, arXiv 1308.3432).
"""

from __future__ import annotations

import torch

from codesign.errors import InputError
from codesign.network.neuron_numbers import are_finite
from codesign.network.quantization import Quantization, quantize
from codesign.network.spiking_network import SpikingNetwork


class LearnedWeights:
    """The float weights that an optimizer updates, one tensor per connection, then one per delayed connection.

    Without quantization they are the network's own parameters; otherwise the network holds their quantized values, from
    the first `quantize` on.
    """

    def __init__(self, network: SpikingNetwork, quantization: Quantization | None) -> None:
        self.network, self.quantization = network, quantization
        self.weights: list[torch.nn.Parameter] = network.all_weights()
        if quantization is not None:
            copies = ((weight.detach().clone(), weight.requires_grad) for weight in self.weights)
            self.weights = [torch.nn.Parameter(copy, requires_grad=learns) for copy, learns in copies]

    def parameters(self) -> list[torch.nn.Parameter]:
        """All learning weights, in the network's order."""
        learned = dict(zip(self.network.all_weights(), self.weights, strict=True))
        return [learned.get(parameter, parameter) for parameter in self.network.parameters()]

    def take_gradients(self) -> None:
        """Move the gradients of the network's weights to the float weights."""
        if self.quantization is not None:
            for weight, quantized in zip(self.weights, self.network.all_weights(), strict=True):
                weight.grad, quantized.grad = quantized.grad, None

    def add_decay(self, decay: float) -> None:
        """Add 2 λ_W W, the gradient of λ_W ‖W‖², to the gradients of learning weights."""
        for weight in self.weights:
            if weight.requires_grad:
                gradient = weight.detach() * (2 * decay)
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)

    def can_run(self) -> bool:
        """Whether all weights are finite, and the network's numbers are those of a network that can be run."""
        try:
            self.network.check_numbers()
        except InputError:
            return False
        return are_finite(self.weights)

    def quantize(self) -> None:
        """Set the network's weights to the quantized float weights."""
        if self.quantization is not None:
            quantize(self.network, self.quantization, weights=self.weights)

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of the network's state dict with the float weights, on the CPU."""
        learned = dict(zip(self.network.all_weights(), self.weights, strict=True))
        named = self.network.named_parameters()
        weights = {name: learned[parameter] for name, parameter in named if parameter in learned}
        state = {**self.network.state_dict(), **weights}
        return {name: value.detach().cpu().clone() for name, value in state.items()}

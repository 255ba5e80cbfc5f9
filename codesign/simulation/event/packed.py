"""Several updates of a network, between which its weights stay packed.

In a small network, what surrounds the kernels takes as long as they do: choosing a batch, checking it, packing weights
and unpacking gradients. Here all of that is done once for several updates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from codesign.simulation.event.arrays import Doubles
from codesign.simulation.event.batch import Batch
from codesign.simulation.event.chunks import clear, learn_samples, mean_loss, new_learning
from codesign.simulation.run import Run


def stay_packed(run: Run) -> bool:
    """Whether only weights from layer to layer learn, no average pool divides them, and no policy looks at them."""
    network = run.network
    weights = network.weights()
    return (
        len(run.parameters) == len(weights)
        and all(weight.requires_grad and weight.is_contiguous() and weight.dtype == torch.float32 for weight in weights)
        and all(connection.scale == 1 for connection in network.layer_connections())
        and run.policy.score is None
    )


class PackedUpdates:
    """Updates with the samples of a run whose weights `stay_packed`.

    Attributes:
        weights: the packed weights; the caller changes them between `learn` and `settle`.
    """

    def __init__(self, run: Run) -> None:
        self._batch = Batch(run)
        self._results, self._learning = self._batch.new_results(), new_learning(self._batch)
        self.weights = torch.from_numpy(self._batch.network.weights)

    def pack(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Numbers in the shapes of the network's weights, packed like them."""
        return torch.from_numpy(self._batch.layout.pack(list(tensors)))

    def unpack(self, packed: torch.Tensor, into: Sequence[torch.Tensor]) -> None:
        """Write packed numbers into tensors in the shapes of the network's weights."""
        for tensor, numbers in zip(into, self._batch.layout.unpack_gradient(packed.numpy()), strict=True):
            tensor.detach().numpy()[...] = numbers.numpy()  # not by torch, whose threads would keep spinning
            torch.autograd.graph.increment_version(tensor)

    def learn(self, first: int, last: int) -> tuple[float, torch.Tensor]:
        """The mean loss of samples `first` to `last` − 1, and its packed gradient, which is valid until `settle`."""
        self._gradients = learn_samples(self._batch, self._results, self._learning, first, last)
        mean = mean_loss(self._batch.run, self._learning.losses[first:last], self._results.charges[first:last])
        rounded = float(torch.tensor(mean, dtype=torch.float32))  # numpy would warn of one that is too large
        return rounded, torch.from_numpy(self._gradients.weights)

    def settle(self) -> None:
        """Make the changed weights those of the next samples, and clear the gradient."""
        clear(self._batch, self._gradients)
        network = self._batch.network
        if len(network.transposed):
            self._batch.layout.pack_transposed(network.weights, network.transposed)

    def logits(self, first: int, last: int) -> torch.Tensor:
        """(last − first, C) output spike counts or potentials of these samples in their update."""
        return torch.from_numpy(self._results.scores[first:last].sum(axis=1))

    def spikes(self, first: int, last: int) -> Doubles:
        """(L,) spikes emitted by each layer, summed over these samples, in their update."""
        spikes: Doubles = self._results.spikes[first:last].sum(axis=0)
        return spikes

    def charges(self, first: int, last: int) -> torch.Tensor:
        """(last − first, L) sums of spikes' costs of these samples in their update; empty without costs."""
        return torch.from_numpy(self._results.charges[first:last].astype(np.float32))

    def release(self) -> None:
        """Leave the memory of packed weights to the next run; call it once, at the end."""
        self._batch.resources.packed.append(self._batch.network.weights)

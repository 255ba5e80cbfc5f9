"""A policy's priorities of all neurons and inputs of a batch, as the reference engine asks for them."""

from __future__ import annotations

import torch

from codesign.errors import InputError
from codesign.simulation.policies import Waiting
from codesign.simulation.run import Run


class Priorities:
    """Calls a policy, with what does not change of what it looks at: layer, core, index and score, as float32."""

    def __init__(self, run: Run) -> None:
        network, device = run.network, run.network.threshold.device
        self.policy = run.policy
        sizes = torch.tensor(network.shape.layer_sizes)
        layer = torch.repeat_interleave(torch.arange(1, len(sizes) + 1), sizes).float().to(device)
        zero = torch.zeros((), device=device)
        self.neurons = Waiting(
            potential=zero,
            enqueue_step=zero,
            layer=layer,
            core=layer - 1 if run.schedule.cores is None else torch.tensor(run.schedule.cores).float().to(device),
            index=torch.arange(network.shape.neurons, device=device).float(),
            step=zero,
            uniform=zero,
            noise=torch.tensor(run.regularization.momentum_noise, dtype=torch.float32),
            delivery=zero,
            cores=torch.tensor(float(run.schedule.core_count(len(sizes)))),
            score=run.policy.scores(network).to(device),
        )
        inputs = torch.arange(-network.shape.input_size, 0, device=device).float()
        self.inputs = self.neurons._replace(layer=zero, core=zero, index=inputs, score=zero)

    def of_neurons(
        self,
        potential: torch.Tensor,
        enqueue_step: torch.Tensor,
        k: int,
        uniform: torch.Tensor,
        delivery: torch.Tensor | None,
    ) -> torch.Tensor:
        """(B, N) float32 in step k, of (B, N) each; a delivery of None is 0 for all."""
        waiting = self.neurons._replace(
            potential=potential, enqueue_step=enqueue_step.float(), step=torch.tensor(float(k)), uniform=uniform
        )
        if delivery is not None:
            waiting = waiting._replace(delivery=delivery)
        return self._asked(waiting, potential)

    def of_inputs(self, k: int, uniform: torch.Tensor) -> torch.Tensor:
        """(B, inputs) float32 in step k; `uniform` is (B, inputs)."""
        waiting = self.inputs._replace(step=torch.tensor(float(k)), uniform=uniform)
        return self._asked(waiting, uniform)

    def _asked(self, waiting: Waiting, each: torch.Tensor) -> torch.Tensor:
        """What the policy says, float32 of the shape of `each`."""
        try:
            return torch.as_tensor(self.policy.priority(waiting), dtype=torch.float32).expand(each.shape)
        except Exception as error:  # a user's function may fail in any way
            raise InputError(
                f"scheduling policy '{self.policy.name}': its priority: {type(error).__name__}: {error}"
            ) from error

"""A policy's priorities of all neurons and inputs of a batch, as the reference engine asks for them."""

from __future__ import annotations

import torch

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.policies import Policy
from codesign.simulation.schedule import Schedule

__all__ = ["Priorities"]


class Priorities:
    """Calls a policy, with those of its arguments that do not change: layer, core and index, as float32."""

    def __init__(self, policy: Policy, network: SpikingNetwork, schedule: Schedule, device: torch.device) -> None:
        self.policy = policy
        sizes = torch.tensor(network.shape.layer_sizes)
        self.layer = torch.repeat_interleave(torch.arange(1, len(sizes) + 1), sizes).float().to(device)
        cores = self.layer - 1 if schedule.cores is None else torch.tensor(schedule.cores).float()
        self.core = cores.to(device)
        self.cores = torch.tensor(float(schedule.core_count(len(sizes))))
        self.index = torch.arange(network.shape.neurons, device=device).float()
        inputs = network.shape.input_size
        self.input_index = torch.arange(-inputs, 0, device=device).float()
        self.input_zero = torch.zeros(inputs, device=device)

    def of_neurons(
        self,
        p: torch.Tensor,
        enqueue_step: torch.Tensor,
        k: int,
        uniforms: torch.Tensor,
        noise: float,
        delivery: torch.Tensor | None,
    ) -> torch.Tensor:
        """(B, N) float32 in step k; `p`, `enqueue_step`, `uniforms` and `delivery` are (B, N), None is 0 for all."""
        step, strength = torch.tensor(float(k)), torch.tensor(noise, dtype=torch.float32)
        delivery = torch.zeros_like(p) if delivery is None else delivery
        result = self.policy.priority(
            p, enqueue_step.float(), self.layer, self.core, self.index, step, uniforms, strength, delivery, self.cores
        )
        return torch.as_tensor(result, dtype=torch.float32).expand(p.shape)

    def of_inputs(self, batch: int, k: int, uniforms: torch.Tensor, noise: float) -> torch.Tensor:
        """(B, inputs) float32 in step k; `uniforms` are (B, inputs)."""
        step, strength = torch.tensor(float(k)), torch.tensor(noise, dtype=torch.float32)
        zero = self.input_zero
        result = self.policy.priority(
            zero, zero, zero, zero, self.input_index, step, uniforms, strength, zero, self.cores
        )
        return torch.as_tensor(result, dtype=torch.float32).expand(batch, len(zero))

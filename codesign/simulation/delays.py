"""Delayed connections in the reference engine: what they bring in a timestep, and the gradient of it.

    x_i ← x_i + Σ_j W_ij c_j(t − d)    in the forward step in which layered inference evaluates the layer of i

with c the spikes that a neuron emitted in a timestep. No message reaches a layer before that step, so this is the same
as to add them when the timestep begins.
"""

from __future__ import annotations

import torch

from codesign.simulation.run import Run
from codesign.simulation.trace import Arrival


class LateArrivals:
    """What arrives late in B samples.

    Calls: `begin_pass`, then `ahead` and `join` in each forward step, and `end_pass`.

    Attributes:
        arriving: (B, sources) spikes of each connection that arrive in this timestep.
    """

    def __init__(self, run: Run) -> None:
        network = run.network
        self._connections, self._layers = network.delayed(), network.layer_slices
        self._weights = [weight.detach().double() for weight in network.delayed_weights()]
        self._first_step = run.first_step
        self._emitted: list[torch.Tensor] = []  # of each timestep

    def begin_pass(self, runs: torch.Tensor) -> None:
        """A timestep that (B,) samples run."""
        self.arriving: tuple[torch.Tensor, ...] = ()
        for one in self._connections:
            sources, at = self._layers[one.source], len(self._emitted) - one.delay
            empty = torch.zeros((len(runs), sources.stop - sources.start), dtype=torch.int64, device=runs.device)
            arriving = torch.where(runs[:, None], self._emitted[at][:, sources], 0) if at >= 0 else empty
            self.arriving = (*self.arriving, arriving)
        self._none = torch.zeros_like(runs)

    def ahead(self, k: int) -> torch.Tensor:
        """(B,) whether anything arrives in step k or a later one."""
        ahead = self._none
        for one, arriving in zip(self._connections, self.arriving, strict=True):
            if one.target + self._first_step >= k:
                ahead = ahead | (arriving > 0).any(dim=1)
        return ahead

    def join(self, k: int, arrival: Arrival) -> Arrival:
        """What arrives in step k, with what does over delayed connections."""
        for one, weight, spikes in zip(self._connections, self._weights, self.arriving, strict=True):
            if one.target + self._first_step == k and spikes.any():
                x = (spikes.double() @ weight.T).float()
                arrival = arrival.with_more(self._layers[one.target], x, spikes.sum(dim=1, keepdim=True))
        return arrival

    def end_pass(self, emitted: torch.Tensor) -> None:
        """A timestep has ended with (B, N) spikes emitted."""
        if self._connections:
            self._emitted.append(emitted)


class LateGradients:
    """Gradients that go back over delayed connections.

    Attributes:
        weight_gradients: one for each connection.
    """

    def __init__(self, run: Run) -> None:
        network = run.network
        self._connections, self._layers = network.delayed(), network.layer_slices
        self._weights = [weight.detach().double() for weight in network.delayed_weights()]
        self._first_step = run.first_step
        self._at_counts: dict[int, torch.Tensor] = {}  # by timestep
        self.weight_gradients = [torch.zeros_like(weight) for weight in self._weights]

    def at_counts(self, timestep: int) -> torch.Tensor | float:
        """(B, N) gradient at the spikes of a timestep, from later ones."""
        return self._at_counts.pop(timestep, 0.0)

    def step(self, timestep: int, k: int, dx: torch.Tensor, arriving: tuple[torch.Tensor, ...]) -> None:
        """From the (B, N) gradient at the currents of step k to weights, and to the spikes that crossed them."""
        for number, (one, spikes) in enumerate(zip(self._connections, arriving, strict=True)):
            if one.target + self._first_step != k or timestep < one.delay:
                continue
            at_currents, emitted = dx[:, self._layers[one.target]], timestep - one.delay
            self.weight_gradients[number] += at_currents.T @ spikes.double()
            at_counts = self._at_counts.setdefault(emitted, torch.zeros_like(dx))
            at_counts[:, self._layers[one.source]] += at_currents @ self._weights[number]

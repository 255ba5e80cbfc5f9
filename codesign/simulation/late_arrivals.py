"""Delayed and direct connections in the reference engine: what arrives over them in a pass, and its gradient.

    x_i ← x_i + Σ_j W_ij c_j(t − d)                      delayed: when layered inference evaluates the layer of i
    x_i(s + 1 + d) ← x_i(s + 1 + d) + Σ_j W_ij κ_j(s)    direct

docs/design.md defines the symbols; in code, the d of direct connections is called the detour.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from codesign.network.connection import FurtherConnection
from codesign.network.skips_and_delays import DirectShape
from codesign.simulation.run import Run
from codesign.simulation.trace import Arrival


class LateArrivals:
    """Spikes under way over delayed and direct connections in B samples.

    Order of calls: `begin_pass`; in each forward step `join`, then `leave` with the spikes that leave; finally
    `end_pass`. `ahead` may be called at any time.

    Attributes:
        arriving: (B, sources) spikes of each delayed connection that arrive in this timestep.
    """

    def __init__(self, run: Run) -> None:
        self._connections, self._layers = run.network.further(), run.network.layer_slices
        self._weights = [one.weight.detach().double() for one in self._connections]
        self._first_step = run.first_step
        self._emitted: list[torch.Tensor] = []  # of each timestep

    def begin_pass(self, runs: torch.Tensor) -> None:
        """Begin a timestep, which the samples in (B,) `runs` execute."""
        self._none = torch.zeros_like(runs)
        self._due: dict[int, list[tuple[slice, torch.Tensor, torch.Tensor]]] = {}
        self._ends: dict[int, torch.Tensor] = {}  # (B,) whether any message arrives, by step
        self.arriving: tuple[torch.Tensor, ...] = ()
        for one, weight in zip(self._connections, self._weights, strict=True):
            sources, at = self._layers[one.shape.source], len(self._emitted) - one.shape.delay
            if not one.shape.delay:
                continue
            empty = torch.zeros((len(runs), sources.stop - sources.start), dtype=torch.int64, device=runs.device)
            arriving = torch.where(runs[:, None], self._emitted[at][:, sources], 0) if at >= 0 else empty
            self.arriving = (*self.arriving, arriving)
            self._send(one, weight, one.shape.target + self._first_step, arriving, arriving)

    def leave(self, step: int, kept: torch.Tensor, reaching: torch.Tensor, layer: int | None = None) -> None:
        """Take what leaves in a step: (B, N) spikes that are not lost and those that count as messages; for layer −1,
        (B, inputs)."""
        for one, weight in zip(self._connections, self._weights, strict=True):
            if isinstance(one.shape, DirectShape) and (one.shape.source < 0) == (layer == -1):
                own = slice(None) if layer == -1 else self._layers[one.shape.source]
                self._send(one, weight, step + 1 + one.shape.detour, kept[:, own], reaching[:, own])

    def _send(
        self, one: FurtherConnection, weight: torch.Tensor, at: int, kept: torch.Tensor, sent: torch.Tensor
    ) -> None:
        """Send (B, sources) spikes over a connection, to arrive in step `at`; `sent` of them count as messages."""
        self._ends[at] = self._ends.get(at, self._none) | (sent > 0).any(dim=1)
        if sent.any():
            x, messages = one.currents(kept.double(), weight).float(), one.messages(sent.double()).round().long()
            self._due.setdefault(at, []).append((self._layers[one.shape.target], x, messages))

    def ahead(self, k: int) -> torch.Tensor:
        """(B,) whether anything is under way that arrives in step k or later."""
        ahead = self._none
        for step, any_ in self._ends.items():
            ahead = ahead | any_ if step >= k else ahead
        return ahead

    def join(self, k: int, arrival: Arrival) -> Arrival:
        """Add what arrives over these connections in step k to `arrival`."""
        for due in self._due.pop(k, ()):
            arrival = arrival.with_more(*due)
        return arrival

    def end_pass(self, emitted: torch.Tensor) -> None:
        """End a timestep in which (B, N) spikes were emitted."""
        if self.arriving:
            self._emitted.append(emitted)


class LateGradients:
    """Backpropagation over delayed and direct connections, through the steps of a pass from the last to the first.

    Attributes:
        weight_gradients: one per delayed connection, followed by one per direct connection.
    """

    def __init__(self, run: Run, weights: Sequence[torch.Tensor]) -> None:
        self._connections, self._layers = run.network.further(), run.network.layer_slices
        self._weights = weights
        self._first_step = run.first_step
        self._at_counts: dict[int, torch.Tensor] = {}  # by timestep
        self.weight_gradients = [torch.zeros_like(weight) for weight in self._weights]

    def begin_pass(self, timestep: int) -> torch.Tensor | float:
        """Begin a timestep; return the (B, N) gradient of its spikes that comes from later timesteps."""
        self._dx: dict[int, torch.Tensor] = {}
        return self._at_counts.pop(timestep, 0.0)

    def step(self, timestep: int, k: int, dx: torch.Tensor, arriving: tuple[torch.Tensor, ...]) -> None:
        """Propagate the (B, N) gradient of the currents of step k over delayed connections to their weights and to the
        spikes that crossed them."""
        self._dx[k] = dx
        for number, spikes in enumerate(arriving):  # delayed connections come first
            shape = self._connections[number].shape
            if shape.target + self._first_step == k and timestep >= shape.delay:
                at_counts = self._at_counts.setdefault(timestep - shape.delay, torch.zeros_like(dx))
                at_counts[:, self._layers[shape.source]] += self._cross(number, dx, spikes.double())

    def leave(self, step: int, kept: torch.Tensor, layer: int | None = None) -> torch.Tensor | float:
        """Add the weight gradients of what left over direct connections in a step, with the arguments of
        `LateArrivals.leave`; return the (B, N) gradient of the neurons' spikes."""
        back: torch.Tensor | float = 0.0
        for number, one in enumerate(self._connections):
            if isinstance(one.shape, DirectShape) and (one.shape.source < 0) == (layer == -1):
                own = slice(None) if layer == -1 else self._layers[one.shape.source]
                dx = self._dx.get(step + 1 + one.shape.detour)
                if dx is None:
                    continue
                crossed = self._cross(number, dx, kept[:, own])
                if layer is None:
                    back = torch.zeros_like(dx) if isinstance(back, float) else back
                    back[:, own] += crossed
        return back

    def _cross(self, number: int, dx: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        """Add the weight gradient of the (B, sources) spikes that crossed a connection; return that of the spikes."""
        one = self._connections[number]
        at_currents = dx[:, self._layers[one.shape.target]]
        self.weight_gradients[number] += one.weight_gradient(at_currents, spikes)
        return one.spikes_gradient(at_currents, self._weights[number])

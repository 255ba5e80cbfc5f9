"""Direct connections in the reference engine: what they bring within a timestep, and the gradient of it.

    x_i(s + 1 + d) ← x_i(s + 1 + d) + Σ_j W_ij κ_j(s)

with κ(s) the spikes that leave in forward step s and are not lost (the frame leaves in step −1), and d the detour: the
layers between those of j and i.
"""

from __future__ import annotations

import torch

from codesign.simulation.run import Run
from codesign.simulation.trace import Arrival


class DirectArrivals:
    """What is under way over direct connections in B samples.

    Calls: `begin_pass`; then in each forward step `join`, and `leave` with what leaves; `ahead` at any time.
    """

    def __init__(self, run: Run) -> None:
        network = run.network
        self._connections, self._layers = network.direct(), network.layer_slices
        self._weights = [one.weight.detach().double() for one in self._connections]

    def begin_pass(self, runs: torch.Tensor) -> None:
        """A timestep in which nothing is under way yet in (B,) samples."""
        self._none = torch.zeros_like(runs)
        self._due: dict[int, list[tuple[slice, torch.Tensor, torch.Tensor]]] = {}
        self._ends: dict[int, torch.Tensor] = {}  # (B,) whether any message arrives, by step

    def leave(self, step: int, kept: torch.Tensor, reaching: torch.Tensor, layer: int | None = None) -> None:
        """What leaves in a step: (B, N) spikes that are kept, and those that count as messages; or, of layer −1, (B,
        inputs)."""
        for one, weight in zip(self._connections, self._weights, strict=True):
            if (one.shape.source < 0) != (layer == -1):
                continue
            own = slice(None) if layer == -1 else self._layers[one.shape.source]
            sent, at = reaching[:, own], step + 1 + one.shape.detour
            self._ends[at] = self._ends.get(at, self._none) | (sent > 0).any(dim=1)
            if sent.any():
                x = one.currents(kept[:, own].double(), weight).float()
                messages = one.messages(sent.double()).round().long()
                self._due.setdefault(at, []).append((self._layers[one.shape.target], x, messages))

    def ahead(self, k: int) -> torch.Tensor:
        """(B,) whether any message is under way that arrives in step k or later."""
        ahead = self._none
        for step, any_ in self._ends.items():
            ahead = ahead | any_ if step >= k else ahead
        return ahead

    def join(self, k: int, arrival: Arrival) -> Arrival:
        """What arrives in step k, with what does over direct connections."""
        for due in self._due.pop(k, ()):
            arrival = arrival.with_more(*due)
        return arrival


class DirectGradients:
    """Gradients that go back over direct connections, through the steps of a pass from the last to the first.

    Attributes:
        weight_gradients: one for each connection.
    """

    def __init__(self, run: Run) -> None:
        network = run.network
        self._connections, self._layers = network.direct(), network.layer_slices
        self._weights = [one.weight.detach().double() for one in self._connections]
        self.weight_gradients = [torch.zeros_like(weight) for weight in self._weights]

    def begin_pass(self) -> None:
        self._dx: dict[int, torch.Tensor] = {}

    def note(self, k: int, dx: torch.Tensor) -> None:
        """The (B, N) gradient at the currents of step k."""
        if self._connections:
            self._dx[k] = dx

    def leave(self, step: int, kept: torch.Tensor, layer: int | None = None) -> torch.Tensor | float:
        """Adds to gradients of weights those of what left in a step; as `DirectArrivals.leave` has it. Returns the (B,
        N) gradient at the spikes of neurons."""
        back: torch.Tensor | float = 0.0
        for number, (one, weight) in enumerate(zip(self._connections, self._weights, strict=True)):
            dx = self._dx.get(step + 1 + one.shape.detour)
            if dx is None or (one.shape.source < 0) != (layer == -1):
                continue
            own = slice(None) if layer == -1 else self._layers[one.shape.source]
            at_currents = dx[:, self._layers[one.shape.target]]
            self.weight_gradients[number] += one.weight_gradient(at_currents, kept[:, own])
            if layer is None:
                back = torch.zeros_like(dx) if isinstance(back, float) else back
                back[:, own] += one.spikes_gradient(at_currents, weight)
        return back

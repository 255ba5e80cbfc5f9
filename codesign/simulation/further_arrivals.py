"""Delayed and direct connections in the reference engine: what arrives over them in a pass, and its gradient.

    x_i ← x_i + Σ_j W_ij c_j(t − d)                      delayed: when layered inference evaluates the layer of i
    x_i(s + 1 + d) ← x_i(s + 1 + d) + Σ_j W_ij κ_j(s)    direct

docs/design.md defines the symbols; in code, the d of direct connections is called the detour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from codesign.network.connection import FurtherConnection
from codesign.network.skips_and_delays import DirectShape
from codesign.simulation.run import Run
from codesign.simulation.trace import Arrival


class _FurtherConnections:
    """The delayed connections of a run, followed by the direct ones, with their weights in float64."""

    def __init__(self, run: Run, weights: Sequence[torch.Tensor]) -> None:
        self._connections, self._weights = run.network.further(), weights
        self._layers, self._first_step = run.network.layer_slices, run.first_step

    def _direct_from(self, *, inputs: bool) -> Iterator[tuple[int, FurtherConnection, slice]]:
        """The direct connections that begin at the input, or those that begin at neurons: their numbers among all, and
        which inputs or neurons they begin at."""
        for number, connection in enumerate(self._connections):
            source = connection.shape.source
            if isinstance(connection.shape, DirectShape) and (source < 0) == inputs:
                yield number, connection, slice(None) if inputs else self._layers[source]


class FurtherArrivals(_FurtherConnections):
    """Spikes under way over delayed and direct connections in B samples.

    Order of calls: `begin_pass`; in each forward step `join`, then `leave` with the spikes that leave; finally
    `end_pass`. `ahead` may be called at any time.

    Attributes:
        arriving: (B, sources) spikes of each delayed connection that arrive in this timestep.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run, [connection.weight.detach().double() for connection in run.network.further()])
        self._emitted: list[torch.Tensor] = []  # of each timestep

    def begin_pass(self, runs: torch.Tensor) -> None:
        """Begin a timestep, which the samples in (B,) `runs` execute."""
        self._none = torch.zeros_like(runs)
        self._due: dict[int, list[tuple[slice, torch.Tensor, torch.Tensor]]] = {}  # by step
        self._arrives: dict[int, torch.Tensor] = {}  # (B,) whether any message arrives, by step
        self.arriving: tuple[torch.Tensor, ...] = ()
        for number, connection in enumerate(self._connections):
            shape = connection.shape
            if not shape.delay:
                continue
            sources, emitted_in = self._layers[shape.source], len(self._emitted) - shape.delay
            spikes = torch.zeros((len(runs), sources.stop - sources.start), dtype=torch.int64, device=runs.device)
            if emitted_in >= 0:
                spikes = torch.where(runs[:, None], self._emitted[emitted_in][:, sources], 0)
            self.arriving = (*self.arriving, spikes)
            self._send(number, shape.target + self._first_step, spikes, spikes)

    def leave(self, step: int, kept: torch.Tensor, sent: torch.Tensor, *, inputs: bool = False) -> None:
        """Take what leaves neurons or `inputs` in a step: (B, N) or (B, inputs) spikes that are not lost, and the ones
        that count as messages."""
        for number, connection, sources in self._direct_from(inputs=inputs):
            self._send(number, step + 1 + connection.shape.detour, kept[:, sources], sent[:, sources])

    def _send(self, number: int, step: int, kept: torch.Tensor, sent: torch.Tensor) -> None:
        """Send (B, sources) spikes over a connection, to arrive in a step; `sent` of them count as messages."""
        self._arrives[step] = self._arrives.get(step, self._none) | (sent > 0).any(dim=1)
        if sent.any():
            connection = self._connections[number]
            x = connection.currents(kept.double(), self._weights[number]).float()
            messages = connection.messages(sent.double()).round().long()
            self._due.setdefault(step, []).append((self._layers[connection.shape.target], x, messages))

    def ahead(self, k: int) -> torch.Tensor:
        """(B,) whether anything is under way that arrives in step k or later."""
        ahead = self._none
        for step, arrives in self._arrives.items():
            ahead = ahead | arrives if step >= k else ahead
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


class FurtherGradients(_FurtherConnections):
    """Backpropagation over delayed and direct connections, through the steps of a pass from the last to the first.

    Attributes:
        weight_gradients: one per delayed connection, followed by one per direct connection.
    """

    def __init__(self, run: Run, weights: Sequence[torch.Tensor]) -> None:
        super().__init__(run, weights)
        self._at_counts: dict[int, torch.Tensor] = {}  # by timestep
        self.weight_gradients = [torch.zeros_like(weight) for weight in weights]

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

    def leave(self, step: int, kept: torch.Tensor, *, inputs: bool = False) -> torch.Tensor | float:
        """Add the weight gradients of what left over direct connections in a step, with the arguments of
        `FurtherArrivals.leave`; return the (B, N) gradient of the neurons' spikes."""
        back: torch.Tensor | float = 0.0
        for number, connection, sources in self._direct_from(inputs=inputs):
            dx = self._dx.get(step + 1 + connection.shape.detour)
            if dx is None:
                continue
            crossed = self._cross(number, dx, kept[:, sources])
            if not inputs:
                back = torch.zeros_like(dx) if isinstance(back, float) else back
                back[:, sources] += crossed
        return back

    def _cross(self, number: int, dx: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        """Add the weight gradient of the (B, sources) spikes that crossed a connection; return that of the spikes."""
        connection = self._connections[number]
        at_currents = dx[:, self._layers[connection.shape.target]]
        self.weight_gradients[number] += connection.weight_gradient(at_currents, spikes)
        return connection.spikes_gradient(at_currents, self._weights[number])

"""Records of the reference engine: what arrives in a step, what is kept for the gradient, and the result of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from codesign.simulation.execution import Execution


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What arrives at the neurons in a forward step: (B, N) float32 currents x, (B, N) int64 messages that gates count
    (including barriers), spike messages alone, and the input spikes behind them, if any."""

    x: torch.Tensor
    messages: torch.Tensor
    spikes: torch.Tensor
    kept_input: torch.Tensor | None

    def with_more(self, neurons: slice, x: torch.Tensor, spikes: torch.Tensor) -> Arrival:
        """The arrival with further currents and spikes for some neurons. Gates do not count these."""
        all_x, all_spikes = self.x.clone(), self.spikes.clone()
        all_x[:, neurons] += x
        all_spikes[:, neurons] += spikes
        return replace(self, x=all_x, spikes=all_spikes)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One forward step as the backward run needs it, (B, N) each unless stated.

    Attributes:
        v: evaluated potential, 0 for neurons that are not evaluated.
        evaluated, refractory: flags of the evaluation; `refractory` is the flag before the step.
        spikes: emitted spikes, int64.
        open: synchronization gate, or None if no neuron waits for messages.
        chosen, idle: neurons that left, and silent neurons that get the gradient of one that left (see `idle`).
        kept: spikes of the chosen neurons that neither dropout nor a max pool lost.
        kept_share: kept / waiting spikes of the chosen, or None without network dropout and max pools.
        kept_input: (B, inputs) input spikes that fed the *evaluation* of this step, or None.
    """

    v: torch.Tensor
    evaluated: torch.Tensor
    spikes: torch.Tensor
    refractory: torch.Tensor
    open: torch.Tensor | None
    chosen: torch.Tensor
    idle: torch.Tensor
    kept: torch.Tensor
    kept_share: torch.Tensor | None
    kept_input: torch.Tensor | None


@dataclass(frozen=True, kw_only=True)
class Pass:
    """All forward steps of one timestep, the (B, N) potentials before their decay, the neurons that are held, and the
    (B, sources) spikes that arrived over each delayed connection."""

    steps: tuple[Step, ...]
    undecayed: torch.Tensor
    held: torch.Tensor | None
    arriving: tuple[torch.Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a run.

    Attributes:
        scores: (B, T, C) output spikes of each timestep, or (B, 1, C) output potentials.
        potentials: (B, N) float32 potentials after the last timestep.
        spikes: (B, N) int64, how often each neuron fired.
        passes: one `Pass` per timestep; empty if no trace was requested.
        execution: all counters, if requested.
    """

    scores: torch.Tensor
    potentials: torch.Tensor
    spikes: torch.Tensor
    passes: tuple[Pass, ...]
    execution: Execution | None

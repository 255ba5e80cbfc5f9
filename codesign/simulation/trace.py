"""What arrives in a step of the reference engine, what it keeps of a run for its gradient, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from codesign.simulation.execution import Execution


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What reaches the neurons in a forward step: currents x (B, N) float32, messages (B, N) int64 that gates count
    (barriers included), spike messages alone, and the input spikes behind them where any."""

    x: torch.Tensor
    messages: torch.Tensor
    spikes: torch.Tensor
    kept_input: torch.Tensor | None

    def with_more(self, neurons: slice, x: torch.Tensor, spikes: torch.Tensor) -> Arrival:
        """With further currents and spikes of some neurons. They open no gate, so they are no messages."""
        all_x, all_spikes = self.x.clone(), self.spikes.clone()
        all_x[:, neurons] += x
        all_spikes[:, neurons] += spikes
        return replace(self, x=all_x, spikes=all_spikes)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the backward sweep needs of one forward step, each (B, N) unless stated.

    Attributes:
        v: potential evaluated, 0 where not evaluated.
        evaluated, refractory: flags of the evaluation; `refractory` is the flag before the step.
        spikes: emitted, int64.
        open: synchronization gate, or None where no neuron waits for messages.
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
    """All forward steps of one timestep, (B, N) the potentials that it found, before they decay, who is held, and the
    (B, sources) spikes that arrived over each delayed connection."""

    steps: tuple[Step, ...]
    found: torch.Tensor
    held: torch.Tensor | None
    arriving: tuple[torch.Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run returns.

    Attributes:
        scores: (B, T, C) output spikes of each timestep, or (B, 1, C) output potentials.
        potentials: (B, N) float32 potentials after the last timestep.
        spikes: (B, N) int64 how often each neuron fired.
        passes: one `Pass` a timestep, empty if no trace was asked for.
        execution: all counters, if they were asked for.
    """

    scores: torch.Tensor
    potentials: torch.Tensor
    spikes: torch.Tensor
    passes: tuple[Pass, ...]
    execution: Execution | None

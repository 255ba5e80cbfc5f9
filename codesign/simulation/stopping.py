"""When passes and samples of a batch end, in the reference engine."""

from __future__ import annotations

import torch

from codesign.simulation.schedule import Schedule


class Stopping:
    """The stop condition of a schedule for B samples with C outputs.

    Order of calls: `begin_pass`; `is_last` in each forward step after its evaluations; `end_pass`.

    Attributes:
        runs: (B,) bool, samples that no margin has ended yet.
    """

    def __init__(self, schedule: Schedule, batch: int, classes: int, device: torch.device) -> None:
        self.schedule = schedule
        self.runs = torch.ones(batch, dtype=torch.bool, device=device)
        self._counts = torch.zeros((batch, classes), dtype=torch.int64, device=device)  # of earlier passes

    def begin_pass(self) -> None:
        self._first_output = torch.full((len(self.runs),), -1, dtype=torch.int64, device=self.runs.device)

    def is_last(self, k: int, fired: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """(B,) whether step k is the last of a sample's pass; `fired` (B, C) are the outputs that fired in the step,
        and `counts` (B, C) their spikes in the pass so far."""
        decided = fired.any(dim=1) & (self._first_output < 0)
        self._first_output = torch.where(decided, k, self._first_output)
        if self.schedule.stop == "on_output":
            return (self._first_output >= 0) & (k >= self._first_output + self.schedule.steps_after_output)
        if self.schedule.stop == "margin" and self.schedule.margin_check == "step":
            return self._ahead(self._counts + counts)
        return torch.zeros_like(self.runs)

    def end_pass(self, counts: torch.Tensor) -> None:
        """End a pass with (B, C) output spikes."""
        self._counts = self._counts + counts
        if self.schedule.stop == "margin":
            self.runs = self.runs & ~self._ahead(self._counts)

    def _ahead(self, counts: torch.Tensor) -> torch.Tensor:
        """(B,) whether the leading output is ahead of the next by the margin."""
        leading, following = torch.nn.functional.pad(counts, (1, 0)).topk(2, dim=1).values.unbind(dim=1)
        return leading - following >= self.schedule.margin

"""Training with a mixture of several forward passes, of which each sample draws one in each epoch.

A batch is divided by entry, and each part is run under its own schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from pydantic import model_validator

from codesign.arrays import Integers
from codesign.deferred import torch
from codesign.documents import Spec
from codesign.simulation.random import Purpose, sample_key, uniform
from codesign.simulation.results import ClassificationLoss
from codesign.simulation.schedule import Schedule
from codesign.training.policy_name import TimelessPolicyName
from codesign.units import Positive
from codesign.workload.events import EventBatch


class MixtureEntry(Spec):
    """One of the forward passes of a mixture: a policy and a group size, or layered backpropagation.

    Attributes:
        method: `layered` takes neither of the other two, `unlayered` both.
        policy, group_size: as in a recipe.
    """

    method: Literal["layered", "unlayered"] = "unlayered"
    policy: TimelessPolicyName | None = None
    group_size: Positive | None = None

    @model_validator(mode="after")
    def _check(self) -> MixtureEntry:
        given = [name for name in ("policy", "group_size") if getattr(self, name) is not None]
        if len(given) != (0 if self.method == "layered" else 2):
            raise ValueError("an entry needs policy and group_size, or method 'layered' and neither")
        return self

    @property
    def summary(self) -> str:
        """The entry in words, for results and model cards."""
        return "layered" if self.method == "layered" else f"{self.policy} F = {self.group_size}"


def drawn_entries(sample_ids: Integers, entries: int, *, seed: int, epoch: int) -> Integers:
    """(B,) index of the entry that each sample draws in an epoch; all are equally likely."""
    key = sample_key(seed, epoch, Purpose.MIXTURE, sample_ids)
    return (uniform(key).double() * entries).long().numpy()


def mixed_loss(
    schedules: Sequence[Schedule],
    batch: EventBatch,
    loss: Callable[[EventBatch, Schedule], ClassificationLoss],
    *,
    seed: int,
    epoch: int,
) -> ClassificationLoss:
    """The loss of a batch whose samples run under the schedules that they draw; rows are in the batch's order."""
    if len(schedules) == 1:
        return loss(batch, schedules[0])
    drawn = drawn_entries(batch.sample_ids, len(schedules), seed=seed, epoch=epoch)
    order = [np.flatnonzero(drawn == entry) for entry in range(len(schedules))]
    parts = [
        (len(samples) / len(batch), loss(batch.select(samples), schedule))
        for samples, schedule in zip(order, schedules, strict=True)
        if len(samples)
    ]
    places = torch.from_numpy(np.argsort(np.concatenate(order)))
    charges = [part.charges for _, part in parts if part.charges is not None]
    return ClassificationLoss(
        value=torch.stack([share * part.value for share, part in parts]).sum(),
        logits=torch.cat([part.logits for _, part in parts])[places],
        spikes=torch.cat([part.spikes for _, part in parts])[places],
        charges=torch.cat(charges)[places] if charges else None,
    )

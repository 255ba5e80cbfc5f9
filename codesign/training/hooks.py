"""Hooks through which your own Python code takes part in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler, ReduceLROnPlateau

from codesign.arguments import instance
from codesign.errors import InputError
from codesign.simulation.loss import LossFunction
from codesign.training.adam import Adam
from codesign.workload.events import EventBatch


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Functions that replace or extend parts of a recipe in `train`. None keeps the recipe's behaviour.

    Attributes:
        loss: function of a `Simulation` without counters and (B,) int64 labels that returns a scalar with gradient and
            replaces the recipe's cross-entropy. It is called with batches and, before the first, with one sample. The
            recipe's costs of spikes are added. A `CrossEntropy` is such a function; any other takes more time and
            memory, since the engine must run a whole batch forwards before it runs backwards.
        optimizer: creates the optimizer of the network's parameters, such as `lambda p: torch.optim.SGD(p, lr=0.1)`,
            instead of Adam with the recipe's learning rate. Its `step` is called without a closure. If the recipe has
            `learn`, the optimizer gets two parameter groups, the second with the neurons' thresholds and time
            constants.
        learning_rate_schedule: creates a torch scheduler for the optimizer, such as `lambda o: CosineAnnealingLR(o,
            T_max=20)`. Its `step` is called after each epoch, without a metric. It cannot be combined with the recipe's
            `warm_up`.
        batch_transform: changes each batch before its update, after the recipe's augmentation; a function of (events,
            *, seed, epoch), such as an `Augmentation`; the first `epoch` is 1. It must return as many samples.
    """

    loss: LossFunction | None = None
    optimizer: Callable[[Iterable[Any]], Optimizer] | None = None
    learning_rate_schedule: Callable[[Optimizer], LRScheduler] | None = None
    batch_transform: Callable[..., EventBatch] | None = None

    def __post_init__(self) -> None:
        for name, hook in vars(self).items():
            if hook is not None and not callable(hook):
                made = " that makes it" if name in ("optimizer", "learning_rate_schedule") else ""
                raise InputError(f"hooks.{name}: must be a function{made}, found {type(hook).__name__}")

    def make_optimizer(self, parameters: Iterable[Any], learning_rate: float) -> tuple[Optimizer, LRScheduler | None]:
        """The optimizer, and the scheduler of its learning rate, if any. Raises InputError if a hook returns
        something else."""
        make: Callable[[Iterable[Any]], Optimizer] = self.optimizer or partial(Adam, lr=learning_rate)
        optimizer = make(parameters)
        instance("what hooks.optimizer returns", optimizer, Optimizer)
        if self.learning_rate_schedule is None:
            return optimizer, None
        scheduler = self.learning_rate_schedule(optimizer)
        instance("what hooks.learning_rate_schedule returns", scheduler, LRScheduler)
        if isinstance(scheduler, ReduceLROnPlateau):
            raise InputError("hooks.learning_rate_schedule: gets no metric, which ReduceLROnPlateau needs; use another")
        return optimizer, scheduler

    def transformed(self, batch: EventBatch, *, seed: int, epoch: int) -> EventBatch:
        """A batch after `batch_transform`. Raises InputError if it has another number of samples then."""
        if self.batch_transform is None:
            return batch
        changed = self.batch_transform(batch, seed=seed, epoch=epoch)
        instance("what hooks.batch_transform returns", changed, EventBatch)
        if len(changed) != len(batch):
            raise InputError(f"hooks.batch_transform: must return {len(batch)} samples, found {len(changed)}")
        return changed


NO_HOOKS = Hooks()
"""No hooks: training as the recipe says."""


def warming(optimizer: Optimizer, updates: int) -> LRScheduler:
    """A scheduler that raises learning rates linearly to their values over this many updates; call `step` after each
    update."""
    return LinearLR(optimizer, start_factor=1 / updates, total_iters=max(updates - 1, 1))

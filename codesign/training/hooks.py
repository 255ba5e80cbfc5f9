"""Hooks through which your own Python code takes part in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler

from codesign.arguments import function, instance
from codesign.errors import InputError
from codesign.simulation.loss import LossFunction
from codesign.training.adam import Adam
from codesign.workload.events import EventBatch


class BatchTransform(Protocol):
    """Returns the batch to train on instead of one from the training split, like an `Augmentation`."""

    def __call__(self, events: EventBatch, /, *, seed: int, epoch: int) -> EventBatch: ...


_FORMS: Mapping[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "loss": ("(simulation, labels) that returns a scalar", ("simulation", "labels"), ()),
    "optimizer": ("(parameters) that returns an optimizer", ("parameters",), ()),
    "learning_rate_schedule": ("(optimizer) that returns a scheduler", ("optimizer",), ()),
    "batch_transform": ("(events, *, seed, epoch) that returns a batch", ("events",), ("seed", "epoch")),
}


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
        batch_transform: changes each batch before its update, after the recipe's augmentation; the first `epoch` is 1.
            It must return the same number of samples.

    Raises:
        InputError: a hook is not a function of these arguments.
    """

    loss: LossFunction | None = None
    optimizer: Callable[[Iterable[Any]], Optimizer] | None = None
    learning_rate_schedule: Callable[[Optimizer], LRScheduler] | None = None
    batch_transform: BatchTransform | None = None

    def __post_init__(self) -> None:
        for name, (form, given, named) in _FORMS.items():
            if (hook := getattr(self, name)) is not None:
                function(f"hooks.{name}", hook, form, given=given, named=named)

    def make_optimizer(self, parameters: Iterable[Any], learning_rate: float) -> tuple[Optimizer, LRScheduler | None]:
        """The optimizer, and the scheduler of its learning rate, if any.

        Raises:
            InputError: a hook returns something else, or something that needs a closure or a metric at each step.
        """
        adam = partial(Adam, lr=learning_rate)
        optimizer = (self.optimizer or adam)(parameters)
        instance("hooks.optimizer: what it returns", optimizer, Optimizer)
        function("hooks.optimizer: step of what it returns", optimizer.step, "no arguments", given=())
        if self.learning_rate_schedule is None:
            return optimizer, None
        scheduler = self.learning_rate_schedule(optimizer)
        instance("hooks.learning_rate_schedule: what it returns", scheduler, LRScheduler)
        function("hooks.learning_rate_schedule: step of what it returns", scheduler.step, "no arguments", given=())
        return optimizer, scheduler

    def transformed(self, batch: EventBatch, *, seed: int, epoch: int) -> EventBatch:
        """A batch after `batch_transform`.

        Raises:
            InputError: it does not return a batch of the same number of samples.
        """
        if self.batch_transform is None:
            return batch
        changed = self.batch_transform(batch, seed=seed, epoch=epoch)
        instance("hooks.batch_transform: what it returns", changed, EventBatch)
        if len(changed) != len(batch):
            raise InputError(
                f"hooks.batch_transform: must return {len(batch)} samples, as many as it is given; found {len(changed)}"
            )
        return changed


NO_HOOKS = Hooks()
"""No hooks: training as the recipe says."""


def warming(optimizer: Optimizer, updates: int) -> LRScheduler:
    """A scheduler that raises learning rates linearly to their values over this many updates; call `step` after each
    update."""
    return LinearLR(optimizer, start_factor=1 / updates, total_iters=max(updates - 1, 1))

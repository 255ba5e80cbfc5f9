"""The updates of a training, one batch after another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import Optimizer

from codesign.arrays import Floats, Integers
from codesign.errors import TrainingDivergedError
from codesign.network.neuron_numbers import are_finite
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, engine_name
from codesign.simulation.loss import CrossEntropy, LossFunction
from codesign.simulation.results import ClassificationLoss
from codesign.simulation.run import Run
from codesign.simulation.schedule import Schedule
from codesign.training.adam import Adam, Moments
from codesign.training.evaluation import predictions
from codesign.training.hooks import Hooks
from codesign.training.input_gate import LearnedGate
from codesign.training.learn import LearnedNeurons
from codesign.training.losses import make_loss
from codesign.training.mixture import mixed_loss
from codesign.training.quantization import LearnedWeights
from codesign.training.recipe import Recipe
from codesign.training.spike_costs import SpikeCosts
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    from codesign.simulation.event.packed import PackedUpdates

_MOST_NUMBERS = 1 << 18
"""Most events, timesteps and scores of the samples for which weights stay packed; more take more memory and save hardly
any time."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What makes the updates of a training.

    Attributes:
        weights: the float weights.
        schedule: the schedule of all samples or, with a mixture, of those that draw its first entry.
        costs, gate: costs of spikes and the gate of inputs, if the recipe has them.
    """

    weights: LearnedWeights
    recipe: Recipe
    schedule: Schedule
    seed: int
    engine: str
    costs: SpikeCosts | None
    hooks: Hooks
    gate: LearnedGate | None

    @property
    def network(self) -> SpikingNetwork:
        return self.weights.network

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """All schedules used in training; those of a mixture in its order."""
        return (self.schedule, *self.recipe.schedules[1:])

    @cached_property
    def learned(self) -> LearnedNeurons | None:
        """The learning parameters of neurons, if any."""
        return None if self.recipe.learn is None else LearnedNeurons(self.network, self.recipe.learn)

    def updates(self, optimizer: Optimizer, training: EventBatch, positions: Integers, epoch: int) -> Iterator[Floats]:
        """Make an update with each batch of the samples at `positions` in turn, and yield its summed loss, the number
        of correct predictions and the spikes emitted by each layer."""
        size = self.recipe.batch_size
        run = self.run(training.select([0]), epoch) if self.is_plain else None
        if packs := run is not None and _can_pack(optimizer, run):
            scores = len(training) * run.readings * self.network.shape.layers[-1].neurons
            numbers = len(training.indices) + len(training.offsets) + scores
            size *= max(1, _MOST_NUMBERS * len(training) // (size * numbers))
        for first in range(0, len(positions), size):
            chosen = positions[first : first + size]
            if packs:  # no name holds the last samples while the next are chosen
                yield from self.packed_updates(optimizer, training.select(chosen), epoch)
            else:
                yield self.update(optimizer, self.prepared(training.select(chosen), epoch), epoch)

    @cached_property
    def is_plain(self) -> bool:
        """Whether an update only steps along a gradient of cross-entropy and costs of spikes, under one schedule."""
        parts = self.gate, self.learned, self.weights.quantization, self.recipe.augmentation, self.hooks.batch_transform
        plain = len(self.schedules) == 1 and all(part is None for part in parts)
        return plain and type(self.criterion) is CrossEntropy and engine_name(self.engine, self.network) == "event"

    def packed_updates(self, optimizer: Optimizer, samples: EventBatch, epoch: int) -> Iterator[Floats]:
        """`updates` with these samples in order, in batches of the same size, between which weights stay packed."""
        with packed(optimizer, self.run(samples, epoch)) as updates:
            decay = torch.empty_like(updates.weights)  # new memory for each update would take as long as a sample
            for first in range(0, len(samples), self.recipe.batch_size):
                part = first, min(first + self.recipe.batch_size, len(samples))
                value, gradient = updates.learn(*part)
                self.check_loss(value, epoch)
                if self.recipe.weight_decay:
                    gradient += torch.mul(updates.weights, 2 * self.recipe.weight_decay, out=decay)
                updates.weights.grad = gradient
                optimizer.step()
                updates.settle()
                if not are_finite([updates.weights]):
                    break
                right = predictions(self.network, updates.logits(*part)) == samples.labels[slice(*part)]
                value -= self.cost(updates.charges(*part), epoch)
                yield np.array([value * len(right), right.sum(), *updates.spikes(*part)])
        self.network.check_numbers()

    def run(self, samples: EventBatch, epoch: int) -> Run:
        """A run of samples that learns from the cross-entropy and the costs of spikes."""
        return Run(network=self.network, events=samples, schedule=self.schedule, learns=True, **self.options(epoch))

    def options(self, epoch: int) -> dict[str, Any]:
        """What every run of a training is given, besides its samples and schedule."""
        return {
            "regularization": self.recipe.regularization,
            "idle_gradient": self.recipe.idle_gradient,
            "seed": self.seed,
            "epoch": epoch,
            "loss": self.criterion,
            "spike_cost": None if self.costs is None else self.costs.of_update(max(epoch, 1)),
        }

    def check_loss(self, value: float, epoch: int) -> None:
        if not math.isfinite(value):
            raise TrainingDivergedError(f"the loss became {value} in epoch {epoch}; a lower learning rate may help")

    def update(self, optimizer: Optimizer, batch: EventBatch, epoch: int) -> Floats:
        """Make one update; return its results as `updates` does."""
        one_loss = partial(self.one_loss, epoch=epoch)
        with nullcontext() if self.gate is None else self.gate.in_weights(epoch):
            result = mixed_loss(self.schedules, batch, one_loss, seed=self.seed, epoch=epoch)
            value = float(result.value.detach())
            self.check_loss(value, epoch)
            optimizer.zero_grad(set_to_none=True)
            result.value.backward()  # type: ignore[no-untyped-call]
        self.weights.take_gradients()
        if self.recipe.weight_decay:
            self.weights.add_decay(self.recipe.weight_decay)
        optimizer.step()
        if self.gate is not None:
            self.gate.settle()
        self.join()
        self.weights.quantize()
        correct = int((predictions(self.network, result.logits) == batch.labels).sum())
        spikes = result.spikes.numpy(force=True).sum(axis=0, dtype=float)
        return np.array([(value - self.cost(result.charges, epoch)) * len(batch), correct, *spikes])

    def prepared(self, batch: EventBatch, epoch: int) -> EventBatch:
        """A batch of the training split, augmented and transformed for training."""
        if self.recipe.augmentation is not None:
            batch = self.recipe.augmentation(batch, seed=self.seed, epoch=epoch)
        return self.hooks.transformed(batch, seed=self.seed, epoch=epoch)

    def join(self) -> None:
        """Put learned neuron parameters into the network as plain numbers."""
        if self.learned is not None:
            with torch.no_grad():
                self.learned.join()

    def cost(self, charges: torch.Tensor | None, epoch: int) -> float:
        """Cost of a batch's spikes, the mean over its samples."""
        if self.costs is None or charges is None:
            return 0.0
        return float(self.costs.of_update(epoch).of(charges).mean())

    @cached_property
    def criterion(self) -> LossFunction:
        return make_loss(self.recipe.loss) if self.hooks.loss is None else self.hooks.loss

    def one_loss(self, batch: EventBatch, schedule: Schedule, *, epoch: int) -> ClassificationLoss:
        if self.learned is not None:
            self.learned.join()
        return classification_loss(self.network, batch, schedule, engine=self.engine, **self.options(epoch))


def _can_pack(optimizer: Optimizer, run: Run) -> bool:
    """Whether weights can stay packed between updates of a run by this optimizer, with the same result."""
    if type(optimizer) is not Adam:
        return False
    from codesign.simulation.event.packed import stay_packed  # here, because it loads the compiler

    weights = run.network.weights()
    if any(weight._backward_hooks or weight._post_accumulate_grad_hooks for weight in weights):
        return False  # which a user gave to torch, to see or change gradients
    learned = [[id(moments.tensor) for moments in group] for group in optimizer.moments]
    steps = {
        moments.steps for group in optimizer.moments for moments in group
    }  # fewer if a weight began to learn later
    return learned == [list(map(id, weights))] and len(steps) == 1 and stay_packed(run)


@contextmanager
def packed(optimizer: Any, run: Run) -> Iterator[PackedUpdates]:
    """Updates with the samples of a run, for which the optimizer changes packed weights. At the end, also after an
    error, the network and the optimizer have all changes."""
    from codesign.simulation.event.packed import PackedUpdates

    updates = PackedUpdates(run)
    (of_weights,) = optimizer.moments
    first, second = [moments.m for moments in of_weights], [moments.v for moments in of_weights]
    joint = Moments(updates.weights)
    joint.steps, joint.m, joint.v = of_weights[0].steps, updates.pack(first), updates.pack(second)
    optimizer.moments = [[joint]]
    try:
        yield updates
    finally:
        updates.unpack(updates.weights, run.network.weights())
        updates.unpack(joint.m, first)
        updates.unpack(joint.v, second)
        for moments in of_weights:
            moments.steps = joint.steps
        optimizer.moments = [of_weights]
        updates.release()

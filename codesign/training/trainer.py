"""Training a network by layered or unlayered backpropagation through time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from codesign.arguments import instance, whole
from codesign.devices import made_on, usable_device
from codesign.errors import InputError, TrainingDivergedError
from codesign.network.quantization import Quantization, quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import DEFAULT_ENGINE, check_labels
from codesign.simulation.run import Run
from codesign.simulation.schedule import Schedule
from codesign.simulation.silence import warn_of_silent_layers
from codesign.training.adam import Adam
from codesign.training.budget import EnergyMeter
from codesign.training.calibration import calibrate
from codesign.training.evaluation import answer
from codesign.training.hooks import NO_HOOKS, Hooks, warming
from codesign.training.input_gate import LearnedGate
from codesign.training.memory import PeakMemory, read_pages
from codesign.training.quantization import LearnedWeights
from codesign.training.recipe import Recipe
from codesign.training.recipe_mistakes import recipe_mistakes
from codesign.training.result import EpochReport, TrainingResult
from codesign.training.spike_costs import SpikeCosts
from codesign.training.updates import Learner
from codesign.units import in_percent
from codesign.workload.events import EventBatch


class _Best(NamedTuple):
    """The best epoch so far: its rank, its number, 0 if there is none yet, and the network's state after it."""

    rank: tuple[float, ...]
    epoch: int
    state: dict[str, torch.Tensor]


def train(
    network: SpikingNetwork,
    recipe: Recipe,
    training: EventBatch,
    validation: EventBatch,
    *,
    seed: int,
    schedule: Schedule | None = None,
    quantization: Quantization | None = None,
    on_epoch: Callable[[EpochReport], bool | None] | None = None,
    hooks: Hooks = NO_HOOKS,
    meter: EnergyMeter | None = None,
    device: torch.device | str = "cpu",
    engine: str = DEFAULT_ENGINE,
    warn: bool = True,
) -> TrainingResult:
    """Train a network in place and return the best weights on the validation split, calibrated if the recipe says so.

    The loss is the recipe's plus costs of spikes plus λ_W ‖W‖² over all weights (paper, sections 3.2 and A.4),
    minimized by Adam. The best epoch is the most accurate one, after costs have risen and the gate is frozen, among
    those that keep the budget. After an error or Ctrl-C the network has the weights of the best epoch so far,
    uncalibrated, or its current weights if no epoch was completed.

    Args:
        network: moved to `device` and changed in place.
        recipe: how to train the given network; `from` and `chip` of a recipe only apply in sweeps.
        training, validation: splits; do not use the test split.
        seed: determines the order of samples and all draws.
        schedule: schedule to train with instead of the recipe's (of a mixture, the first); None for the recipe's.
        on_epoch: called after each epoch; training ends if it returns True.
        hooks: your own loss, optimizer, learning rates and batches.
        quantization: that of the recipe's chip, for a recipe with quantization 'chip'.
        meter: measures energy on the chip named by an energy budget.
        engine: name of the engine that simulates.

    Raises:
        TrainingDivergedError: the loss or a learned number is no longer valid; names the epoch and the best one before.
        InputError: an argument, which is named, is invalid or does not fit the others.

    Warns:
        SilentNetworkWarning: if `warn`, a hidden layer fired for no sample of the first epoch.
    """
    _check(network, recipe, {"training": training, "validation": validation}, seed, hooks)
    schedule = recipe.schedule if schedule is None else schedule
    network.to(device := usable_device(device))
    with made_on(device), torch.inference_mode(False), torch.enable_grad():
        # checks that they fit each other
        Run(network=network, events=training.select([0]), schedule=schedule, regularization=recipe.regularization)
        run = _Training(
            costs=None if recipe.cost_in_words is None else SpikeCosts(recipe, network, meter),  # not yet quantized
            weights=LearnedWeights(network, _quantization_of(recipe, quantization)),
            recipe=recipe,
            schedule=schedule,
            seed=seed,
            engine=engine,
            hooks=hooks,
            gate=LearnedGate(network, recipe, training) if recipe.input_gate else None,
            warn=warn,
        )
        return run.trained(training, validation, on_epoch, watched=device.type == "cpu")


def _check(network: SpikingNetwork, recipe: Recipe, splits: Mapping[str, EventBatch], seed: int, hooks: Hooks) -> None:
    """Raises InputError if the arguments of `train` do not fit each other, before anything is changed."""
    instance("recipe", recipe, Recipe)
    instance("hooks", hooks, Hooks)
    if recipe.model is not None:
        raise InputError("recipe: takes its `model` as it is; `cd.load_model` reads it, to train with another recipe")
    for name, split in splits.items():
        check_labels(network, split, name)
        if not len(split):
            raise InputError(f"{name}: must not be empty")
    longest_s = float(network.time_constant.detach().max())
    for name, message in recipe_mistakes(
        recipe, network.neuron, network.shape, splits["training"], longest_s=longest_s
    ):
        raise InputError(f"{name}: {message}")
    whole("seed", seed, most=1 << 63)
    if recipe.warm_up and hooks.learning_rate_schedule is not None:
        raise InputError("hooks.learning_rate_schedule: must warm up by itself; set the recipe's warm_up to 0")
    network.own_weights()
    if recipe.learn is None and not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError("network: nothing learns, as no weight or bias requires a gradient; see its requires_grad_()")


def _quantization_of(recipe: Recipe, quantization: Quantization | None) -> Quantization | None:
    """The quantization of a training. Raises InputError if the recipe's differs from the given one."""
    if recipe.quantization != "chip":
        if quantization not in (None, recipe.quantization):
            raise InputError("quantization: must be the recipe's, unless that is 'chip'")
        return recipe.quantization
    if quantization is None:
        raise InputError("quantization: must be given where the recipe's is 'chip'; `cd.chip_quantization` makes it")
    return quantization


def _diverged(error: BaseException, history: list[EpochReport], best: int) -> TrainingDivergedError:
    """The error of a training that diverged, with the state before. After an update that left numbers with which no
    network can be run, the next run is refused."""
    lower = "a lower learning rate may help"
    reason = f"a number that learns became 0 or is no longer finite in epoch {len(history) + 1}; {lower}"
    reason = str(error) if isinstance(error, TrainingDivergedError) else reason
    if not history:
        return TrainingDivergedError(f"{reason}; no epoch was complete")
    accuracy = in_percent(history[best - 1].validation_accuracy)
    so_far = f"of {len(history)} complete, epoch {best} was best with a validation accuracy of {accuracy} %"
    return TrainingDivergedError(f"{reason}; {so_far}")


@dataclass(frozen=True, kw_only=True)
class _Training(Learner):
    warn: bool

    def rank(self, report: EpochReport) -> tuple[float, ...]:
        """Rank of an epoch; the highest is best, the first among equals."""
        frozen = float(self.is_gate_frozen(report.epoch))
        if self.costs is None:
            return frozen, report.validation_accuracy
        return frozen, *self.costs.rank(report.epoch, self.used(report), report.validation_accuracy)

    def is_gate_frozen(self, epoch: int) -> bool:
        """Whether no gate learns in an epoch."""
        return self.gate is None or self.gate.is_frozen(epoch)

    def is_out_of_patience(self, epoch: int, best: int) -> bool:
        """Whether the recipe's patience has run out; it starts when costs have risen and the gate is frozen."""
        if self.recipe.patience is None or (self.costs is not None and self.recipe.risen(epoch) < 1.0):
            return False
        return self.is_gate_frozen(epoch) and epoch - best >= self.recipe.patience

    def used(self, report: EpochReport) -> float:
        """What a validation sample used in an epoch: energy in joules if it was measured, otherwise spike density."""
        return report.validation_density if report.energy_j is None else report.energy_j

    def trained(
        self,
        training: EventBatch,
        validation: EventBatch,
        on_epoch: Callable[[EpochReport], bool | None] | None,
        *,
        watched: bool,
    ) -> TrainingResult:
        """The whole training; measures memory if `watched`."""
        history: list[EpochReport] = []
        best = _Best((), 0, {})
        try:
            self.weights.quantize()
            memory = self.watch_memory(training, validation) if watched else None
            for report in self.epochs(training, validation):
                history.append(report)
                if (rank := self.rank(report)) > best.rank:
                    best = _Best(rank, report.epoch, self.weights.state())
                if (on_epoch is not None and on_epoch(report)) or self.is_out_of_patience(report.epoch, best.epoch):
                    break
        except BaseException as error:
            diverged = isinstance(error, TrainingDivergedError)
            diverged |= isinstance(error, InputError) and not self.weights.can_run()
            self.restore(best.state if best.epoch else self.weights.state())
            if diverged:
                raise _diverged(error, history, best.epoch) from error.__cause__
            raise
        memory_bytes = None if memory is None else memory.risen_bytes()
        self.restore(best.state)
        return self.result(training, best, tuple(history), memory_bytes)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Give the network this state, with float weights, plain numbers and no gradients, to which those of its owner
        would be added, even after an interrupted update."""
        self.join()
        self.network.load_state_dict(state)
        self.network.zero_grad(set_to_none=True)
        if self.weights.quantization is not None:
            quantize(self.network, None)

    def result(
        self, training: EventBatch, best: _Best, history: tuple[EpochReport, ...], memory_bytes: int | None
    ) -> TrainingResult:
        """The result with the best epoch's weights, which the network has, calibrated if the recipe says so."""
        state, scales = best.state, None
        if (calibration := self.recipe.calibration) is not None:
            scales = calibrate(
                self.network,
                calibration,
                training,
                trained_through=self.schedule,
                quantization=self.weights.quantization,
                seed=self.seed,
                engine=self.engine,
            )
            state = LearnedWeights(self.network, None).state()
        budget = self.recipe.budget
        return TrainingResult(
            state=state,
            best_epoch=best.epoch,
            history=history,
            memory_bytes=memory_bytes,
            threshold_scales=scales,
            keeps_budget=None if budget is None else budget.kept(self.used(history[best.epoch - 1])),
        )

    def watch_memory(self, training: EventBatch, validation: EventBatch) -> PeakMemory:
        """Watch memory from now on. All events are read first and one sample is run forwards and backwards, so that
        data and code are loaded whether or not this is the first training of the process. No weight changes."""
        sample = training.select([0])
        for schedule in self.schedules:
            self.one_loss(sample, schedule, epoch=0).value.backward()  # type: ignore[no-untyped-call]
        self.validate(sample)
        self.network.zero_grad(set_to_none=True)
        unused = torch.zeros(1)
        unused.grad = torch.zeros(1)
        Adam([unused], lr=0.0).step()  # loads its code
        for events in (training, validation):
            read_pages(events.offsets, events.indices, events.values)
        return PeakMemory()

    def epochs(self, training: EventBatch, validation: EventBatch) -> Iterator[EpochReport]:
        """Run the updates and yield a report after each epoch."""
        parameters = [*self.weights.parameters(), *([] if self.gate is None else [self.gate.logits])]
        groups = parameters if self.learned is None else [{"params": parameters}, self.learned.parameter_group]
        optimizer, scheduler = self.hooks.make_optimizer(groups, self.recipe.learning_rate)
        warm_up = warming(optimizer, self.recipe.warm_up) if self.recipe.warm_up else None
        order = np.random.default_rng([int(self.seed), 0x0DE5])
        start = time.perf_counter()
        for epoch in range(1, self.recipe.epochs + 1):
            epoch_start = time.perf_counter()
            positions = order.permutation(len(training))
            totals = np.zeros(2 + len(self.network.shape.layers))
            for results in self.updates(optimizer, training, positions, epoch):
                totals += results
                if warm_up is not None:
                    warm_up.step()
            if scheduler is not None:
                scheduler.step()
            updates_s = time.perf_counter() - epoch_start
            accuracy, emitted = self.validate(validation)
            loss, correct, *spikes = totals.tolist()
            if epoch == 1 and self.warn:
                warn_of_silent_layers(spikes, len(training))
            hidden = max(self.network.shape.hidden_neurons, 1)
            elapsed = time.perf_counter() - start
            report = EpochReport(
                epoch=epoch,
                epochs=self.recipe.epochs,
                loss=loss / len(training),
                training_accuracy=correct / len(training),
                validation_accuracy=accuracy,
                spike_density=sum(spikes[:-1]) / len(training) / hidden,
                validation_density=emitted / len(validation) / hidden,
                spike_cost=0.0 if self.costs is None else max(self.costs.of_update(epoch).multipliers),
                energy_j=None if self.costs is None else self.costs.energy_j(self.network),
                updates_s=updates_s,
                elapsed_s=elapsed,
                remaining_s=elapsed / epoch * (self.recipe.epochs - epoch),
            )
            if self.costs is not None:
                self.costs.end_epoch(epoch, self.used(report))
            yield report

    def validate(self, split: EventBatch) -> tuple[float, float]:
        """Accuracy and spikes emitted by hidden neurons, averaged over the schedules used in training."""
        schedules = map(self.recipe.validated_under, self.schedules)
        answers = [answer(self.network, split, schedule, seed=self.seed, engine=self.engine) for schedule in schedules]
        right = [predicted == split.labels for predicted, _ in answers]
        return float(np.mean(right)), float(np.mean([emitted for _, emitted in answers]))

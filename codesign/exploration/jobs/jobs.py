"""The jobs of a sweep: pure functions of frozen inputs, each keyed by all that its result depends on and nothing else.

    train ─► execute ─► summary
                    └─► cost

Results are bytes, so that executors and the store treat them alike. A `*_VERSION` is raised whenever the same inputs
give another result, for whatever reason: that is what makes stores of earlier versions compute again. No key names an
engine or a number of threads: jobs run on the default engine, whose results do not depend on threads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from codesign.exploration.jobs.encoding import digest, remembered
from codesign.exploration.jobs.energy_meter import MeteredChip
from codesign.exploration.jobs.given import GivenModel
from codesign.exploration.jobs.rows import Reading
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import Operation
from codesign.hardware.cost.scheduling import chip_schedule
from codesign.hardware.cost.uncertainty import uncertain_numbers
from codesign.hardware.placement.placement import Placement
from codesign.network.neuron import NeuronSpec
from codesign.network.quantization import Quantization
from codesign.network.topology import TopologySpec
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import Schedule
from codesign.training.losses import loss_version
from codesign.training.recipe import UNLAYERED_ONLY, Recipe

TRAIN_VERSION = 10
EXECUTE_VERSION = 12
SUMMARY_VERSION = 6
COST_VERSION = 19
OF_RECIPES = {"calibration": 2, "input_gate": 2}
"""Versions of what few recipes have: raised instead of `TRAIN_VERSION`, so that only their models are trained again."""

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class TrainInputs:
    """A model to be trained.

    Attributes:
        workload: fingerprint of the workload.
        schedule: the forward pass that is trained through: the recipe's, with what its policy looks at on a chip.
        quantization: the recipe's own, or its chip's; None trains float32 weights.
        seed: of the initial weights, the order of samples and all dropouts.
        device: where it computes: other devices, and the engines that they need, round otherwise.
        metered: the chip whose energy the recipe's budget limits, if there is one.
        given: the model that training begins with, or that it is; None begins with weights of the seed.
    """

    workload: str
    topology: TopologySpec
    neuron: NeuronSpec
    recipe: Recipe
    schedule: Schedule
    seed: int
    quantization: Quantization | None = None
    device: Device = "cpu"
    metered: MeteredChip | None = None
    given: GivenModel | None = None

    @cached_property
    def key(self) -> str:
        # What the recipe says of forward pass and chip is in schedule and quantization. Defaults are left out, so that
        # keys stay the same when recipes get more parameters.
        usual = {name: field.default for name, field in Recipe.model_fields.items()}
        learning = {name: value for name, value in self.recipe if name not in _HELD_BESIDE and value != usual[name]}
        calibration, loss = self.recipe.calibration, loss_version(self.recipe.loss)
        besides: dict[str, object] = {} if loss is None else {"loss_version": loss}
        besides |= {f"{name}_version": version for name, version in OF_RECIPES.items() if name in learning}
        if self.given is not None:
            besides["given"] = self.given
        if self.recipe.mixture is not None:  # `schedule` is its first alone
            besides["mixture_schedules"] = self.recipe.schedules[1:]
        return _key(
            "train",
            TRAIN_VERSION,
            self,
            recipe=learning,
            metered=None if self.metered is None else _metered_digest(self.metered),
            **besides,
            policy_version=get_policy(self.schedule.policy).version,
            calibration_policy_version=None if calibration is None else get_policy(calibration.policy).version,
            mixture_policy_versions=[get_policy(schedule.policy).version for schedule in self.recipe.schedules[1:]],
        )


@dataclass(frozen=True, kw_only=True)
class ExecuteInputs:
    """A model to be run on a split.

    Attributes:
        schedule: resolved for every neuron, in canonical form.
        quantization: what weights and potentials become; None for float32 weights and potentials without limit.
        seed: of the schedule; 0 where the result cannot depend on it.
        samples: only the first so many of the split; None for all.
        device: where it computes.
    """

    model: TrainInputs
    schedule: Schedule
    quantization: Quantization | None
    seed: int
    split: Literal["validation", "test"] = "test"
    samples: int | None = None
    device: Device = "cpu"

    @cached_property
    def key(self) -> str:
        version = get_policy(self.schedule.policy).version
        return _key("execute", EXECUTE_VERSION, self, model=self.model.key, policy_version=version)


@dataclass(frozen=True, kw_only=True)
class SummaryInputs(Reading):
    """The columns of a row that an execution, here its key, decides alone."""

    execution: str

    @cached_property
    def key(self) -> str:
        return _key("summary", SUMMARY_VERSION, self)


@dataclass(frozen=True, kw_only=True)
class CostInputs:
    """An execution to be priced on the chip that its network is placed on."""

    execution: str
    placement: Placement
    operation: Operation

    @cached_property
    def key(self) -> str:
        chip, shape = self.placement.chip, self.placement.shape
        # Of such networks, what a price assumes depends on them, too.
        features = {"features": chip.supports.features} if shape.delayed or shape.direct else {}
        return _key("cost", COST_VERSION, self, placement=_placement_digest(self.placement), **features)


def _key(kind: str, version: int, inputs: Any, **instead: object) -> str:
    """A hash of all that inputs hold, with something else in place of what it does not depend on."""
    held = {
        attribute.name: getattr(inputs, attribute.name) for attribute in fields(inputs) if attribute.name != "given"
    }
    return digest({"kind": kind, "semantics_version": version, **held, **instead})


def versions_digest() -> str:
    """A hash of what versions of jobs there are: with others, results are not the same."""
    kinds = {"train": TRAIN_VERSION, "execute": EXECUTE_VERSION, "summary": SUMMARY_VERSION, "cost": COST_VERSION}
    return digest(kinds | OF_RECIPES)


@remembered
def chip_digest(chip: Chip) -> str:
    """A hash of everything in a chip that decides a price."""
    return digest({"chip": _without_remarks(chip.model_dump()), "uncertain_numbers": uncertain_numbers(chip)})


@remembered
def _placement_digest(placement: Placement) -> str:
    held = {attribute.name: getattr(placement, attribute.name) for attribute in fields(placement)}
    return digest({**held, "chip": chip_digest(placement.chip)})


_FOR_READERS = {
    *("title", "aliases", "description", "citation", "operating_point", "sources", "source", "confidence", "note"),
    *("weight_format", "validation", "extends", "thresholds", "time_constants", "features"),
}
_HELD_BESIDE = {"model", "from_", "method", "chip", "quantization", *UNLAYERED_ONLY} - {"idle_gradient", "mixture"}


def _metered_digest(metered: MeteredChip) -> str:
    # The training is led by executions and prices, and so by whatever changes them.
    policy = get_policy(chip_schedule(metered.placement).schedule.policy)
    held = {"placement": _placement_digest(metered.placement), "operation": metered.operation, "book": metered.book}
    return digest({**held, "versions": (EXECUTE_VERSION, COST_VERSION, policy.version)})


def _without_remarks(value: Any) -> Any:
    """What a chip's description says to a reader and not to the arithmetic, left out. How numbers are known moves them
    within their ranges, which stand in the key by themselves."""
    if isinstance(value, dict):
        return {str(key): _without_remarks(part) for key, part in value.items() if key not in _FOR_READERS}
    if isinstance(value, list | tuple):
        return [_without_remarks(part) for part in value]
    return value

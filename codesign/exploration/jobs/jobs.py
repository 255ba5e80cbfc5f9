"""The jobs of a sweep: pure functions of frozen inputs, keyed by everything that the result depends on and nothing
else.

    train ─► execute ─► summary
                    └─► cost

Results are bytes, so executors and the store treat them alike. A `*_VERSION` is raised whenever the same inputs give
another result, for whatever reason, so that results of earlier versions in a store are computed again. No key names an
engine or a number of threads: jobs run on the default engine, whose results do not depend on threads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from codesign.documents import Spec
from codesign.exploration.jobs.encoding import digest, remembered
from codesign.exploration.jobs.energy_meter import MeteredChip
from codesign.exploration.jobs.given import GivenModel
from codesign.exploration.jobs.summary import Reading
from codesign.hardware.chip.description import Chip
from codesign.hardware.cost.scheduling import chip_schedule
from codesign.hardware.cost.uncertainty import uncertain_numbers
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import Operation
from codesign.network.neuron import NeuronSpec
from codesign.network.quantization import Quantization
from codesign.network.topology import TopologySpec
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import Schedule
from codesign.training.losses import loss_version
from codesign.training.recipe import UNLAYERED_ONLY, Recipe

TRAIN_VERSION = 12
EXECUTE_VERSION = 14
SUMMARY_VERSION = 6
COST_VERSION = 25
OF_RECIPES = {"calibration": 2, "input_gate": 3, "learn": 2}
"""Versions of rarely used parts of recipes, raised instead of `TRAIN_VERSION` so that only models with them are trained
again."""

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class TrainInputs:
    """Inputs of the training of a model.

    Attributes:
        workload: fingerprint of the workload.
        schedule: the recipe's forward pass, with the cores and times of a chip that its policy uses.
        quantization: the recipe's own, or its chip's; None trains float32 weights.
        seed: seed of the initial weights, the order of samples and all dropouts.
        device: the device to compute on; other devices, and the engines that they need, round differently.
        metered: the chip whose energy the recipe's budget limits, if any.
        given: the model that training begins with or, if not trained further, returns; None for initial weights from
            the seed.
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
        # The recipe's forward pass and chip are in schedule and quantization. Defaults are left out, so that keys stay
        # the same when recipes get more parameters.
        usual = {name: field.default for name, field in Recipe.model_fields.items()}
        learning = {name: value for name, value in self.recipe if name not in _HELD_BESIDE and value != usual[name]}
        calibration, loss = self.recipe.calibration, loss_version(self.recipe.loss)
        besides: dict[str, object] = {} if loss is None else {"loss_version": loss}
        besides |= {f"{name}_version": version for name, version in OF_RECIPES.items() if name in learning}
        if self.given is not None:
            besides["given"] = self.given
        if self.recipe.mixture is not None:  # `schedule` is only its first
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
    """Inputs of the execution of a model on a split.

    Attributes:
        schedule: the resolved schedule of the network, in canonical form.
        quantization: quantization of weights and potentials; None for float32 weights and unlimited potentials.
        seed: seed of the schedule; 0 if the result cannot depend on it.
        samples: number of samples, the first of the split; all if None.
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
    """Inputs of a summary: the columns of a row that depend only on an execution, given by its key."""

    execution: str

    @cached_property
    def key(self) -> str:
        return _key("summary", SUMMARY_VERSION, self)


@dataclass(frozen=True, kw_only=True)
class CostInputs:
    """Inputs of the price of an execution on the chip that its network is placed on."""

    execution: str
    placement: Placement
    operation: Operation

    @cached_property
    def key(self) -> str:
        chip, shape = self.placement.chip, self.placement.shape
        # For such networks, the assumptions of a price depend on features, too.
        features = {"features": chip.supports.features} if shape.delayed or shape.direct else {}
        return _key("cost", COST_VERSION, self, placement=_placement_digest(self.placement), **features)


def _key(kind: str, version: int, inputs: Any, **instead: object) -> str:
    """A hash of all fields of the inputs but `given`, with `instead` replacing or extending them."""
    held = {
        attribute.name: getattr(inputs, attribute.name) for attribute in fields(inputs) if attribute.name != "given"
    }
    return digest({"kind": kind, "semantics_version": version, **held, **instead})


def versions_digest() -> str:
    """A hash of all job versions; with other versions, results differ."""
    kinds = {"train": TRAIN_VERSION, "execute": EXECUTE_VERSION, "summary": SUMMARY_VERSION, "cost": COST_VERSION}
    return digest(kinds | OF_RECIPES)


@remembered
def chip_digest(chip: Chip) -> str:
    """A hash of everything in a chip that affects a price."""
    return digest({"chip": _without_remarks(chip), "uncertain_numbers": uncertain_numbers(chip)})


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
    # The training is guided by executions and prices, so it depends on their versions.
    policy = get_policy(chip_schedule(metered.placement).schedule.policy)
    held = {"placement": _placement_digest(metered.placement), "operation": metered.operation, "book": metered.book}
    return digest({**held, "versions": (EXECUTE_VERSION, COST_VERSION, policy.version)})


def _without_remarks(value: Any) -> Any:
    """A chip's description without parts that only inform readers. How numbers are known affects only their ranges,
    which are in the key separately."""
    value = value.said() if isinstance(value, Spec) else value
    if isinstance(value, dict):
        return {str(key): _without_remarks(part) for key, part in value.items() if key not in _FOR_READERS}
    if isinstance(value, list | tuple):
        return [_without_remarks(part) for part in value]
    return value

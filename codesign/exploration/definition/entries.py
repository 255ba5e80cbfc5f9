"""Entries of a sweep file: schedules, chips, seeds, evaluation and objectives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from codesign.analysis.comparisons.constraints import more_is_better
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import is_share
from codesign.analysis.results.pareto import Direction
from codesign.documents import Spec
from codesign.exploration.definition.network import AxisValue, NetworkEntry
from codesign.hardware.terms import Capacity, CutChoice, Operation, Strategy
from codesign.mistakes import of_form
from codesign.network.neuron import NeuronSpec
from codesign.simulation.recording import CONVERGENCE_STEPS
from codesign.simulation.schedule import InputMode, MarginCheck
from codesign.training.policy_name import PolicyName
from codesign.training.recipe import Recipe
from codesign.units import Positive, Real, fraction, parse_quantity
from codesign.workload.spec import WorkloadSpec

Name = Annotated[
    str,
    Field(max_length=80),
    of_form("[A-Za-z_][A-Za-z0-9_-]*", "letters, digits, '_' and '-', beginning with a letter or '_'"),
]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
T = TypeVar("T", bound=Sequence[Any])


def distinct(what: str, held: Callable[[Any], Sequence[object]] = tuple) -> AfterValidator:
    """A validator that refuses values, called `what` in messages, if two are the same text in the form `held`."""

    def check(values: T) -> T:
        if len(set(map(str, held(values)))) < len(values):
            raise ValueError(f"{what} must differ, found {', '.join(map(str, values))}")
        return values

    return AfterValidator(check)


class ScheduleEntry(Spec):
    """A named schedule. Defaults are those of the paper's Table 1 or, for `chip` thresholds, the chip's.

    Attributes:
        policy: scheduling policy.
        group_size: F; `all` for all waiting neurons; `layer` for as many as the widest layer has (the paper's Table 5).
        stop: `drained`, `on_output` or `margin`, which ends samples; see `Schedule`.
        steps_after_output: with `on_output`, forward steps run after the one with the first output spike, at most 32.
        margin: with `margin`, output spikes by which the leading neuron must be ahead of the next.
        margin_check: with `margin`, whether it is checked after each `timestep` or each forward `step`.
        input_mode, prioritize_input: see `Schedule`.
        synchronization_threshold: messages that a neuron waits for: a number, `layer` for its fan-in, or `chip` for
            what the chip's kind of synchronization requires.
        barrier_messages: whether barrier messages are sent; by default, if neurons wait.
        refractory: False lets a neuron fire again in a forward pass; see `Schedule`.
        input_dropout: share of the input events that are lost at random before they reach the chip.
        timesteps: number of timesteps to run per sample, from the first, at most the workload's; by default, all.
    """

    policy: PolicyName = "random"
    group_size: Positive | Literal["all", "layer"] | None = None
    stop: Literal["drained", "on_output", "margin"] | None = None
    steps_after_output: Annotated[int, Field(ge=0, lt=CONVERGENCE_STEPS, strict=True)] = 1
    margin: Positive = 3
    margin_check: MarginCheck = "timestep"
    input_mode: InputMode = "frame"
    prioritize_input: bool = False
    synchronization_threshold: Annotated[int, Field(ge=0, lt=2**31, strict=True)] | Literal["layer", "chip"] = 1
    barrier_messages: bool | None = None
    refractory: bool = True
    input_dropout: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    timesteps: Positive | None = None

    @model_validator(mode="after")
    def _check(self) -> ScheduleEntry:
        if self.prioritize_input and self.input_mode == "frame":
            raise ValueError("prioritize_input needs input_mode 'queued'; in mode 'frame' no input waits")
        if self.synchronization_threshold == "chip" and self.barrier_messages is not None:
            raise ValueError("with synchronization_threshold 'chip', barrier_messages follow from it; remove them")
        return self


BUILT_IN_SCHEDULES = {
    "chip": ScheduleEntry(synchronization_threshold="chip"),
    "layered": ScheduleEntry(policy="fifo", group_size="all", stop="drained"),
    "paper_table5": ScheduleEntry(synchronization_threshold="chip", group_size="layer"),
}
"""Schedules that every sweep has: the chip's own, layered inference, and that of asynchronous chips in the paper's
Table 5."""


class ChipEntry(Spec):
    """A chip in a sweep.

    Any other field of a chip file, except name, aliases, measurements and `model_error`, makes the entry a variant of
    the chip: it is merged over the description as in a file that `extends` another one.

    Attributes:
        extends: name or path of the chip; by default, the entry's own name.
        capacity: `published`, or `scaled`, with the same circuits in larger numbers.
        mapping, cut, spread: how neurons are assigned to cores: `strategy`, `cut` and `spread` of `codesign.place`;
            `spread: none` is the default, as few cores as possible.
        operation: `accelerated`, or `real_time`, in which a sample takes as long as its stimulus.
        schedules: names of schedules to run on it.
        weight_bits: bits per weight: `chip` for the chip's own, `none` for float32, or a number, which also applies to
            the memories of a `structure`.
    """

    model_config = ConfigDict(extra="allow")  # other keys are checked with the chip's description
    added: ClassVar[frozenset[str]] = frozenset({"cut", "spread"})

    extends: str | None = None
    capacity: Capacity = "published"
    mapping: Strategy = "in_order"
    cut: CutChoice = "auto"
    spread: Literal["none"] | Positive | tuple[Positive, ...] | None = None
    operation: Operation = "accelerated"
    schedules: Annotated[tuple[str, ...], Field(min_length=1), distinct("schedules")] = ("chip",)
    weight_bits: Literal["chip", "none"] | Annotated[int, Field(gt=0, le=32, strict=True)] = "chip"
    _numbers: dict[str, AxisValue] = PrivateAttr(default_factory=dict)
    _written: ChipEntry | None = PrivateAttr(default=None)

    @property
    def numbers(self) -> dict[str, AxisValue]:
        """Numbers of the description that a study's trial sets, by path, as an axis would."""
        return self._numbers

    @property
    def written(self) -> ChipEntry:
        """The entry as written in its file, before a study's trial."""
        return self._written or self

    def of_trial(self, written: ChipEntry, numbers: dict[str, AxisValue]) -> ChipEntry:
        """A copy of this entry, whose fields a trial has set; `written` is the entry before the trial, `numbers` are
        those that the trial sets."""
        entry = self.model_copy()
        entry._written, entry._numbers = written, numbers
        return entry

    @property
    def parts(self) -> dict[str, Any]:
        """The keys of a chip file in the entry, to be merged over the chip's description."""
        return dict(self.model_extra or {})


MODELS: Mapping[str, type[Spec]] = {
    "recipe": Recipe,
    "schedule": ScheduleEntry,
    "chip": ChipEntry,
    "network": NetworkEntry,
    "neuron": NeuronSpec,
    "workload": WorkloadSpec,
}
"""The models that have the parameters as fields, by the first word of their paths; a chip's parameter may also be a
number of its description."""


class Seeds(Spec):
    """Seeds of trainings, and of the schedules in evaluations; every combination is a design point."""

    training: Annotated[tuple[Seed, ...], Field(min_length=1), distinct("seeds")] = (0, 1, 2)
    evaluation: Annotated[tuple[Seed, ...], Field(min_length=1), distinct("seeds")] = (0,)


class EvaluationEntry(Spec):
    """The samples that are evaluated.

    Attributes:
        split: `test`, or `validation` to choose between design points.
        samples: number of samples from the start of the split, whose order mixes the classes; by default, all.
    """

    split: Literal["validation", "test"] = "test"
    samples: Positive | None = None


def of_column(cls: Any, limit: Any, info: ValidationInfo) -> Any:
    """Convert a limit on the entry's column: a quantity to SI units, a share to a fraction."""
    column = str(info.data.get("column"))
    if limit is not None and is_share(column):
        return fraction(limit)
    known = COLUMNS.get(column)
    return parse_quantity(limit, known.unit) if known is not None and known.unit and isinstance(limit, str) else limit


class Aim(Spec):
    """A column to maximize or minimize. `direction` may be left out: accuracies and agreement are maximized, all other
    columns minimized."""

    column: str
    direction: Direction

    @model_validator(mode="before")
    @classmethod
    def _directed(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "direction" in data or not isinstance(data.get("column"), str):
            return data
        return {**data, "direction": "maximize" if more_is_better(data["column"]) else "minimize"}


class ObjectiveEntry(Aim):
    """A column of the results to maximize or minimize; `reference` fixes a hypervolume's reference point: a number,
    with a unit if the column has one, or a percentage for a share."""

    reference: Real | None = None

    _of_column = field_validator("reference", mode="before")(of_column)

"""Metadata of a results file: the sweep, its data, and its chips with the sources of their numbers."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from codesign.analysis.results.columns import LARGEST, SMALLEST
from codesign.analysis.results.pareto import Direction
from codesign.hardware.terms import StaticBook

if TYPE_CHECKING:
    from pydantic import TypeAdapter


Scalar = str | int | float | bool | None

_LONGEST, _LONGEST_UNIT = 100_000, 1_000
"""Most characters of a text, and of a unit, which is repeated with each value."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What the sweep maximizes or minimizes; without a `reference`, which is fixed, there is no hypervolume."""

    column: str
    direction: Direction
    reference: float | None = None


@dataclass(frozen=True, kw_only=True)
class AxisFacts:
    """One axis of the sweep: the content of the column `axis.<name>`, and its SI unit ("" for none)."""

    name: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkloadFacts:
    """The data behind every accuracy.

    Attributes:
        coverage: how much of the dataset the copy has, as a sentence; None if it is complete.
        train, validation, test: number of samples in each split that the sweep used.
        commonest: share of the samples behind the accuracies that are of their commonest class.
        timestep_s: length of a timestep, in seconds.
    """

    name: str
    coverage: str | None = None
    train: int
    validation: int
    test: int
    classes: int
    timesteps: int
    timestep_s: float
    commonest: float


@dataclass(frozen=True, kw_only=True)
class ChipNumber:
    """One number of a chip's description with its source.

    Attributes:
        value_si, unit: the value in SI; None if unknown.
        text: the value as in the chip file, such as `26 pJ`.
        confidence: measured, stated, derived, fitted, estimated or secondary; assumed if there is no source.
        low_si, high_si: its range; None if it is taken as exact.
        assumed_range: whether the range is assumed from the confidence instead of stated.
    """

    name: str
    value_si: float | None
    unit: str
    text: str
    confidence: str
    source: str
    low_si: float | None = None
    high_si: float | None = None
    assumed_range: bool = False


@dataclass(frozen=True, kw_only=True)
class ChipFacts:
    """Everything that the report says about a chip, except numbers that are computed.

    Attributes:
        name: name of its description, under which its uncertain numbers are drawn; a sweep's variants of a chip share
        it.
        extends: name of the chip of which it is a variant; "" for none.
        operating_point: voltage, clock, tick and load at which its numbers are valid.
        gating: what is switched off when not needed, in words.
        validation_summary: how well its numbers reproduce published measurements, in one line.
        errors: relative errors of the model against measurements, those that its numbers are fitted to left out.
        fitted: whether numbers of it are fitted to a measurement.
        contradictions: published measurements on the wrong side of a bound given by its numbers, one sentence each.
        scaled: whether its entry or an axis changes its structure, so that the model of a core scales its numbers.
        times_in_others: times that its file leaves out, which count as part of its other times.
    """

    title: str
    citation: str
    synchronization: str
    name: str = ""
    extends: str = ""
    operating_point: str = ""
    gating: str = ""
    validation_summary: str = ""
    errors: tuple[float, ...] = ()
    fitted: bool = False
    contradictions: tuple[str, ...] = ()
    scaled: bool = False
    times_in_others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: tuple[ChipNumber, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """Number of jobs by kind, and how many of them were found in the store. Volatile."""

    trained: int = 0
    executed: int = 0
    priced: int = 0
    reused: int = 0


@dataclass(frozen=True, kw_only=True)
class ParameterFacts:
    """One parameter of a study's search space.

    Attributes:
        name: its path, such as `recipe.group_size`.
        unit: SI unit of its values, "" for none.
        kind: `float`, `integer` or `categorical`.
        low, high: the ends of a numeric range; None for a categorical one.
        step: distance between its values, from `low` on; None if all numbers, or all integers, are searched.
        log: whether the range is searched on a log scale.
        choices: choices of a categorical parameter, as written.
        condition: when it applies, in words; "" for always.
    """

    name: str
    unit: str = ""
    kind: Literal["float", "integer", "categorical"]
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()
    condition: str = ""


@dataclass(frozen=True, kw_only=True)
class TrialFacts:
    """One trial of a study: its parameters, and its results on the validation split.

    Attributes:
        number: number from 0, in the order of proposal; None for the baseline.
        state: `complete`; `dropped` at a low fidelity; `infeasible`, if a constraint is violated or the network does
            not fit the chip; or `failed`.
        parameters: values by path, in SI units, without parameters that do not apply.
        values: one per objective, in their order: mean over training seeds; None if there is none.
        spreads: sample standard deviation over training seeds, likewise; None with fewer than two seeds.
        level: the fidelity level of `values`; 0 is the lowest.
        violations: by constraint, in words, the violation as a share of its limit; satisfied constraints are left out.
        reason: the reason why it is infeasible or failed.
        reason_on_test: which constraints, judged on validation, its values on the test split violate.
        on_front: whether it is better than the references, and no complete trial beats it.
        hypervolume: hypervolume of all complete trials up to this one, with the objectives' references.
    """

    number: int | None
    state: Literal["complete", "dropped", "infeasible", "failed"]
    parameters: dict[str, Scalar]
    values: tuple[float | None, ...]
    spreads: tuple[float | None, ...]
    level: int = 0
    violations: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    reason_on_test: str | None = None
    on_front: bool = False
    hypervolume: float | None = None


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """What a study searched and found; the rows of its results are the trials that were tested.

    Attributes:
        sampler: name and options, in words.
        samples: number of validation samples on which trials are evaluated, from the start of the split; None for all.
        levels: fidelity levels, lowest first, in words; a single one if there is only the full one.
        baseline: the file without any search, evaluated like a trial; None if it was left out.
        trials: trials in order of their numbers.
        importances: by objective's column, the share of each parameter in its variation, most important first; empty if
            too few trials are complete.
        importance_method: how they were estimated.
    """

    sampler: str
    seed: int
    parameters: tuple[ParameterFacts, ...]
    samples: int | None = None
    constraints: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    baseline: TrialFacts | None = None
    trials: tuple[TrialFacts, ...] = ()
    importances: dict[str, dict[str, float]] = field(default_factory=dict)
    importance_method: str = ""

    def of_recipe(self, trial: object, recipe: str, recipes: Collection[str]) -> dict[str, Scalar]:
        """Parameters of a trial, given by its name in the rows, that belong to its recipe, one of several."""
        found = next((one.parameters for one in self.trials if str(one.number) == trial), {})
        named = {setting_of(path, "recipe", recipe, recipes): value for path, value in found.items()}
        return {name: value for name, value in named.items() if name}


def setting_of(path: str, block: str, owner: str, owners: Collection[str]) -> str:
    """The parameter that an axis, or a study, sets for `owner`, one of the `owners` in a block; in a study it may apply
    to whichever the trial has, such as `recipe.epochs`. "" for none."""
    first, _, rest = path.partition(".")
    name, _, parameter = rest.partition(".")
    if name in owners and parameter:
        rest = parameter if name == owner else ""
    return rest if first == block else ""


@dataclass(frozen=True, kw_only=True)
class ResultMetadata:
    """Everything that the report says in addition to the rows. Contains no dates, hosts or wall times; numbers must be
    finite.

    Attributes:
        sweep, title, question, description: from the sweep file; `question` is the question to be answered.
        config_hash: hash of the resolved configuration.
        command: shell command that reproduces the file; "" if a mapping in Python does.
        topology: layer sizes, such as 512-64-64-64-10.
        neuron: resolved neuron parameters by name.
        recipes, schedules: resolved parameters by name, for each name in the sweep.
        objectives: objectives in the order of the sweep.
        static_book: the book of the static power used in comparisons; rows hold everything that is powered.
        questions: questions of the sweep's file, by name, from `codesign.analysis.questions.plain`.
        figures: figures of the sweep's file, in the form of `codesign.analysis.figures.FigureEntry`.
        study: what was searched, if the results are a study's; their axis `trial` then names the trials.
        jobs, platform: volatile: what was run, and how much of it failed.
    """

    sweep: str
    title: str
    question: str = ""
    description: str = ""
    config_hash: str
    command: str
    versions: dict[str, str] = field(default_factory=dict)
    workload: WorkloadFacts
    topology: str
    neuron: dict[str, Scalar] = field(default_factory=dict)
    recipes: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    objectives: tuple[Objective, ...]
    static_book: StaticBook
    chips: dict[str, ChipFacts] = field(default_factory=dict)
    axes: tuple[AxisFacts, ...] = ()
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: tuple[dict[str, Any], ...] = ()
    study: StudyFacts | None = None
    jobs: JobFacts = field(default_factory=JobFacts)
    platform: tuple[str, ...] = ()

    @property
    def varied(self) -> tuple[str, ...]:
        """Paths of everything that differs between design points: axes, and what a study searches for."""
        searched = () if self.study is None else self.study.parameters
        return (*(axis.name for axis in self.axes), *(parameter.name for parameter in searched))

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, except that questions keep their order, and no NaN; bytes that are not text
        become `?`. Raises ValueError if a number is not finite."""
        facts = asdict(self)
        questions = facts.pop("questions")
        ordered = {**json.loads(json.dumps(facts, sort_keys=True, allow_nan=False)), "questions": questions}
        text = json.dumps(ordered, ensure_ascii=False, allow_nan=False)
        return text.encode(errors="replace").decode()

    @staticmethod
    def from_json(text: str | bytes) -> ResultMetadata:
        """The inverse of `to_json`. Raises ValueError if it is not JSON, if a field is missing, unknown or of the wrong
        type, or if a number or text is invalid in results."""
        from pydantic_core import from_json

        _check_values(from_json(text, allow_inf_nan=False))
        return _metadata_adapter().validate_json(text)


def _check_values(content: Any) -> None:
    """Check at any depth that numbers are within the same limits as those of rows, and that texts are not too long."""
    waiting = [("", content)]
    while waiting:
        path, value = waiting.pop()
        match value:
            case dict():
                waiting += ((f"{path}.{name}", part) for name, part in value.items())
            case list():
                waiting += ((f"{path}.{position}", part) for position, part in enumerate(value))
            case str() if len(value) > (most := _LONGEST_UNIT if path.endswith(".unit") else _LONGEST):
                raise ValueError(f"{path[1:]}: must be at most {most:,} characters, found {len(value):,}")
            case int() | float() if value and not SMALLEST <= abs(value) <= LARGEST:
                raise ValueError(f"{path[1:]}: must be 0 or from {SMALLEST:g} to {LARGEST:g} in size")


@cache
def _metadata_adapter() -> TypeAdapter[ResultMetadata]:
    from pydantic import TypeAdapter

    return TypeAdapter(ResultMetadata)

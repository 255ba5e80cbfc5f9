"""Content of a study file: a sweep's blocks, and a search space, objectives, sampler and budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import is_share
from codesign.analysis.results.pareto import Direction
from codesign.arguments import whole
from codesign.documents import Path_, Spec
from codesign.exploration.definition.entries import EvaluationEntry, ObjectiveEntry, Seeds, of_column
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.study import checks
from codesign.exploration.study.domains import Domain
from codesign.exploration.study.samplers import SamplerName, check_options
from codesign.exploration.study.space import SearchSpace
from codesign.units import Positive, Real, Time, format_si


class StudyObjective(ObjectiveEntry):
    """An objective; its `reference` is the worst value that counts in hypervolumes."""

    reference: Real


class ConstraintEntry(Spec):
    """A limit on a column of the results: a number, with a unit if the column has one, or a percentage for a share.

    Columns known before anything runs (neurons, synapses, cores, lanes, memory) are checked first, and a trial that
    violates their limits costs nothing.
    """

    column: str
    at_least: Real | None = None
    at_most: Real | None = None

    _of_column = field_validator("at_least", "at_most", mode="before")(of_column)

    @model_validator(mode="after")
    def _check(self) -> ConstraintEntry:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give one of at_least and at_most")
        return self

    @property
    def limit(self) -> float:
        limit = self.at_least if self.at_most is None else self.at_most
        assert limit is not None, "one of the two is given"
        return limit

    @property
    def summary(self) -> str:
        """The constraint in words, which also name it in Optuna."""
        limit, unit = self.limit, COLUMNS[self.column].unit
        plain = f"{100 * limit:.12g} %" if is_share(self.column) else f"{limit:.12g}"
        side = "at least" if self.at_most is None else "at most"
        return f"{self.column} {side} {format_si(limit, unit) if unit else plain}"

    def violation(self, value: float) -> float:
        """How far `value` lies beyond the limit, as a share of the limit, so that violations in different units can be
        added; at most 0 if it does not."""
        beyond = self.limit - value if self.at_most is None else value - self.limit
        return beyond / (abs(self.limit) or 1.0)


class SamplerEntry(Spec):
    """A sampler, which proposes trials.

    Attributes:
        name: `tpe`, `nsga2`, `nsga3`, `random`, `qmc` or `gp`; may stand alone, as in `sampler: random`.
        seed: the same seed gives the same trials, on any number of workers, interrupted or not.
        options: arguments of Optuna's class.
    """

    name: SamplerName = "tpe"
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    options: dict[str, Value | None] = Field(default_factory=dict)

    @field_validator("options")
    @classmethod
    def _taken(cls, options: dict[str, Value | None], info: ValidationInfo) -> dict[str, Value | None]:
        if "name" in info.data:
            check_options(info.data["name"], options)
        return options

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, data: Any) -> Any:
        """Read a bare name as a sampler without options."""
        return {"name": data} if isinstance(data, str) else data


class BudgetEntry(Spec):
    """When to stop: after a number of trials or a time spent searching, whichever comes first.

    Attributes:
        trials: number of trials, including those of earlier runs.
        time: such as `2 h`, including earlier runs; trials under way are completed.
    """

    trials: Positive | None = None
    time: Annotated[Time, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> BudgetEntry:
        if self.trials is None and self.time is None:
            raise ValueError("give trials, time or both")
        return self


class FidelityLevel(Spec):
    """A cheaper way to evaluate a trial. Its numbers default to those of the full level, and never exceed them.

    Attributes:
        epochs: epochs of training.
        samples: number of samples from the start of the training split, whose order mixes the classes.
        evaluation_samples: the same for the validation split.
        seeds: number of training seeds, from the first.
    """

    epochs: Positive | None = None
    samples: Positive | None = None
    evaluation_samples: Positive | None = None
    seeds: Positive | None = None

    def applied(self, sweep: SweepSpec) -> SweepSpec:
        update: dict[str, Any] = {}
        if self.epochs is not None:
            update["recipes"] = {
                name: recipe.model_copy(update={"epochs": min(self.epochs, recipe.epochs)})
                for name, recipe in sweep.recipes.items()
            }
        if self.samples is not None:
            samples = min(self.samples, sweep.workload.train or self.samples)
            update["workload"] = sweep.workload.model_copy(update={"train": samples})
        if self.evaluation_samples is not None:
            samples = min(self.evaluation_samples, sweep.evaluation.samples or self.evaluation_samples)
            update["evaluation"] = sweep.evaluation.model_copy(update={"samples": samples})
        if self.seeds is not None:
            update["seeds"] = Seeds(training=sweep.seeds.training[: self.seeds], evaluation=sweep.seeds.evaluation)
        return sweep.model_copy(update=update)


class FidelityEntry(Spec):
    """Successive halving: a cohort of trials is evaluated at the lowest level, and its best trials at the next one, and
    so on.

    The best trials are those of the lowest non-dominated rank, and within a rank those that add most hypervolume.

    Attributes:
        levels: levels, lowest first; the full level is added automatically.
        keep: share of a cohort that proceeds to the next level, rounded up to whole trials.
        cohort: number of trials that compete.
    """

    levels: Annotated[tuple[FidelityLevel, ...], Field(min_length=1, max_length=10)]
    keep: Annotated[Real, Field(gt=0, lt=1)] = 1 / 3
    cohort: Annotated[int, Field(ge=2, le=10_000, strict=True)] = 9

    def kept_of(self, trials: int) -> int:
        """Number of trials that proceed, out of `trials`."""
        return math.ceil(round(self.keep * trials, 9))  # 0.55 · 20 is slightly above 11


class StudySpec(SweepSpec):
    """An Optuna search over the recipes, schedules and chips that a sweep would declare.

    Attributes:
        space: the values that a parameter may take, by path: `recipe`, `chip` and `schedule` choose among names, and
            their parameters are `recipe.<parameter>` for whichever is chosen or `recipe.<name>.<parameter>` for one;
            `network.<parameter>`, `neuron.<parameter>` and `workload.<parameter>` are as in `axes`. A recipe,
            chip or schedule that is not searched for is the baseline's; a chip that lacks its schedule has its own
            first one.
        objectives: the objectives of the search, each with its reference.
        constraints: limits that a trial must also meet.
        sampler: proposes trials.
        budget: how long to search.
        in_flight: trials, or cohorts of them with fidelity levels, under way at the same time. A trial is proposed when
            the one this many before it has ended, so results depend on this number but not on the number of workers.
        fidelity: cheaper evaluations, which come first.
        baseline: what trials are compared with: names of a recipe, a chip and a schedule, unchanged; by default, the
            first of each.
        axes: none in a study.
    """

    space: Annotated[dict[str, Domain], Field(min_length=1)]
    objectives: Annotated[tuple[StudyObjective, ...], Field(min_length=1, max_length=6)]
    constraints: tuple[ConstraintEntry, ...] = ()
    sampler: SamplerEntry = SamplerEntry()
    budget: BudgetEntry
    in_flight: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 4
    fidelity: FidelityEntry | None = None
    baseline: dict[Literal["recipe", "chip", "schedule"], str] = Field(default_factory=dict)

    @field_validator("axes", mode="before")
    @classmethod
    def _no_axes(cls, axes: Any) -> Any:
        if axes:
            raise ValueError("a study has none: search for their parameters in 'space'")
        return axes

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[tuple[Path_, str]]:
        yield from super().cross_check(data)
        yield from checks.problems(data)

    def with_trials(self, trials: int | None) -> StudySpec:
        """The same study with another number of trials; None changes nothing."""
        if trials is None:
            return self
        budget = self.budget.model_copy(update={"trials": whole("trials", trials, least=1)})
        return self.model_copy(update={"budget": budget})

    @property
    def cohort(self) -> int:
        return 1 if self.fidelity is None else self.fidelity.cohort

    @property
    def levels(self) -> tuple[FidelityLevel | None, ...]:
        """Fidelity levels, lowest first; None for the full one."""
        return (*(self.fidelity.levels if self.fidelity is not None else ()), None)

    @property
    def objective_columns(self) -> list[str]:
        """Columns of the objectives."""
        return [objective.column for objective in self.objectives]

    @property
    def judged_columns(self) -> list[str]:
        """Columns of objectives and constraints, without duplicates."""
        return list(dict.fromkeys([*self.objective_columns, *(constraint.column for constraint in self.constraints)]))

    @property
    def directions(self) -> list[Direction]:
        return [objective.direction for objective in self.objectives]

    @property
    def references(self) -> list[float]:
        return [objective.reference for objective in self.objectives]

    @property
    def search_space(self) -> SearchSpace:
        return SearchSpace.of(self, self.space, self.baseline)

    def trial_sweep(
        self,
        values: Mapping[str, Value],
        *,
        level: FidelityLevel | None = None,
        split: Literal["validation", "test"] = "validation",
    ) -> SweepSpec:
        """The sweep of a trial, from `SearchSpace.sweep`, at a level; None for the full one."""
        evaluation = EvaluationEntry(split=split, samples=self.evaluation.samples)
        sweep = self.search_space.sweep(values).model_copy(update={"evaluation": evaluation})
        return sweep if level is None else level.applied(sweep)

"""A plan: the design points of a sweep, and the jobs of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.encoding import digest
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs
from codesign.exploration.jobs.summary import Columns
from codesign.exploration.resources import ResourcesEntry
from codesign.hardware.chip.description import Chip
from codesign.network.topology import NetworkShape
from codesign.workload.spec import WorkloadSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """The execution of a model, and the summary of the network's answers."""

    execution: ExecuteInputs
    summary: SummaryInputs


@dataclass(frozen=True, kw_only=True, slots=True)
class FeasiblePoint(Evaluation):
    """The jobs of a design point that can be run.

    Attributes:
        execution: what the chip runs: if it cannot drop waiting spikes, the schedule runs until nothing waits.
        summary: the network's answers in it, read at the decision.
        cost: the price of `execution` on the chip.
        unquantized: the same with float32 weights and unlimited potentials; None if `execution` has these.
        layered: the same weights under layered inference, answered at the end; `execution` itself if its spikes are the
            same.
    """

    cost: CostInputs
    unquantized: Evaluation | None = None
    layered: Evaluation | None = None

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The point's own evaluation, and those with which it is compared."""
        return tuple(part for part in (self, self.unquantized, self.layered) if part is not None)

    @property
    def results(self) -> tuple[str, ...]:
        """Keys of the results that hold columns: summaries and price."""
        return (*(part.summary.key for part in self.evaluations), self.cost.key)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all jobs, each after the jobs that it needs."""
        return (self.execution.model.key, *(part.execution.key for part in self.evaluations), *self.results)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedPoint:
    """A design point: one row of the results, as far as known before anything runs, and its chip with axes applied. If
    the network does not fit the chip, or the chip that it is trained for, there is a reason instead of jobs."""

    columns: Columns
    shape: NetworkShape
    chip: Chip
    jobs: FeasiblePoint | None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All design points of a sweep, in the order of the file.

    Attributes:
        workloads: the workloads' specs by fingerprint; several if an axis varies the workload.
        topologies: as text; several if an axis varies the network.
        notes: remarks to show before the sweep runs.
    """

    spec: SweepSpec
    workloads: Mapping[str, WorkloadSpec]
    topologies: tuple[str, ...]
    points: tuple[PlannedPoint, ...]
    notes: tuple[str, ...] = ()

    @staticmethod
    def together(spec: SweepSpec, plans: Iterable[Plan], notes: Iterable[str] = ()) -> Plan:
        """The design points of several plans, with some notes before theirs."""
        plans = tuple(plans)
        return Plan(
            spec=spec,
            workloads={fingerprint: workload for plan in plans for fingerprint, workload in plan.workloads.items()},
            topologies=tuple(dict.fromkeys(topology for plan in plans for topology in plan.topologies)),
            points=tuple(point for plan in plans for point in plan.points),
            notes=tuple(dict.fromkeys((*notes, *(note for plan in plans for note in plan.notes)))),
        )

    @property
    def jobs(self) -> tuple[FeasiblePoint, ...]:
        """The jobs of the design points that can be run."""
        return tuple(point.jobs for point in self.points if point.jobs is not None)

    @property
    def keys(self) -> set[str]:
        """Keys of all jobs."""
        return {key for jobs in self.jobs for key in jobs.keys}

    @property
    def workload(self) -> str:
        """Fingerprint of the first workload."""
        return next(iter(self.workloads))

    @property
    def config_hash(self) -> str:
        """Hash of the resolved sweep: file, data, chips, versions of the jobs."""
        # Where and how jobs run, where files are and which questions are asked does not affect results.
        chips = {
            name: entry.model_copy(update={"extends": entry.extends and PurePath(entry.extends).name})
            for name, entry in self.spec.chips.items()
        }
        recipes = {
            name: recipe.as_trained.model_copy(update={"model": None, "from_": None})
            for name, recipe in self.spec.recipes.items()
        }
        workload = self.spec.workload.model_copy(update={"file": None})
        update = {"resources": ResourcesEntry(), "chips": chips, "recipes": recipes, "workload": workload}
        spec = self.spec.model_copy(update={**update, "questions": {}, "figures": ()})
        return digest({"spec": spec, "workload": ",".join(self.workloads), "jobs": sorted(self.keys)})

"""What a plan holds: the design points of a sweep, and the jobs of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.encoding import digest
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs
from codesign.exploration.jobs.rows import Columns
from codesign.exploration.resources import ResourcesEntry
from codesign.hardware.chip.description import Chip
from codesign.network.topology import NetworkShape
from codesign.workload.spec import WorkloadSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """A model that is run, and how the network answers in it."""

    execution: ExecuteInputs
    summary: SummaryInputs


@dataclass(frozen=True, kw_only=True, slots=True)
class FeasiblePoint(Evaluation):
    """The jobs of a design point that can be run.

    Attributes:
        execution: what the chip does: on one that cannot drop what waits, the schedule run until nothing does.
        summary: how the network answers in it, where that is so at the decision.
        cost: `execution` on the chip.
        unquantized: the same with float32 weights and potentials without limit; None where `execution` has them.
        layered: the same weights under layered inference, answered at the end: `execution` itself where its spikes are
            those.
    """

    cost: CostInputs
    unquantized: Evaluation | None = None
    layered: Evaluation | None = None

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The point's own and those that it is compared with."""
        return tuple(part for part in (self, self.unquantized, self.layered) if part is not None)

    @property
    def results(self) -> tuple[str, ...]:
        """Keys of what holds columns: summaries and price."""
        return (*(part.summary.key for part in self.evaluations), self.cost.key)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all jobs, each after those that it needs."""
        return (self.execution.model.key, *(part.execution.key for part in self.evaluations), *self.results)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedPoint:
    """A design point: one row of the results, with what is known before anything runs, and its chip with axes applied.
    There are no jobs, but a reason, where the network does not fit the chip, or not the one that it is trained for."""

    columns: Columns
    shape: NetworkShape
    chip: Chip
    jobs: FeasiblePoint | None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All design points of a sweep, in the order of the file.

    Attributes:
        workloads: what the file says of them, by fingerprint; several where an axis is on them.
        topologies: in text; several where an axis is on the network.
        notes: what to know before it runs.
    """

    spec: SweepSpec
    workloads: Mapping[str, WorkloadSpec]
    topologies: tuple[str, ...]
    points: tuple[PlannedPoint, ...]
    notes: tuple[str, ...] = ()

    @property
    def jobs(self) -> tuple[FeasiblePoint, ...]:
        """Those of the design points that can be run."""
        return tuple(point.jobs for point in self.points if point.jobs is not None)

    @property
    def workload(self) -> str:
        """Fingerprint of the first workload."""
        return next(iter(self.workloads))

    @property
    def config_hash(self) -> str:
        """Hash of the sweep as resolved: file, data, chips, versions of the jobs."""
        keys = sorted({key for jobs in self.jobs for key in jobs.keys})
        # Where and how jobs run, where files lie and what is asked says nothing about their results.
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
        return digest({"spec": spec, "workload": ",".join(self.workloads), "jobs": keys})

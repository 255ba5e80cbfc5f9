"""The sweep's points that stand for rows of the paper: found by what was trained and run, never by names of recipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from codesign.analysis.columns import AXIS_PREFIX
from codesign.analysis.formatting import listed, policy_label
from codesign.analysis.metadata import ResultMetadata
from codesign.analysis.points import Point, is_known
from codesign.analysis.table import ResultTable
from codesign.reporting.paper.data import Beside, beside
from codesign.reporting.paper.numbers import DEFAULT_GROUP_SIZE, SETTINGS, Hyperparameters, Pair

__all__ = ["Repeated", "RepeatedRow", "drops_its_queue", "inference_name", "name_of", "repeated", "training_name"]

_TRAINED_WITH = ("epochs", "batch_size", "learning_rate", "weight_decay", "input_dropout")


@dataclass(frozen=True, kw_only=True, eq=False)
class RepeatedRow:
    """A row of the paper and the point that stands for it.

    Attributes:
        point: None where the sweep has none.
        remark: in what the point is not the row as printed, in words; "" if in nothing.
    """

    pair: Pair
    point: Point | None
    remark: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeated:
    """A sweep as a repetition of the paper.

    Attributes:
        table: all rows, those without a result too.
        points: all that have one precision of weights: that with which most rows of the paper are there, float32 before
            fewer bits. Points of different precision do not compare.
        beside: what its workload stands beside.
    """

    table: ResultTable
    points: tuple[Point, ...]
    beside: Beside

    @property
    def metadata(self) -> ResultMetadata:
        return self.table.metadata

    @property
    def printed(self) -> Hyperparameters | None:
        """The paper's settings for the data; None where it has none."""
        return None if self.beside.dataset is None else SETTINGS[self.beside.dataset]

    @cached_property
    def training_group_size(self) -> int:
        """F of training in the paper."""
        return self.printed.group_size if self.printed else DEFAULT_GROUP_SIZE

    @cached_property
    def inference_group_size(self) -> int:
        """F of inference in the paper."""
        return self.printed.inference_group_size if self.printed else DEFAULT_GROUP_SIZE

    def setting(self, point: Point, name: str) -> float | None:
        """A number of the recipe that a point's model was trained with; the axis' value where it is one."""
        axis = dict(point.axes).get(f"recipe.{point.recipe}.{name}")
        value = axis if axis is not None else self.metadata.recipes.get(point.recipe, {}).get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def matching(self, pair: Pair, *, stop: str | None = "on_output") -> list[Point]:
        """All points of a training and an inference, most like the paper's first.

        What decides, in this order: F of inference and of training as in the paper (else the nearest, and the smaller
        of two); a queue that is really dropped where the pass stops on output; the paper's hyperparameters; one spike a
        neuron and pass; the chip `mubrain_dropping`, then others whose name begins with `mubrain`, then those that do
        not wait for layers.

        Args:
            stop: of asynchronous inference; None for either. Layered inference ends with its last layer anyway.
        """
        found = [p for p in self.points if _trained(p, pair.training) and _runs(p, pair.inference, stop)]
        return sorted(found, key=self._order)

    def trained(self, policy: str | None) -> list[Point]:
        """All points of a training whatever the inference, most like the paper's first; None is layered training."""
        return sorted((point for point in self.points if _trained(point, policy)), key=self._order)

    def failed_trainings(self, policy: str | None, **settings: float | None) -> int:
        """Training seeds of a training that have only rows without a result, such as those that diverged.

        Args:
            settings: numbers of the recipe, as `setting` gives them, that the rows must have.
        """
        frame = self.table.frame
        failed = frame[frame["status"] == "failed"]
        if policy is None:
            failed = failed[failed["training_method"] == "layered"]
        else:
            failed = failed[(failed["training_method"] == "unlayered") & (failed["training_policy"] == policy)]
        seeds = set()
        for _, row in failed.iterrows():
            if all(self._of_row(row, name) == value for name, value in settings.items()):
                seeds.add((row["recipe"], row["training_seed"]))
        return len(seeds)

    def _of_row(self, row: pd.Series, name: str) -> float | None:
        axis = row.get(f"{AXIS_PREFIX}recipe.{row['recipe']}.{name}")
        value = axis if is_known(axis) else self.metadata.recipes.get(str(row["recipe"]), {}).get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def find(self, pair: Pair, *, stop: str | None = "on_output", group_size: int | None = None) -> RepeatedRow:
        """The point for a row of the paper, with a remark on what is not as printed.

        Args:
            group_size: F of inference that it must have, which then needs no remark; None for the paper's, or the
                nearest.
        """
        found = self.matching(pair, stop=stop)
        if group_size is not None:
            found = [point for point in found if point.group_size == group_size]
        if not found:
            return RepeatedRow(pair=pair, point=None)
        wanted = self.inference_group_size if group_size is None else group_size
        return RepeatedRow(pair=pair, point=found[0], remark=self._remark(found[0], found, wanted))

    def find_all(self, pairs: Iterable[Pair]) -> list[RepeatedRow]:
        return [self.find(pair) for pair in pairs]

    def group_sizes(self, pair: Pair) -> list[int]:
        """F of every asynchronous inference that the sweep has for a training, largest first."""
        sizes = {point.group_size for point in self.matching(pair, stop=None) if point.group_size is not None}
        return sorted(sizes, reverse=True)

    def missing(self, found: Sequence[RepeatedRow]) -> str:
        """What has no row, in a sentence; "" if nothing."""
        names = [
            f"{training_name(one.pair.training)} under {inference_name(one.pair.inference)}"
            for one in found
            if one.point is None
        ]
        return f"The sweep has no result for {listed(names)}." if names else ""

    def _order(self, point: Point) -> tuple[object, ...]:
        far = _apart(point.group_size, self.inference_group_size) if not point.layered else 0.0
        trained_far = _apart(point.training_group_size, self.training_group_size)
        return (
            far,
            point.group_size or 0,
            trained_far,
            point.stop == "on_output" and not point.layered and not drops_its_queue(point),
            self._unlike(point),
            point.refractory is False,
            _chip_rank(point),
            point.steps_after_output not in (None, 1),
            point.layered and point.inference != "layered",
            point.number,
        )

    def _unlike(self, point: Point) -> int:
        """In how many hyperparameters a recipe is not the paper's."""
        if self.printed is None:
            return 0
        wanted = {name: getattr(self.printed, name) for name in (*_TRAINED_WITH, "refractory_dropout")}
        if point.training_policy == "momentum" and self.printed.momentum_noise is not None:
            wanted["momentum_noise"] = self.printed.momentum_noise
        return sum(self.setting(point, name) != value for name, value in wanted.items())

    def _remark(self, point: Point, found: Sequence[Point], group_size: int) -> str:
        remarks = []
        if not point.layered and point.group_size != group_size:
            remarks.append(f"inference with F = {point.group_size} instead of {group_size}")
        if point.training_method == "unlayered" and point.training_group_size != self.training_group_size:
            remarks.append(f"trained with F = {point.training_group_size} instead of {self.training_group_size}")
        if point.stop == "on_output" and not point.layered:
            if not drops_its_queue(point):
                remarks.append("read on output, drained all the same: the chip does not drop what waits")
            if point.steps_after_output not in (None, 1):
                remarks.append(f"stopped {point.steps_after_output} steps after the output instead of 1")
        if point.weight_bits is not None:
            remarks.append(f"weights of {point.weight_bits} bits instead of float")
        if point.refractory is False:
            remarks.append("neurons may fire again in a pass")
        recipes = sorted({other.recipe for other in found})
        if len(recipes) > 1:
            remarks.append(f"recipe {point.recipe} of {listed(recipes)}")
        return "; ".join(remarks)


def repeated(table: ResultTable, points: tuple[Point, ...]) -> Repeated:
    """The points of a sweep as a repetition of the paper."""
    precisions = sorted({p.weight_bits for p in points}, key=lambda bits: (bits is not None, -(bits or 0)))
    kinds = {bits: len({_kind(p) for p in points if p.weight_bits == bits}) for bits in precisions}
    # max() takes the first of equals: float32.
    chosen = max(precisions, key=lambda bits: kinds[bits], default=None)
    return Repeated(
        table=table,
        points=tuple(point for point in points if point.weight_bits == chosen),
        beside=beside(table.metadata.workload.name),
    )


def drops_its_queue(point: Point) -> bool:
    """Whether what waits when the pass stops is dropped: a row that drains says what the drained answer is."""
    return not any(is_known(value) for value in point.rows["drained_accuracy"])


def training_name(policy: str | None) -> str:
    """As the paper names trainings: `Layered`, `Unlayered RS`."""
    return "Layered" if policy is None else f"Unlayered {policy_label(policy)}"


def inference_name(policy: str | None) -> str:
    """As the paper names inferences: `Layered`, `Async RS`."""
    return "Layered" if policy is None else f"Async {policy_label(policy)}"


def name_of(point: Point, *, group_size: bool = False) -> str:
    """A point as a sentence names it: `Unlayered RS under Async RS`."""
    where = f" with F = {point.group_size}" if group_size and not point.layered else ""
    inference = inference_name(None if point.layered else point.policy)
    return f"{point.training_label} under {inference}{where}"


def _trained(point: Point, policy: str | None) -> bool:
    if policy is None:
        return point.training_method == "layered"
    return point.training_method == "unlayered" and point.training_policy == policy


def _runs(point: Point, policy: str | None, stop: str | None) -> bool:
    if policy is None:
        return point.layered
    return point.free_running and point.policy == policy and (stop is None or point.stop == stop)


def _kind(point: Point) -> tuple[object, ...]:
    return point.training_method, point.training_policy, point.layered, point.policy, point.stop


def _apart(group_size: int | None, wanted: int) -> float:
    """How far from the F that is wanted, as a factor of at least 1; 0 where it is that F or there is none."""
    if group_size is None or group_size == wanted:
        return 0.0
    return max(group_size / wanted, wanted / group_size)


def _chip_rank(point: Point) -> int:
    if point.chip == "mubrain_dropping":
        return 0
    if point.chip == "mubrain":
        return 1
    if point.chip.startswith("mubrain"):
        return 2
    return 3 if point.free_running or point.inference == "layered" else 4

"""The front of a running study, for whoever watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codesign.analysis.formatting import column_label, quantity
from codesign.exploration.runs.progress import FrontLine
from codesign.exploration.study.evaluation import Outcome, front_of, volume
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.study.trials import TrialRecord

__all__ = ["LiveFront"]

_BASELINE = "baseline"


class LiveFront:
    """Values of complete trials so far and of the baseline, and the front of them."""

    def __init__(self, spec: StudySpec, baseline: Outcome, told: Mapping[int, TrialRecord]) -> None:
        self._spec = spec
        self._columns = [objective.column for objective in spec.objectives]
        self._values: dict[str, Sequence[float]] = {}
        if baseline.state == "complete":
            self._values[_BASELINE] = baseline.values
        for number, record in told.items():
            self.add(number, record)

    def add(self, number: int, record: TrialRecord) -> None:
        """A trial that has been told."""
        if record.state == "complete":
            self._values[f"trial {number}"] = record.objectives

    def text(self, number: int, record: TrialRecord) -> str:
        """How a trial ended, in a line."""
        reason = f" ({record.reason})" if record.reason else ""
        texts = [
            f"{column_label(column)} {quantity(value, column)}"
            for column, value in zip(self._columns, record.objectives, strict=False)
        ]
        return f"trial {number} {record.state}{reason}{': ' if texts else ''}{', '.join(texts)}"

    @property
    def lines(self) -> list[FrontLine]:
        """The front, the best in the first objective first; the baseline takes part."""
        labels, trials = tuple(map(column_label, self._columns)), list(self._values.items())
        best = [trials[position] for position in front_of(self._spec, list(self._values.values()))]
        return [
            FrontLine(name=name, labels=labels, values=tuple(map(quantity, values, self._columns)))
            for name, values in best
        ]

    @property
    def volume_text(self) -> str:
        """The hypervolume, in multiples of the baseline's alone where that has one."""
        so_far = volume(self._spec, list(self._values.values()))
        baseline = volume(self._spec, [self._values[_BASELINE]]) if _BASELINE in self._values else 0.0
        return f"{so_far / baseline:.3g} times the baseline's" if baseline else f"{so_far:.3g}"

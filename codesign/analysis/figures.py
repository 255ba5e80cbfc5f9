"""The figures of a sweep's or study's file: what they show, and of which points."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from codesign.analysis.questions import AxisPath, Selection
from codesign.analysis.results.measures import measures_known
from codesign.documents import Spec
from codesign.mistakes import suggestion

CURVES = ("training_loss_curve", "validation_accuracy_curve")
"""Columns with a value for each epoch."""
_LEAVES_OUT = {
    "accuracy_by_step": ("column", "along"),
    "along": (),
    "epochs": ("along", "level"),
    "matrix": ("along", "level"),
}


class FigureEntry(Spec):
    """One figure.

    Attributes:
        figure: `accuracy_by_step`, by the step after the first output spike at which the answer is read;
            `spikes_until_output`, the distribution over passes; `currents_before_firing`, the distribution over
            spikes, of all layers but the first; `spikes_per_neuron`; `epochs`, a value of each epoch of training;
            `along`, a column along a fact or an axis; `matrix`, a column of each training under each schedule.
        title: made from the rest if left out.
        select: the points drawn; all if left out.
        column: for `along` and `matrix` a column or measure, for `epochs` one of the columns with a value per epoch.
        along: the fact or axis.
        level: points drawn as dashed lines: their values across an `along`, their accuracy across an
            `accuracy_by_step`.
    """

    figure: Literal[
        "accuracy_by_step",
        "along",
        "currents_before_firing",
        "epochs",
        "matrix",
        "spikes_per_neuron",
        "spikes_until_output",
    ]
    title: str = ""
    select: Selection = Field(default_factory=dict)
    column: str = ""
    along: AxisPath = ""
    level: Selection = Field(default_factory=dict)

    @model_validator(mode="after")
    def _what_it_needs(self) -> FigureEntry:
        if self.figure == "along" and not self.along:
            raise ValueError("along: must be a fact or an axis")
        known = CURVES if self.figure == "epochs" else measures_known()
        unused = _LEAVES_OUT.get(self.figure, ("column", "along", "level"))
        given = [name for name in unused if getattr(self, name)]
        if given:
            raise ValueError(f"{given[0]}: is not used by figure {self.figure}")
        if "column" not in unused and self.column not in known:
            raise ValueError(
                f"column: must be a column or measure, found '{self.column}'{suggestion(self.column, known)}"
            )
        return self

"""The workload of a sweep: which dataset, how it is binned in time and how it is split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.units import Frequency, Positive, Real, Time

SplitKind = Literal["official", "pooled", "speaker"]
"""Where test samples come from: see `WorkloadSpec.split`."""


class WorkloadSpec(Spec):
    """A dataset, binned and split.

    Attributes:
        name: dataset, such as `digits`, `nmnist` or `audio`; a plug-in's dataset is found by its entry point.
        timestep: Δt, length of a bin in seconds (YAML: `10 ms`). Default: the dataset's usual one; for images without a
            duration, 0 s.
        timesteps: T; events after T · Δt are left out. Default: the dataset's usual number; with another timestep, as
            many as cover the same time.
        train, validation, test: exactly this many samples, drawn by class and seed. Default: the dataset's usual number
            for validation and test, and everything else for training. Asking for more than there are is an error.
        split: `official` takes test samples from the dataset's own test part only; `pooled` puts all samples
            together and draws the test set from them, for copies whose own test part is too small; `speaker` does so
            by whole groups of samples, such as all of one speaker, so that no test sample comes from a speaker heard in
            training or validation. Default: the dataset's usual one.
        seed: seed of the draw that splits the samples.
        contrast: threshold of the simulated camera's pixels, as a change of the natural logarithm of intensity; for
            datasets of images that the camera records. For time series, the distance between levels in standard
            deviations. Default: the dataset's usual one.
        folder: folder below the data root with recordings of sound. Default: the dataset's usual one.
        file: your own data, for `arrays`: an .npz or HDF5 file or a folder of recordings, relative to the file that
            names it. Default: the contents of `arrays` below the data root.
        highest_frequency: centre frequency of the last place of the simulated cochlea, for recordings of sound.
            Default: the dataset's usual one.
    """

    name: Annotated[str, Field(min_length=1)]
    timestep: Time | None = None
    timesteps: Positive | None = None
    train: Positive | None = None
    validation: Positive | None = None
    test: Positive | None = None
    split: SplitKind | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    contrast: Annotated[Real, Field(ge=0.02, le=10)] | None = None
    folder: Annotated[str, Field(min_length=1)] | None = None
    file: Annotated[str, Field(min_length=1)] | None = None
    highest_frequency: Annotated[Frequency, Field(ge=100, le=500_000)] | None = None


class ResolvedSpec(WorkloadSpec):
    """A workload with its dataset's defaults filled in by `Dataset.completed`."""

    timestep: float
    timesteps: int
    split: SplitKind


class OptionError(InputError):
    """Options of a workload that its dataset, or this copy of it, does not support: the name of each, and why."""

    def __init__(self, dataset: str, mistakes: Sequence[tuple[str, str]]) -> None:
        self.dataset, self.mistakes = dataset, tuple(mistakes)
        super().__init__(f"workload '{dataset}': {'; '.join(f'{option}: {message}' for option, message in mistakes)}")

    def __reduce__(self) -> tuple[type[OptionError], tuple[str, Sequence[tuple[str, str]]]]:
        return type(self), (self.dataset, self.mistakes)

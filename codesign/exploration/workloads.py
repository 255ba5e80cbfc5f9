"""The data of a sweep or study."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from codesign.exploration.definition.spec import SweepSpec
from codesign.workload.dataset import Workload, WorkloadOutline, load_workload, outline_workload
from codesign.workload.spec import OptionError, WorkloadSpec

_KEPT = 6
"""Most workloads in memory: if a study searches for a timestep, every trial has its own data."""


@dataclass(kw_only=True)
class Workloads:
    """Workloads by spec and by fingerprint, read on demand; only a few are kept. Used in a block of `reading_once`, in
    which data may not change.

    Folders of datasets and of binned events are those of the settings if None.
    """

    data_root: str | Path | None = None
    cache_root: str | Path | None = None
    _outlines: dict[WorkloadSpec, WorkloadOutline] = field(default_factory=dict, repr=False)
    _loaded: dict[str, Workload] = field(default_factory=dict, repr=False)

    def outline(self, spec: SweepSpec) -> WorkloadOutline:
        """The facts of a sweep's workload that are known before its data is read. Raises DataError if it is missing or
        damaged, and InputError if the sweep requests something that the data does not have."""
        workload = spec.workload
        if workload not in self._outlines:
            try:
                outline = outline_workload(workload, data_root=self.data_root, cache_root=self.cache_root)
            except OptionError as error:
                raise spec.refusal([(("workload", option), message) for option, message in error.mistakes]) from None
            self._outlines[workload] = outline
        return self._outlines[workload]

    def load(self, fingerprint: str) -> Workload:
        """The workload with the fingerprint of an earlier outline."""
        if fingerprint not in self._loaded:
            spec = next(spec for spec, outline in self._outlines.items() if outline.fingerprint == fingerprint)
            workload = load_workload(spec, data_root=self.data_root, cache_root=self.cache_root)
            if len(self._loaded) >= _KEPT:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[fingerprint] = workload
        return self._loaded[fingerprint]

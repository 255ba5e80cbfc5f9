"""The data of a sweep or study."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from codesign.errors import DataError
from codesign.exploration.definition.spec import SweepSpec
from codesign.workload.dataset import Workload, WorkloadOutline, load_workload, outline_workload
from codesign.workload.spec import OptionError, WorkloadSpec

_KEPT = 6
"""So many workloads stay in memory: a study may search for a timestep, and every trial then has data of its own."""


@dataclass(kw_only=True)
class Workloads:
    """Workloads by what a file says of them and by their fingerprints, read if somebody asks, and few at a time kept.

    Folders of datasets and of binned events are found by the settings if None. With `look_only`, outlines write nothing
    to the cache.
    """

    data_root: str | Path | None = None
    cache_root: str | Path | None = None
    look_only: bool = False
    _outlines: dict[WorkloadSpec, WorkloadOutline] = field(default_factory=dict, repr=False)
    _specs: dict[str, WorkloadSpec] = field(default_factory=dict, repr=False)
    _loaded: dict[str, Workload] = field(default_factory=dict, repr=False)

    def outline(self, spec: SweepSpec) -> WorkloadOutline:
        """What is known of a sweep's workload before its data is read. Raises DataError where it is missing or damaged,
        and InputError where the sweep asks for something that the data does not have."""
        workload = spec.workload
        if workload not in self._outlines:
            try:
                outline = outline_workload(
                    workload, data_root=self.data_root, cache_root=self.cache_root, look_only=self.look_only
                )
            except OptionError as error:
                raise spec.refusal([(("workload", option), message) for option, message in error.mistakes]) from None
            self._outlines[workload], self._specs[outline.fingerprint] = outline, workload
        return self._outlines[workload]

    def load(self, fingerprint: str) -> Workload:
        """The workload with the fingerprint of an outline that was given before."""
        if fingerprint not in self._loaded:
            spec = self._specs[fingerprint]
            workload = load_workload(spec, data_root=self.data_root, cache_root=self.cache_root)
            if workload.fingerprint != fingerprint:
                raise DataError(f"workload '{spec.name}': its files changed since the run began; start again")
            if len(self._loaded) >= _KEPT:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[fingerprint] = workload
        return self._loaded[fingerprint]

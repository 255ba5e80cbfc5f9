"""The metadata of a results file: where everything comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from codesign.analysis.questions import plain
from codesign.analysis.results.formatting import listed
from codesign.analysis.results.metadata import (
    AxisFacts,
    ChipFacts,
    ChipNumber,
    JobFacts,
    Objective,
    ResultMetadata,
    Scalar,
    WorkloadFacts,
)
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import axis_units, base_chip
from codesign.exploration.plan import Plan
from codesign.exploration.running import RunArguments
from codesign.exploration.work import Work
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.missing import times_in_others
from codesign.hardware.chip.provenance import SCALED
from codesign.hardware.cost.uncertainty import uncertain_numbers
from codesign.hardware.terms import MODEL
from codesign.hardware.validation.validation import contradictions, validate, validation_summary
from codesign.units import format_si
from codesign.versions import package_versions
from codesign.workload.dataset import Workload

_LISTED = 4
"""Most networks that are named individually."""


def describe_sweep(plan: Plan, works: Sequence[Work], run: RunArguments, *, failed: int) -> ResultMetadata:
    """Metadata of the results of a plan; `failed` is the number of results that failed jobs left out."""
    spec, networks = plan.spec, plan.topologies
    schedules = dict.fromkeys(name for entry in spec.chips.values() for name in entry.schedules)
    scaled = {point.columns["chip"] for point in plan.points if SCALED in point.chip.sources}
    return ResultMetadata(
        sweep=spec.name,
        title=spec.title or spec.name,
        question=spec.question,
        description=spec.description,
        config_hash=plan.config_hash,
        command=run.again,
        versions=package_versions(),
        workload=_workload_facts(spec, map(run.workloads.load, plan.workloads)),
        topology=listed([*networks], "or") if len(networks) <= _LISTED else f"{len(networks)} networks",
        neuron=scalars(spec.neuron.said()),
        recipes={name: scalars(recipe.parameters) for name, recipe in spec.recipes.items()},
        schedules={name: scalars(spec.all_schedules[name].model_dump(exclude_none=True)) for name in schedules},
        objectives=tuple(Objective(**entry.model_dump()) for entry in spec.objectives),
        static_book=spec.static_book,
        chips={name: replace(chip_facts(base_chip(spec, name)), scaled=name in scaled) for name in spec.chips},
        questions={name: plain(question) for name, question in spec.questions.items()},
        figures=tuple(entry.model_dump(mode="json", exclude_unset=True) for entry in spec.figures),
        axes=tuple(AxisFacts(name=path, unit=unit) for path, unit in sorted(axis_units(spec).items())),
        jobs=JobFacts(
            trained=sum(work.to_run["train"] for work in works),
            executed=sum(work.to_run["execute"] for work in works),
            priced=sum(work.to_run["price"] for work in works),
            reused=sum(work.reused for work in works),
        ),
        platform=(f"jobs that failed, or need one that failed: {failed:,}",) if failed else (),
    )


def chip_facts(chip: Chip) -> ChipFacts:
    """The facts about a chip for the report; each number with the citation of its source."""

    def cite(key: str) -> str:
        return chip.sources[key].citation if key in chip.sources else key

    ranges, checks = {number.path: number for number in uncertain_numbers(chip)}, validate(chip)
    return ChipFacts(
        title=chip.title,
        citation=cite(chip.citation),
        synchronization=chip.synchronization.kind,
        name=chip.name,
        extends=chip.extends,
        operating_point=chip.operating_point,
        gating=_gating(chip),
        times_in_others=times_in_others(chip),
        notes=tuple(f"{path}: {number.note}" for path, number in chip.numbers().items() if number.note),
        numbers=tuple(
            ChipNumber(
                name=path,
                value_si=number.si,
                unit=number.unit,
                text=number.text,
                confidence=number.confidence,
                source=cite(number.source),
                low_si=ranges[path].low if path in ranges else None,
                high_si=ranges[path].high if path in ranges else None,
                assumed_range=path in ranges and ranges[path].assumed,
            )
            for path, number in chip.numbers().items()
        )
        + tuple(
            ChipNumber(
                name=number.path,
                value_si=number.value,
                unit="",
                text=f"a factor of {number.high:g} either way",
                confidence="derived",
                source=chip.model_error.note if chip.model_error is not None else "",
                low_si=number.low,
                high_si=number.high,
            )
            for path, number in ranges.items()
            if path.startswith(MODEL)
        ),
        validation_summary=validation_summary(chip),
        errors=tuple(one.error for one in checks if one.status == "recomputed" and one.error is not None),
        fitted=any(one.status == "fitted" for one in checks),
        contradictions=contradictions(chip),
    )


def _gating(chip: Chip) -> str:
    static, words = chip.static_power, {"yes": "off", "no": "on", "unknown": "not known"}
    cores = "not known" if static.core_off is None else f"{format_si(static.core_off.value, 'W')} each"
    if static.core_off is not None and static.core_in_use is not None:
        cores += f" of {format_si(static.core_in_use.value, 'W')} in use"
    gated = f"unused cores {cores}, between inputs {words[chip.power_gating.between_inputs]}"
    return gated if chip.energies.clock_cycle is None else f"{gated}, clock {words[chip.power_gating.clock]}"


def _workload_facts(spec: SweepSpec, workloads: Iterator[Workload]) -> WorkloadFacts:
    """Facts about the first workload, and what the others leave out. They are too large to hold in memory together."""
    workload = next(workloads)
    others = dict.fromkeys(other.left_out for other in workloads if other.left_out != workload.left_out)
    split = spec.evaluation.split
    labels = getattr(workload, split).labels[: spec.evaluation.samples]
    chosen = None if split == "test" else f"They are of the {split} split"
    told = (chosen, workload.coverage, *others)
    return WorkloadFacts(
        name=workload.name,
        coverage="; ".join(filter(None, told)) or None,
        train=len(workload.train),
        validation=len(workload.validation),
        test=len(labels),
        classes=workload.classes,
        timesteps=workload.timesteps,
        timestep_s=workload.timestep_s,
        commonest=float(np.bincount(labels).max(initial=0) / max(len(labels), 1)),
    )


def scalars(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Parameters as table cells: values with parts are put in words, without the parts that are None."""
    return {name: _scalar(value) for name, value in values.items()}


def _scalar(value: Any) -> Scalar:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_scalar(part)}" for name, part in value.items() if part is not None)
    if isinstance(value, list | tuple):
        return "; ".join("none" if part is None else str(_scalar(part)) for part in value)
    if isinstance(value, float) and math.isinf(value):
        return "infinite"
    return getattr(value, "summary", value)  # type: ignore[no-any-return]

"""Sweeps and schedules from Python: what a notebook calls, with defaults for all that a first look does not need."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from codesign.documents import validate_data
from codesign.errors import InputError
from codesign.exploration import sweep as sweeps
from codesign.exploration.executors.base import Executor
from codesign.exploration.library import load_sweep
from codesign.exploration.runs.shown import shown_progress
from codesign.exploration.spec import SweepSpec
from codesign.exploration.store import Store
from codesign.exploration.workloads import Workloads
from codesign.files import Location
from codesign.hardware.cost import price
from codesign.hardware.description import Chip
from codesign.hardware.library import find_chip
from codesign.hardware.placement import place
from codesign.hardware.quantization import chip_quantization
from codesign.hardware.scheduling import chip_schedule, on_chip
from codesign.network.quantization import quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.reporting.results import SweepResults
from codesign.simulation.execution import Execution
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.terminal_text import is_watched
from codesign.training.evaluation import evaluate
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_schedules", "run_sweep"]


def run_sweep(
    sweep: str | Path | Mapping[str, Any] | SweepSpec,
    *,
    dataset: str | None = None,
    scale: str | None = None,
    store: Store | Location = "reports/.store",
    output: Location | None = None,
    executor: Executor | None = None,
    data_root: Path | None = None,
    models: bool = False,
    progress: bool | None = None,
) -> SweepResults:
    """Train, run and price every design point that is not in the store; write results and report, and return them.

    Args:
        sweep: the path of a file, the name of one that is shipped, what a file would say as a mapping, or a spec.
        dataset, scale: of a file's `datasets` and `scales`; the first of each if None.
        store: where finished jobs are kept.
        output: folder for results and report; `reports/NAME` if None.
        executor: runs the jobs; None chooses one.
        data_root: folder of the datasets; found by the settings if None.
        models: whether to write each trained model with its card too.
        progress: whether standard error shows how far it is; None where it is a terminal or a notebook.

    Raises:
        InputError: the sweep has mistakes, or files cannot be written.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    if isinstance(sweep, SweepSpec | Mapping):
        if dataset is not None or scale is not None:
            raise InputError("dataset and scale choose parts of a file; a mapping or a spec has none")
        spec = sweep if isinstance(sweep, SweepSpec) else validate_data(dict(sweep), SweepSpec)
    else:
        spec = load_sweep(sweep, dataset=dataset, scale=scale)
    with shown_progress(is_watched() if progress is None else progress) as shown:
        outcome = sweeps.run_sweep(
            spec,
            store=store if isinstance(store, Store) else Store(store),
            output=f"reports/{spec.name}" if output is None else output,
            executor=executor,
            progress=shown,
            workloads=Workloads(data_root=data_root),
            models=models,
        )
    return SweepResults.of(outcome.table, outcome.report)


def compare_schedules(
    network: SpikingNetwork,
    events: EventBatch,
    *,
    chips: Iterable[str | Path | Chip] = (),
    policies: Iterable[str] = ("random",),
    group_sizes: Iterable[int] = (8,),
    scaled: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """A trained network under every policy and group size, beside layered inference, on no chip or on several.

    On a chip that waits, its own schedule is run, and no other. Weights and potentials have the bits of the chip.

    Args:
        network: a trained network.
        events: the samples, such as `workload.test`.
        chips: names, paths or descriptions; without any, what does not need one.
        policies, group_sizes: of the asynchronous executions.
        scaled: whether counts of a chip are lifted where the network does not fit; else it raises.
        seed: of what policies draw.

    Returns:
        A row each, columns `chip`, `policy`, `group_size`, `accuracy`, `agreement` with layered inference of the same
        weights, `spike_density`, `forward_steps`, `contention`, `energy_j` and `latency_s`; what is not known is NaN.

    Raises:
        InputError: an unknown chip or policy, or a group size that is not a whole number above 0.
        InfeasibleError: the network does not fit a chip, and `scaled` is False.
    """
    import pandas as pd

    sizes, names = tuple(group_sizes), tuple(policies)
    rows: list[dict[str, Any]] = []
    for chip in tuple(chips) or (None,):
        found = chip if chip is None or isinstance(chip, Chip) else find_chip(chip)
        rows += _of_chip(network, events, found, names, sizes, scaled=scaled, seed=seed)
    return pd.DataFrame(rows)


def _of_chip(
    network: SpikingNetwork,
    events: EventBatch,
    chip: Chip | None,
    policies: Sequence[str],
    group_sizes: Sequence[int],
    *,
    scaled: bool,
    seed: int,
) -> list[dict[str, Any]]:
    chosen = [LAYERED, *(Schedule(policy=p, group_size=f, stop="on_output") for p in policies for f in group_sizes)]
    if chip is None:
        placement = None
    else:
        placement = place(network.shape, chip, capacity="scaled" if scaled else "published")
        network = _on_weights_of(chip, network)
        own = chip_schedule(placement).schedule
        chosen = [LAYERED, *([own] if chip.synchronized else [on_chip(s, placement).schedule for s in chosen[1:]])]
    layered = evaluate(network, events, LAYERED, seed=seed)
    rows = []
    for schedule in chosen:
        execution = layered if schedule is LAYERED else evaluate(network, events, schedule, seed=seed)
        waits = schedule is LAYERED or schedule.synchronized
        # What waits for layers on a chip that cannot, or on no chip, is there for comparison, and has no price.
        cost = None if placement is None or schedule is LAYERED else price(execution, placement).columns()
        rows.append(
            {
                "chip": None if chip is None else chip.name,
                "policy": "layered" if waits else get_policy(schedule.policy).name,
                "group_size": None if waits else schedule.group_size,
                **_columns(execution, layered),
                "energy_j": math.nan if cost is None or cost["energy_j"] is None else cost["energy_j"],
                "latency_s": math.nan if cost is None or cost["latency_s"] is None else cost["latency_s"],
            }
        )
    return rows[1:] if chip is not None and chip.synchronized else rows


def _on_weights_of(chip: Chip, network: SpikingNetwork) -> SpikingNetwork:
    """A copy of a network with the weights and potentials that it has on a chip."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        quantize(network, chip_quantization(chip))
    return network


def _columns(execution: Execution, layered: Execution) -> dict[str, float]:
    return {
        "accuracy": execution.accuracy,
        "agreement": float((execution.predictions == layered.predictions).mean()),
        "spike_density": execution.spike_density,
        "forward_steps": float(execution.forward_steps.sum(axis=1).mean()),
        "contention": execution.contention,
    }

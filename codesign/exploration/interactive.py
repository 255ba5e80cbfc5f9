"""Sweeps, studies, prices and comparisons of schedules from Python and notebooks."""

from __future__ import annotations

import copy
import importlib
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import torch

from codesign.analysis.results.formatting import coverage_words
from codesign.analysis.results.statistics import interval
from codesign.arguments import instance, one_of, whole
from codesign.deferred import pd
from codesign.documents import Spec, as_written, validate_data
from codesign.errors import InputError
from codesign.exploration import sweep as sweeps
from codesign.exploration.definition.library import RUN_FUNCTIONS, Model, choose_sweep, kind_of
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.executors import ExecutorName, named_executor
from codesign.exploration.executors.base import Executor
from codesign.exploration.jobs.canonical import needs_seed
from codesign.exploration.jobs.given import own_assumptions
from codesign.exploration.jobs.store import Store
from codesign.exploration.model_sweep import name_of_chip
from codesign.exploration.running import RunArguments
from codesign.exploration.runs.shown import shown_progress
from codesign.files import Location
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.quantization import chip_quantization
from codesign.hardware.cost.cost import Cost, price
from codesign.hardware.cost.energy import check_operation
from codesign.hardware.cost.scheduling import ChipSchedule, chip_schedule, on_chip
from codesign.hardware.library import find_chip
from codesign.hardware.placement.placement import Placement, place
from codesign.network.quantization import quantize
from codesign.network.spiking_network import SpikingNetwork
from codesign.reporting.results import SweepResults
from codesign.shell import shell_text
from codesign.simulation.execution import Execution
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, Schedule, Stop
from codesign.simulation.silence import warn_if_silent
from codesign.terminal_text import in_notebook, is_watched
from codesign.training.evaluation import evaluate
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    from codesign.exploration.pricing.pricing import PricingOutcome
    from codesign.exploration.pricing.spec import PricingSpec
    from codesign.exploration.study.spec import StudySpec

Described = TypeVar("Described", bound=Spec)

if in_notebook():  # without ipywidgets, Optuna and Ray would begin by asking for it, though they show no widget here
    logging.getLogger("ray.widgets").setLevel(logging.WARNING)
    with warnings.catch_warnings(), suppress(ImportError):
        warnings.simplefilter("ignore")
        importlib.import_module("tqdm.auto")


def run_sweep(
    sweep: str | Path | Mapping[str, Any] | SweepSpec,
    *,
    dataset: str | None = None,
    scale: str | None = None,
    store: Store | Location = "reports/.store",
    output: Location | None = None,
    executor: Executor | ExecutorName | None = None,
    data_root: str | Path | None = None,
    models: bool = False,
    progress: bool | None = None,
) -> SweepResults:
    """Train, run and price all design points that are not in the store; write results and report, and return them.

    Args:
        sweep: a file's path, the name of a shipped sweep, the content of a file (without `extends`, `datasets` and
            `scales`) as a mapping, or a spec.
        dataset, scale: which of a file's `datasets` and `scales` to use; the first of each if None.
        store: store of finished jobs.
        output: folder for results and report; `reports/NAME` if None.
        executor: an executor, `serial` or `ray`; chosen automatically if None.
        data_root: folder of the datasets; if None, `CODESIGN_DATA`, or else `data` in the working folder.
        models: whether to also write each trained model with its card.
        progress: whether to show progress on standard error; if None, only in a terminal or notebook.

    Raises:
        InputError: the sweep has mistakes, or files cannot be written.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    spec, again = _asked("sweep", sweep, SweepSpec, dataset=dataset, scale=scale)
    places: dict[str, Any] = {"store": store, "output": output, "data_root": data_root}
    with _arguments(spec.name, progress, executor=executor, models=models, again=again, **places) as run:
        outcome = sweeps.run_sweep(spec, run)
    return SweepResults.of(outcome.table, outcome.report)


def run_study(
    study: str | Path | Mapping[str, Any] | StudySpec,
    *,
    dataset: str | None = None,
    scale: str | None = None,
    trials: int | None = None,
    store: Store | Location = "reports/.store",
    output: str | Path | None = None,
    storage: str | None = None,
    executor: Executor | ExecutorName | None = None,
    data_root: str | Path | None = None,
    models: bool = False,
    progress: bool | None = None,
) -> SweepResults:
    """Search until the budget is spent, test the front, write results, trials and report, and return the results.

    A study that was interrupted continues when run again and, except under a budget of time, ends with the same files;
    a larger budget extends it. The results hold the trials of the front and the baseline on the test split;
    `metadata.study` has all trials, as does `trials.parquet` next to the report.

    Args:
        study: like the sweep of `run_sweep`, with a space, objectives and a budget.
        trials: number of trials, including those of earlier runs, instead of the study's budget.
        output: local folder for the files and the journal of trials; `reports/NAME` if None.
        storage: URL of an Optuna storage for the trials, such as `sqlite:///trials.db`, instead of the journal.
        dataset, scale, store, executor, data_root, models, progress: as in `run_sweep`.

    Raises:
        InputError: the study has mistakes, the baseline has no result, or another process runs the study.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    from codesign.exploration.study import study as studies
    from codesign.exploration.study.spec import StudySpec

    spec, again = _asked("study", study, StudySpec, dataset=dataset, scale=scale)
    spec = spec.with_trials(trials)
    again += f" --trials {trials}" if again and trials is not None else ""
    places: dict[str, Any] = {"store": store, "output": output, "data_root": data_root, "storage": storage}
    with _arguments(spec.name, progress, executor=executor, models=models, again=again, **places) as run:
        outcome = studies.run_study(spec, run)
    return SweepResults.of(outcome.table, outcome.report)


def run_pricing(
    prices: str | Path | Mapping[str, Any] | PricingSpec,
    *,
    store: Store | Location = "reports/.store",
    output: str | Path | None = None,
    data_root: str | Path | None = None,
    threads: int | None = None,
    replay: bool = True,
    progress: bool | None = None,
) -> PricingOutcome:
    """Price all combinations of a chip's numbers on stored executions; return the paths of points, front and page.

    Missing executions are trained, run and stored first. `pd.read_parquet(outcome.front)` reads the front.

    Args:
        prices: like the sweep of `run_sweep`, with a sweep, a chip, a schedule and axes.
        output: local folder for the files; `reports/NAME` if None.
        threads: number of threads that compute latencies; one per core if None.
        replay: whether to replay messages for the latency of points on the front of a chip without synchronization.
        store, data_root, progress: as in `run_sweep`.

    Raises:
        InputError: the prices have mistakes, an execution has no result, or files cannot be written.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    from codesign.exploration.pricing import pricing
    from codesign.exploration.pricing.spec import PricingSpec, load_prices

    spec = load_prices(prices) if isinstance(prices, str | Path) else _described("prices", prices, PricingSpec)
    with _arguments(spec.name, progress, store=store, output=output, data_root=data_root) as run:
        return pricing.run_pricing(spec, run, threads=threads, replay=replay)


@contextmanager
def _arguments(
    name: str, progress: bool | None, *, executor: Executor | ExecutorName | None = None, **others: Any
) -> Iterator[RunArguments]:
    """The arguments of a run, with its progress shown meanwhile."""
    with shown_progress(is_watched() if progress is None else progress) as shown:
        if executor is not None and not isinstance(executor, Executor):
            one_of("executor", executor, get_args(ExecutorName))
            executor = named_executor(executor, on_note=shown.note)
        yield RunArguments.of(name, progress=shown, executor=executor, **others)


def _asked(
    kind: str, given: object, model: type[Model], *, dataset: str | None, scale: str | None
) -> tuple[Model, str]:
    """The spec of a sweep or study given in any form, and the equivalent shell command, "" if there is none."""
    if isinstance(given, str | Path):
        spec = choose_sweep(given, model, dataset=dataset, scale=scale).spec
        chosen = [("--dataset", dataset), ("--scale", scale)]
        options = [word for option in chosen if option[1] is not None for word in option]
        return spec, shell_text("codesign", kind, str(given), *map(str, options))
    if dataset is not None or scale is not None:
        raise InputError("dataset and scale choose parts of a file; a mapping or a spec has none")
    other = kind_of(given) if isinstance(given, Mapping) else None
    if other is not None and other != kind:
        raise InputError(f"{kind}: has the keys of a {other}; {RUN_FUNCTIONS[other]} takes it")
    return _described(kind, given, model), ""


def _described(kind: str, given: object, model: type[Described]) -> Described:
    """The given spec, or the spec of a mapping with the content of a file."""
    if type(given) is model:  # a study's spec is also a sweep's
        return given
    if not isinstance(given, Mapping):
        raise InputError(f"{kind}: must be a path, a name, a mapping or a spec, found {type(given).__name__}")
    return validate_data(as_written(given), model)


def compare_schedules(
    network: SpikingNetwork,
    events: EventBatch,
    *,
    chips: Iterable[str | Path | Chip] | str | Path | Chip = (),
    policies: Iterable[str] | str = ("random",),
    group_sizes: Iterable[int] | int = (8,),
    stop: Iterable[Stop] | Stop | None = None,
    seeds: Iterable[int] | int = (0,),
) -> pd.DataFrame:
    """Compare a trained network under policies, group sizes and stops with layered inference, on chips or on none.

    Accuracy is lost in two ways if layers do not wait. With stop `drained`, each timestep ends when no spike waits, as
    in layered inference, so the loss is due to the order of spikes alone. With `on_output`, as on most chips, the
    answer is read a step after the first output spike; any further loss is due to reading early.

    A chip that waits runs only its own schedule, with the first stop. On others, the layered row shows the costs if the
    chip could wait. Weights and potentials have the chip's bits.

    Args:
        network: a trained network.
        events: the samples, such as `workload.test`.
        chips: names, paths or descriptions; if empty, only quantities that need no chip are computed.
        policies, group_sizes: one or several of each, for the asynchronous executions.
        stop: when the answer is read (`Schedule.stop`), one or several; None is `on_output` and `drained`, or only
            `drained` if potentials are read.
        seeds: seeds of random draws, one run per seed; a single run if nothing is drawn.

    Returns:
        One row per chip and schedule, with means over `runs`; `plot_schedules` draws it. Unknown values are NaN.
        Columns: `chip` as given, `policy`, `group_size`, `stop`, `runs`, `accuracy`, `agreement` with layered inference
        of the same weights, `spike_density`, `forward_steps`, `contention`, `energy_j` and `latency_s`. For accuracy,
        energy and latency also `…_half_width`, of the 95 % interval over draws, not over trainings or samples.
        `energy_coverage` has the terms that the energy contains; only energies with equal coverage can be compared.
        `not_modelled` has what energy and latency leave out or why they are unknown, and `assumptions` what was assumed
        that the chip does not have or state, such as raised counts.

    Raises:
        InputError: an unknown chip, policy or stop, two chips or policies of one name, a policy that needs times that
            the chip lacks, a group size that is not a whole number above 0, or a label without an output neuron.
    """
    instance("network", network, SpikingNetwork)
    if stop is None:
        stop = ("on_output", "drained") if network.neuron.readout == "spikes" else "drained"
    draws, orders, sizes, stops = map(_several, (seeds, policies, group_sizes, stop))
    if not draws:
        raise InputError("seeds: must be at least one")
    sizes = tuple(whole("group_size", size, least=1) for size in sizes)  # None waits, which has rows of its own
    asked = [Schedule(policy=p, group_size=f, stop=s) for p, f, s in product(orders, sizes, stops)]
    cases = [_Case.of(network, chip, asked) for chip in _several(chips) or (None,)]
    for argument, names in (
        ("chips", [case.chip for case in cases]),
        ("policies", [get_policy(p).name for p in orders]),
    ):
        if len(set(names)) < len(names):
            raise InputError(f"{argument}: must have different names, by which rows tell them apart")
    return pd.DataFrame([row for case in cases for row in case.rows(events, draws)])


def _several(given: Any) -> tuple[Any, ...]:
    """One or several values as a tuple; a string or a chip is one value."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str | Chip) else (given,)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A network, on a chip with its weight bits or on none, and the schedules to run, each with its requested stop."""

    chip: str | None
    network: SpikingNetwork
    placement: Placement | None
    schedules: Sequence[tuple[Stop, ChipSchedule]]

    @staticmethod
    def of(network: SpikingNetwork, chosen: str | Path | Chip | None, asked: list[Schedule]) -> _Case:
        if chosen is None:
            plain = [(one.stop, ChipSchedule(schedule=one, assumptions=())) for one in (LAYERED, *asked)]
            return _Case(chip=None, network=network, placement=None, schedules=plain)
        chip = chosen if isinstance(chosen, Chip) else find_chip(chosen)
        check_operation(chip, "accelerated")
        placement = place(network.shape, chip, "scaled", "chip")
        network = copy.deepcopy(network)
        with torch.no_grad():
            quantize(network, chip_quantization(chip))
        own = [(asked[0].stop, chip_schedule(placement, stop=asked[0].stop))] if chip.synchronized else None
        schedules = own or [(one.stop, on_chip(one, placement)) for one in (LAYERED, *asked)]
        name = chip.name if isinstance(chosen, Chip) else name_of_chip(str(chosen))
        return _Case(chip=name, network=network, placement=placement, schedules=schedules)

    def rows(self, events: EventBatch, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
        layered = evaluate(self.network, events, LAYERED, warn=False)
        for stop, chosen in self.schedules:
            schedule = chosen.schedule
            drawn = seeds if needs_seed(schedule, self.network.shape) else seeds[:1]
            runs = [evaluate(self.network, events, schedule, seed=seed, warn=False) for seed in drawn]
            warn_if_silent(runs[0], f"{'' if self.chip is None else f' on {self.chip}'} under {schedule}")
            yield self._row(chosen, stop, runs, layered)

    def _row(self, chosen: ChipSchedule, stop: Stop, runs: list[Execution], layered: Execution) -> dict[str, Any]:
        schedule = chosen.schedule
        waits = schedule.synchronized or schedule.group_size is None
        costs: list[Cost] = []
        assumed: list[str] = []
        if self.placement is not None:
            costs = [price(run, self.placement) for run in runs]
            assumed += [*chosen.assumptions, *costs[0].assumptions]
            once = self.network.neuron.refractory and schedule.refractory
            assumed += own_assumptions(self.network, self.placement, refractory=once)
        return {
            "chip": self.chip,
            "policy": "layered" if waits else get_policy(schedule.policy).name,
            "group_size": None if waits else schedule.group_size,
            "stop": stop,
            "runs": len(runs),
            **_mean("accuracy", [run.accuracy for run in runs], spread=True),
            **_mean("agreement", [float((run.predictions == layered.predictions).mean()) for run in runs]),
            **_mean("spike_density", [run.spike_density for run in runs]),
            **_mean("forward_steps", [float(run.forward_steps.sum(axis=1).mean()) for run in runs]),
            **_mean("contention", [run.contention for run in runs]),
            **_mean("energy_j", [cost.energy_j for cost in costs], spread=True),
            **_mean("latency_s", [cost.latency_s for cost in costs], spread=True),
            "energy_coverage": coverage_words(costs[0].mean.coverage) if costs else "",
            "not_modelled": "; ".join(costs[0].not_modelled) if costs else "no chip",
            "assumptions": "; ".join(assumed),
        }


def _mean(name: str, values: Sequence[float | None], *, spread: bool = False) -> dict[str, float]:
    """The mean, NaN if a run lacks the value; with `spread`, also its interval, NaN for fewer than two runs."""
    found = interval([math.nan if value is None else value for value in values])
    told = {name: found.mean, f"{name}_half_width": found.half_width} if spread else {name: found.mean}
    return {column: math.nan if number is None else number for column, number in told.items()}

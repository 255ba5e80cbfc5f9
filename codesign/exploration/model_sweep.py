"""The sweep of one trained model on chips, with and without waiting for layers."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codesign.documents import Path_, validate_data
from codesign.errors import CodesignError, InputError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.given import data_name, load_model_file
from codesign.hardware.library import find_chip, is_chip_file
from codesign.models.card import ModelData
from codesign.training.model_file import ModelFile
from codesign.workload.dataset import outline_workload
from codesign.workload.datasets.registry import dataset_names
from codesign.workload.spec import OptionError, WorkloadSpec

_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 60
_DATA = (".npz", ".h5", ".hdf5")


def sweep_of_model(
    model: str, data: str, chips: Sequence[str], *, samples: int | None = None, real_time: bool = False
) -> SweepSpec:
    """A sweep for the accuracy, energy and latency of a model, given by its file, on each chip: with the chip's own
    schedule if it waits for layers, otherwise with and without waiting.

    If the model's card names the data as its training data, the timesteps and the split are those of the training.

    Args:
        data: a file or folder of arrays, or the name of a dataset, even if a folder here has that name.
        samples: number of samples, the first of the test split; all if None.
        real_time: whether a sample takes as long as its recording, with power drawn throughout.
    """
    loaded = load_model_file(ModelFile(file=model))
    network = loaded.network
    timestep_s, reads_spikes = network.timestep_s, network.neuron.readout == "spikes"
    name = _name(model)
    own = data.endswith(_DATA) or os.path.sep in data or (os.path.exists(data) and data not in dataset_names())
    workload: dict[str, Any] = {"name": "arrays", "file": data} if own else {"name": data}
    if timestep_s:
        timed = {**workload, "timestep": f"{timestep_s!r} s"}
        other_frames = network.timeless and own and "timestep" in _refused(WorkloadSpec.model_validate(timed))
        workload = workload if other_frames else timed
    entries: dict[str, Any] = {}
    for chip in dict.fromkeys(chips):
        if (called := name_of_chip(chip)) in entries:
            raise InputError(f"{chip}: another chip is called '{called}' too; rename the file")
        waits = find_chip(chip).synchronized
        base = {"extends": chip} if is_chip_file(chip) else {}
        schedules = ["chip"] if waits else ["layered", "chip", *(["drained"] if reads_spikes else [])]
        operation = "real_time" if real_time else "accelerated"
        entries[called] = {**base, "capacity": "scaled", "operation": operation, "schedules": schedules}
    named: dict[Path_, str] = {("workload",): "--data", ("recipes", name): "MODEL"}
    named["workload", "timestep"] = "MODEL's timestep"
    named |= {("chips", called, "operation"): "--real-time" for called in entries}
    told = {
        "name": name,
        "title": f"{os.path.basename(model)} on {', '.join(entries)}",
        "workload": workload,
        "recipes": {name: {"model": model}},
        # Each timestep ends when nothing waits, as in layered inference: any further loss is due to reading early.
        "schedules": {"drained": {"synchronization_threshold": "chip", "stop": "drained"}},
        "chips": entries,
        "questions": dict(_questions(entries)),
        "evaluation": {"samples": samples},
    }
    spec = validate_data(told, SweepSpec, named=named)
    return spec.model_copy(update={"workload": _as_trained(spec.workload, loaded.card.data)})


def _refused(workload: WorkloadSpec) -> dict[str, str]:
    """The options that the data do not support, and why."""
    try:
        outline_workload(workload)
    except OptionError as error:
        return dict(error.mistakes)
    except CodesignError:
        pass  # reported with the sweep
    return {}


def _as_trained(workload: WorkloadSpec, data: ModelData | None) -> WorkloadSpec:
    """The workload, with the options of the model's training if the data has the same name. Otherwise samples could
    have another number of timesteps, and test samples could be among those that the model was trained on. Raises
    InputError if a file of that name does not have these samples."""
    if data is None or data_name(data.options) != data_name(workload):
        return workload
    trained = data.options.model_copy(update={"file": workload.file})
    for why in _refused(trained).values() if workload.file is not None else ():
        named = f"{workload.file} has the name of the data that the model was trained on, but not its samples"
        raise InputError(f"--data: {named} ({why.partition(';')[0]}); if it is other data, rename it")
    return trained


def _questions(entries: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The questions: which chip is best, and for each that does not wait, what it loses to the order of spikes and to
    reading early."""
    if len(entries) > 1:
        yield "chip", {"choose": "chip", "least": "energy_j", "where": ["accuracy within 1 point of best"]}
    for chip, entry in entries.items():
        if len(entry["schedules"]) > 1:
            select = {"chip": chip, "schedule": entry["schedules"]}  # named, or waiting is left out
            asked = {"ask": f"Which schedule is most accurate on {chip}?"} if len(entries) > 1 else {}
            yield f"waiting_on_{chip}", {"choose": "schedule", "most": "accuracy", "select": select, **asked}


def name_of_chip(chip: str) -> str:
    """The name of a chip in results: the given name, or the stem of a file."""
    return _name(chip) if is_chip_file(chip) else chip


def _name(path: str) -> str:
    """The name of a file as the name of a sweep; long names are cut and get a hash."""
    stem = os.path.splitext(os.path.basename(path))[0]
    plain = _NAME.sub("_", stem) or "model"
    if len(plain) > _LONGEST:
        plain = f"{plain[: _LONGEST - 9]}-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}"
    return plain if plain[0].isalpha() or plain[0] == "_" else f"_{plain}"

"""The sweep of one trained model: on chips, waiting for layers and not."""

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
from codesign.workload.spec import OptionError, WorkloadSpec

_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 60
_DATA = (".npz", ".h5", ".hdf5")


def sweep_of_model(
    model: str, data: str, chips: Sequence[str], *, samples: int | None = None, real_time: bool = False
) -> SweepSpec:
    """Accuracy, energy and latency of a model on each chip: on one that waits for layers as it does, on others both.

    Data that the model was trained on, which its card knows by name, has the timesteps and the split of the training.
    Raises InputError where the model or a chip cannot be read, or the data has no such name.

    Args:
        model: its file, `.safetensors` or NIR.
        data: a file or folder of arrays, or the name of a dataset.
        chips: names, or files of one's own.
        samples: only the first so many of the test split; None for all.
        real_time: whether a sample takes as long as its recording, with the power drawn all that time.
    """
    loaded = load_model_file(ModelFile(file=model))
    network = loaded.network
    timestep_s, reads_spikes = network.timestep_s, network.neuron.readout == "spikes"
    name = _name(model)
    own = data.endswith(_DATA) or os.path.sep in data or os.path.exists(data)
    workload: dict[str, Any] = {"name": "arrays", "file": data} if own else {"name": data}
    if timestep_s:
        timed = {**workload, "timestep": f"{timestep_s!r} s"}
        workload = workload if network.timeless and own and _has_other_frames(timed) else timed
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
        # Each timestep ends when nothing waits, as where layers wait: the rest of a loss is due to reading early.
        "schedules": {"drained": {"synchronization_threshold": "chip", "stop": "drained"}},
        "chips": entries,
        "questions": dict(_questions(entries)),
        "evaluation": {"samples": samples},
    }
    spec = validate_data(told, SweepSpec, named=named)
    return spec.model_copy(update={"workload": _as_trained(spec.workload, loaded.card.data)})


def _has_other_frames(workload: Mapping[str, Any]) -> bool:
    """Whether a file's timesteps are of another length, which cannot be chosen."""
    try:
        outline_workload(WorkloadSpec.model_validate(workload), look_only=True)
    except OptionError as error:
        return any(option == "timestep" for option, _ in error.mistakes)
    except CodesignError:
        pass  # told with the sweep
    return False


def _as_trained(workload: WorkloadSpec, data: ModelData | None) -> WorkloadSpec:
    """The workload with the options that the model was trained with, where the data has the same name. Else samples
    would have another number of timesteps, or the test samples be some that it was trained on."""
    if data is None or data_name(data.options) != data_name(workload):
        return workload
    return data.options.model_copy(update={"file": workload.file})


def _questions(entries: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each chip that does not wait loses by it, to the order of spikes and to reading early; and which chip."""
    for chip, entry in entries.items():
        if len(entry["schedules"]) > 1:
            select = {"chip": chip, "schedule": entry["schedules"]}  # named, or waiting would be left out
            asked = {"ask": f"Which schedule is most accurate on {chip}?"} if len(entries) > 1 else {}
            yield f"waiting_on_{chip}", {"choose": "schedule", "most": "accuracy", "select": select, **asked}
    if len(entries) > 1:
        yield "chip", {"choose": "chip", "least": "energy_j", "where": ["accuracy within 1 point of best"]}


def name_of_chip(chip: str) -> str:
    """What results call a chip: the name that it was asked for by, of a file its stem."""
    return _name(chip) if is_chip_file(chip) else chip


def _name(path: str) -> str:
    """A file's name as one of a sweep; a hash tells a long one from others."""
    stem = os.path.splitext(os.path.basename(path))[0]
    plain = _NAME.sub("_", stem) or "model"
    if len(plain) > _LONGEST:
        plain = f"{plain[: _LONGEST - 9]}-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}"
    return plain if plain[0].isalpha() or plain[0] == "_" else f"_{plain}"

"""Storage of a study's trials: Optuna's journal next to the study's results, or an Optuna storage at a URL.

The journal is opened by one process at a time, whose lock ends with it. So a torn last line, left by a killed process,
can be cut off without asking. Trials that were under way are not discarded: they continue, with the same parameters and
results.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study

from codesign.errors import InputError
from codesign.exploration.definition.entries import ChipEntry
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.jobs.encoding import digest
from codesign.exploration.jobs.given import given_models, load_given
from codesign.exploration.jobs.jobs import chip_digest, versions_digest
from codesign.exploration.study.spec import StudySpec
from codesign.files import Location, held, is_url, lock_of, printable, read_file
from codesign.files.folder import reason_of
from codesign.simulation.policies import get_policy, is_built_in, policy_names
from codesign.training.losses import loss_names, loss_version
from codesign.training.model_file import ModelFile
from codesign.training.recipe import Recipe
from codesign.workload.spec import WorkloadSpec

JOURNAL = "journal.log"
_DEFINITION = "codesign_definition"
_UNSEARCHED = ("title", "question", "questions", "figures", "description", "budget", "in_flight", "resources")
"""Parts of a study file that may change between runs of the same study."""


def definition_of(spec: StudySpec, workload: str) -> dict[str, str]:
    """Hashes of everything, in the file or not, that determines which trials are proposed and their results, by name;
    `workload` is the workload's fingerprint."""
    parts = {name: _unmoved(part) for name, part in sorted(spec.said().items()) if name not in _UNSEARCHED}
    # The order in the file determines the baseline and the order in which parameters are drawn.
    space = spec.search_space
    parts |= {"baseline": space.baseline, "space": [*spec.space.items()]}
    if "chip" in spec.space and "schedule" not in spec.space:
        drawn = {chip: space.chosen({"chip": chip})["schedule"] for chip in spec.chips}
        own = {chip: name for chip, name in drawn.items() if name != space.baseline["schedule"]}
        parts |= {"schedules of chips": own} if own else {}
    chips = {name: chip_digest(base_chip(spec, name)) for name in spec.chips}
    devices = (spec.resources.train.device, spec.resources.execute.device)
    models = {name: model.digest for name, model in given_models(load_given(spec)).items()}
    return {
        **{name: digest({"part": part})[:16] for name, part in parts.items()},
        "chip files": digest(chips)[:16],
        **({"model files": digest(models)[:16]} if models else {}),
        **({"devices": " ".join(devices)} if "cuda" in devices else {}),
        "codesign version": versions_digest()[:16],
        "data": workload[:16],
        **_versions_of_plug_ins(spec),
    }


def _unmoved(part: Any) -> Any:
    """Return a part of a file without the folders of files that it names, whose contents are hashed on their own."""
    match part:
        case ChipEntry(extends=str(file)):
            return part.model_copy(update={"extends": _last(file)})
        case ModelFile(file=file) | WorkloadSpec(file=str(file)):
            return part.model_copy(update={"file": _last(file)})
        case Recipe(model=model, from_=before):
            models = {"model": _unmoved(model), "from_": _unmoved(before)}
            return part.model_copy(update={name: file for name, file in models.items() if file is not None})
        case dict():
            return {name: _unmoved(inner) for name, inner in part.items()}
    return part


def _last(file: str) -> str:
    return os.path.basename(os.path.abspath(file))  # of a folder, with or without a /


def _versions_of_plug_ins(spec: StudySpec) -> dict[str, str]:
    """Versions of the user's own policies and losses that are named anywhere in the file."""
    text = spec.model_dump_json(include={"recipes", "recipe_defaults", "schedules", "space"})
    policies = [get_policy(name) for name in policy_names() if f'"{name}"' in text]
    losses = {name: loss_version(name) for name in loss_names() if f'"{name}"' in text}
    return {
        **{f"policy {policy.name}": str(policy.version) for policy in policies if not is_built_in(policy)},
        **{f"loss {name}": str(version) for name, version in losses.items() if version is not None},
    }


@dataclass(frozen=True)
class Trials:
    """The place of a study's trials: the URL of a storage or, without one, a journal in the output folder.

    Raises:
        InputError: the output is at a URL. The journal and the lock of the output are local files.
    """

    output: Location
    url: str | None = None

    def __post_init__(self) -> None:
        if is_url(self.output):
            raise InputError(
                f"{printable(self.output)}: trials are stored next to the results of a study, in a local "
                "folder; its store may be at a URL"
            )

    @property
    def journal(self) -> Path:
        return Path(self.output) / JOURNAL

    def __str__(self) -> str:
        return str(self.journal) if self.url is None else printable(self.url)

    def opened(self, on_note: Callable[[str], None]) -> BaseStorage:
        if self.url is not None:
            return get_storage(self.url)
        repair_journal(self.journal, on_note)
        place = str(self.journal)
        return JournalStorage(JournalFileBackend(place, lock_obj=_NoLock(place)))


@contextmanager
def open_study(
    spec: StudySpec, kept: Trials, *, definition: dict[str, str], on_note: Callable[[str], None]
) -> Iterator[Study]:
    """Open a study with its trials, including those of earlier runs; `on_note` receives notes on repairs. Raises
    InputError if another process has the study open, the storage cannot be opened, or it holds a study with the same
    name and another `definition_of` it."""
    with _quiet(), held(lock_of(kept.output)):
        study = _load(spec, kept, on_note)
        found, trials = study.user_attrs.get(_DEFINITION), study.get_trials(deepcopy=False)
        known = found if isinstance(found, dict) else {}
        if known and known != definition and not any(trial.state.is_finished() for trial in trials):
            on_note("the file changed before any trial ended: the study starts over")
            optuna.delete_study(study_name=study.study_name, storage=study._storage)
            study, trials = _load(spec, kept, on_note), []
        if not trials:
            study.set_user_attr(_DEFINITION, definition)
        elif changed := sorted(name for name in {*known, *definition} if known.get(name) != definition.get(name)):
            place = "output" if kept.url is None else "storage"
            raise InputError(
                f"{kept}: holds trials of '{spec.name}' from before its {', '.join(changed)} changed, which cannot "
                f"be mixed with others; rename the study, or choose another {place}"
            )
        yield study


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's messages about trials, which `Progress` reports, and restore its verbosity afterwards."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


class _NoLock(JournalFileOpenLock):
    """No lock. Optuna's own is a file that outlives a killed process, and `held` keeps other processes away."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None: ...


def _load(spec: StudySpec, kept: Trials, on_note: Callable[[str], None]) -> Study:
    try:
        study = optuna.create_study(
            study_name=spec.name, storage=kept.opened(on_note), directions=spec.directions, load_if_exists=True
        )
        study.get_trials(deepcopy=False)
    except InputError:
        raise
    except Exception as error:  # any failure of the disk, of Optuna with a URL, or with inconsistent lines
        advice = "; move it away: finished jobs are in the store" if kept.url is None else ""
        raise InputError(f"{kept}: cannot be opened: {type(error).__name__}: {reason_of(error)}{advice}") from error
    return study


def repair_journal(journal: Path, on_note: Callable[[str], None]) -> None:
    """Cut off a torn last line, to which Optuna would append the next entry. No process may have the journal open."""
    if journal.exists() and not journal.is_file():
        raise InputError(f"{journal}: is a folder, a pipe or a device, not the journal of a study; move it away")
    data = read_file(journal) or b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        on_note(f"{journal}: the last line was torn when its writer ended, and is cut off")
        os.truncate(journal, whole)

"""Where a study's trials are kept: a journal beside its results, or any storage that Optuna knows by URL.

The journal is opened by one process at a time, which holds a lock that ends with it. So what a killed process left (a
torn last line, Optuna's own lock file) can be mended without asking. Trials that were under way are not thrown away:
they go on, with the same parameters and the same results.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study

from codesign.errors import InputError
from codesign.exploration.encoding import digest
from codesign.exploration.jobs import chip_digest, versions_digest
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.variants import base_chip
from codesign.files import Location, held, is_url, lock_of, printable, read_file

__all__ = ["JOURNAL", "StudyPlaces", "definition_of", "open_study", "repair_journal"]

JOURNAL = "journal.log"
_DEFINITION = "codesign_definition"
_UNSEARCHED = ("title", "question", "questions", "figures", "description", "budget", "in_flight", "resources")
"""Parts of a study file that may change between two runs of the same study."""


def definition_of(spec: StudySpec, workload: str) -> dict[str, str]:
    """A hash of each thing, in the file or not, that decides which trials are proposed and what they give.

    Args:
        workload: its fingerprint.
    """
    parts = {name: getattr(spec, name) for name in sorted(type(spec).model_fields) if name not in _UNSEARCHED}
    files = {name: chip_digest(base_chip(spec, name)) for name in spec.chips}
    return {
        **{name: digest({"part": part})[:16] for name, part in parts.items()},
        "chip files": digest(files)[:16],
        "codesign version": versions_digest()[:16],
        "data": workload[:16],
    }


@dataclass(frozen=True, kw_only=True)
class StudyPlaces:
    """Where a study's results and trials are kept.

    Attributes:
        name: of the study.
        output: folder of the results, and of the journal of trials.
        url: of another Optuna storage for the trials; None for the journal.

    Raises:
        InputError: the output is a URL, and no other storage is given: a journal is a file of this machine.
    """

    name: str
    output: Location
    url: str | None = None

    def __post_init__(self) -> None:
        if self.url is None and is_url(self.output):
            raise InputError(
                f"{printable(self.output)}: the journal of a study is a local file; give --storage, for example "
                f"'--storage sqlite:///{self.name}.db'"
            )

    @property
    def journal(self) -> Path | None:
        """File of the trials; None where another storage keeps them."""
        return Path(self.output) / JOURNAL if self.url is None else None

    def __str__(self) -> str:
        return str(self.journal) if self.url is None else f"--storage {printable(self.url)}"


@contextmanager
def open_study(
    spec: StudySpec, places: StudyPlaces, *, definition: dict[str, str], on_note: Callable[[str], None]
) -> Iterator[Study]:
    """The study's trials, those of earlier runs included.

    Args:
        definition: as `definition_of` gives it.
        on_note: called with a sentence for whatever was mended.

    Raises:
        InputError: another process has the study open, the storage cannot be opened, or it holds a study of that name
            which searches for something else.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with held(lock_of(places.output)):
        if places.journal is not None:
            repair_journal(places.journal, on_note)
        study = _load(spec, places)
        known, trials = study.user_attrs.get(_DEFINITION), study.get_trials(deepcopy=False)
        if known not in (None, definition) and not any(trial.state.is_finished() for trial in trials):
            on_note("the file has changed before any trial had ended: the study starts over")
            optuna.delete_study(study_name=study.study_name, storage=study._storage)
            study, trials = _load(spec, places), []
        if not trials:
            study.set_user_attr(_DEFINITION, definition)
        elif known is None:
            raise InputError(f"{places}: holds a study '{spec.name}' that was not made by codesign; rename yours")
        elif changed := sorted(name for name in {*known, *definition} if known.get(name) != definition.get(name)):
            raise InputError(
                f"{places}: holds trials of '{spec.name}' from before its {', '.join(changed)} changed, which do not "
                "mix with others; rename the study, or choose another --output"
            )
        yield study


def _load(spec: StudySpec, places: StudyPlaces) -> Study:
    """The study, made where it is missing."""
    try:
        study = optuna.create_study(
            study_name=spec.name, storage=_storage(places), directions=spec.directions, load_if_exists=True
        )
        study.get_trials(deepcopy=False)
    except OSError as error:
        raise InputError(f"{places}: cannot be opened: {error.strerror or error}") from error
    except Exception as error:  # whatever a storage makes of a URL, or of lines that do not belong together
        reason = (str(error).strip().splitlines() or [""])[0]
        advice = "" if places.journal is None else "; move it away: finished jobs are in the store"
        raise InputError(f"{places}: cannot be opened: {type(error).__name__}: {reason}{advice}") from error
    return study


def _storage(places: StudyPlaces) -> BaseStorage:
    if places.url is not None:
        return get_storage(places.url)
    path = str(places.journal)
    return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))


def repair_journal(journal: Path, on_note: Callable[[str], None]) -> None:
    """Mend what a killed process left; nothing may have the journal open.

    A torn last line is cut off: Optuna would write the next entry behind it. Optuna's own lock file, which outlives a
    killed writer by half a minute, is removed.
    """
    for path in journal.parent.glob(f"{journal.name}.lock*"):
        path.unlink(missing_ok=True)
    if journal.exists() and not journal.is_file():
        raise InputError(f"{journal}: is a folder, a pipe or a device, not the journal of a study; move it away")
    data = read_file(journal) or b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        on_note(f"{journal}: the last line was torn when its writer ended, and is cut off")
        os.truncate(journal, whole)

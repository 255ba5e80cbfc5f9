"""Where a study's trials are kept: a journal beside its results, or any storage that Optuna knows by URL.

The journal is opened by one process at a time, which holds a lock that ends with it. So what a killed process left (a
torn last line, Optuna's own lock file) can be mended without asking. Trials that were under way are not thrown away:
they go on, with the same parameters and the same results.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from codesign.errors import InputError
from codesign.exploration.encoding import digest
from codesign.exploration.jobs import chip_digest, versions_digest
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.variants import base_chip
from codesign.files import Location, is_url, printable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study

__all__ = ["JOURNAL", "StudyPlaces", "definition_of", "open_study", "repair_journal"]

JOURNAL = "journal.log"
_DEFINITION = "codesign_definition"
_SQLITE = "sqlite:///"
_UNSEARCHED = ("title", "question", "description", "budget", "in_flight", "resources")
"""Parts of a study file that may change between two runs of the same study."""


def definition_of(spec: StudySpec, workload: str) -> dict[str, str]:
    """A hash of each thing, in the file or not, that decides which trials are proposed and what they give.

    Args:
        workload: its fingerprint.
    """
    parts = {name: digest({"part": getattr(spec, name)})[:16] for name in sorted(type(spec).model_fields)}
    files = {name: chip_digest(base_chip(spec, name)) for name in spec.chips}
    return {
        **{name: part for name, part in parts.items() if name not in _UNSEARCHED},
        "chip files": digest(files)[:16],
        "codesign version": versions_digest()[:16],
        "data": workload[:16],
    }


@dataclass(frozen=True, kw_only=True)
class StudyPlaces:
    """Where a study's trials are.

    Attributes:
        locks: files that the one process holds which searches: of the output, and of trials elsewhere.
        journal: file of the trials, where `url` is None.
        url: of another storage.
    """

    locks: tuple[Path, ...]
    journal: Path | None
    url: str | None

    @staticmethod
    def of(name: str, *, output: Location, url: str | None) -> StudyPlaces:
        """The journal and the lock lie in the folder of the results.

        Raises:
            InputError: that is a URL, and no other storage is given: a journal is a file of this machine.
        """
        if not is_url(output):
            folder = Path(output)
            locks = (folder / ".study.lock",)
            if url is None:
                return StudyPlaces(locks=locks, journal=folder / JOURNAL, url=None)
        elif url is None:
            raise InputError(
                f"{printable(output)}: the journal of a study is a local file; give --storage, for example "
                f"'--storage sqlite:///{name}.db'"
            )
        else:
            locks = (_lock_elsewhere({"output": str(output)}),)
        database = os.path.abspath(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else url
        trials = _lock_elsewhere({"storage": database, "study": name})
        return StudyPlaces(locks=(*locks, trials), journal=None, url=url)

    def __str__(self) -> str:
        return str(self.journal) if self.url is None else f"--storage {printable(self.url)}"


def _lock_elsewhere(identity: Mapping[str, object]) -> Path:
    """A lock for what is no folder of this machine; processes of other machines do not see it."""
    return Path(tempfile.gettempdir()) / f"codesign-{digest(identity)[:16]}.lock"


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
    import optuna
    from filelock import FileLock, Timeout

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with ExitStack() as held:
        for path in places.locks:
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise InputError(
                    f"{path}: is held by another process that runs a study there; wait, or choose another "
                    f"{'--output' if path == places.locks[0] else '--storage'}"
                ) from None
            except OSError as error:
                raise InputError(f"{path}: cannot be locked: {error.strerror or error}") from error
            held.callback(lock.release)
        study = _load(spec, places, on_note)
        if study is None:
            assert places.journal is not None
            _set_aside(places.journal, places.journal.read_bytes(), on_note)
            places.journal.unlink()
            study = _load(spec, places, on_note)
            assert study is not None, "a journal that has just been made can be read"
        if _begins_anew(study, definition, on_note):
            study = _load(spec, places, on_note)
            assert study is not None
        _check_definition(study, definition, where=str(places))
        yield study


def repair_journal(journal: Path, on_note: Callable[[str], None]) -> None:
    """Mend what a killed process or a damaged disk left; nothing may have the journal open.

    A torn last line is cut off. What follows a line that cannot be read is set aside: its trials are proposed again,
    and their jobs are in the store.
    """
    if not journal.is_file():
        return
    _remove_lock(journal)
    data = journal.read_bytes()
    good = 0
    for line in data.splitlines(keepends=True):
        if not line.endswith(b"\n") or not _is_entry(line):
            break
        good += len(line)
    rest = data[good:]
    if not rest:
        return
    if b"\n" in rest:
        _set_aside(journal, data, on_note)
    else:
        on_note(f"{journal}: the last line was torn when its writer ended, and is cut off")
    with journal.open("r+b") as file:
        file.truncate(good)
        file.flush()
        os.fsync(file.fileno())


def _is_entry(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _set_aside(journal: Path, data: bytes, on_note: Callable[[str], None]) -> None:
    copy = journal.with_name(f"{journal.name}.damaged-{uuid4().hex[:8]}")
    copy.write_bytes(data)
    on_note(
        f"{journal}: is damaged; what cannot be read is proposed again, and finished jobs are taken from the store. "
        f"A copy lies at {copy}"
    )


def _remove_lock(journal: Path) -> None:
    """Optuna's own lock file outlives a killed writer by half a minute; a living one holds it for milliseconds."""
    lock = journal.with_name(f"{journal.name}.lock")
    deadline = time.monotonic() + 2.0
    while lock.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    for path in (lock, *journal.parent.glob(f"{journal.name}.lock*.rename")):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _load(spec: StudySpec, places: StudyPlaces, on_note: Callable[[str], None]) -> Study | None:
    """The study, made where it is missing; None for a journal whose lines are well formed and make no sense."""
    import optuna

    try:
        study = optuna.create_study(
            study_name=spec.name,
            storage=_storage(places, on_note),
            directions=[objective.direction for objective in spec.objectives],
            load_if_exists=True,
        )
        study.get_trials(deepcopy=False)
    except OSError as error:
        raise InputError(f"{places}: cannot be opened: {error.strerror or error}") from error
    except InputError:
        raise
    except Exception as error:
        if places.journal is not None:
            return None  # replaying lines that do not belong together fails in any way
        raise InputError(f"{places}: cannot be opened: {type(error).__name__}: {_first_line(error)}") from error
    return study


def _storage(places: StudyPlaces, on_note: Callable[[str], None]) -> BaseStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if places.journal is None:
        assert places.url is not None
        return optuna.storages.get_storage(places.url)
    repair_journal(places.journal, on_note)
    journal = str(places.journal)
    return optuna.storages.JournalStorage(JournalFileBackend(journal, lock_obj=JournalFileOpenLock(journal)))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _begins_anew(study: Study, definition: dict[str, str], on_note: Callable[[str], None]) -> bool:
    """Whether the study was of another definition, and is taken away because none of its trials has ended."""
    import optuna

    known, trials = study.user_attrs.get(_DEFINITION), study.get_trials(deepcopy=False)
    if known in (None, definition) or any(trial.state.is_finished() for trial in trials):
        return False
    optuna.delete_study(study_name=study.study_name, storage=study._storage)
    on_note("the file has changed before any trial had ended: the study begins anew")
    return True


def _check_definition(study: Study, definition: dict[str, str], where: str) -> None:
    known = study.user_attrs.get(_DEFINITION)
    if not study.get_trials(deepcopy=False):
        study.set_user_attr(_DEFINITION, definition)
        return
    if known is None:
        raise InputError(f"{where}: holds a study '{study.study_name}' that was not made by codesign; rename yours")
    changed = sorted(name for name in {*known, *definition} if known.get(name) != definition.get(name))
    if changed:
        raise InputError(
            f"{where}: holds trials of '{study.study_name}' from before its {', '.join(changed)} changed, which do not "
            "mix with others; rename the study, or choose another --output"
        )

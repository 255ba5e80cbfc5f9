"""Places that cannot be written, or are not there: an early and clear end, or the work is done without them.

Thorough, since each starts whole runs: they would catch a part of the program that writes to a folder of the user's
which nobody named, or does not do without one; the functions that choose these folders have quick tests of their own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from faults import everything_below, read_only
from program import end, start
from undisturbed_sweep import Undisturbed, check_stopped, completed, sweep

pytestmark = pytest.mark.thorough

DENIED = "Permission denied"
NAMELESS: dict[str, Path | None] = {"XDG_CACHE_HOME": None}  # folders that nobody names


def kernels(undisturbed: Undisturbed) -> Path:
    """Where the machine's user keeps compiled kernels by now."""
    from codesign.simulation.event.compilation import cache_folder

    assert undisturbed.jobs  # by a process that compiled them where they were missing
    return cache_folder()


def test_a_store_whose_folders_cannot_be_written(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    """A store of somebody else: the folder itself can be written, one inside cannot."""
    shutil.copytree(undisturbed.store, folder / "store")
    some = next(path for path in (folder / "store").glob("??/*") if path.stat().st_size < 2_000)
    some.unlink()
    with read_only(some.parent) as prepare:
        check_stopped(end(sweep(folder, cache_root, prepare=prepare)), f"store/{some.parent.name}/", DENIED)
    assert len(completed(sweep(folder, cache_root)).jobs) == 1
    undisturbed.check_results(folder / "out")


def test_a_working_folder_that_cannot_be_written(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    """Nothing is written there but what the options say."""
    work, elsewhere = folder / "work", folder / "elsewhere"
    work.mkdir()
    shutil.move(folder / "tiny.yaml", work)
    shutil.copytree(undisturbed.store, elsewhere / "store")
    with read_only(work) as prepare:
        usual = start("sweep", "tiny.yaml", folder=work, environment={"CODESIGN_CACHE": cache_root}, prepare=prepare)
        named = sweep(work, cache_root, store=elsewhere / "store", output=elsewhere / "out", prepare=prepare)
        check_stopped(end(usual), "reports/.store", DENIED)
        completed(named)
    undisturbed.check_results(elsewhere / "out")
    assert everything_below(work) == {"tiny.yaml"}


def test_a_home_that_is_of_no_use(folder: Path, undisturbed: Undisturbed) -> None:
    """Kernels are kept in the folder for temporary files then, and events nowhere."""
    of_kernels = kernels(undisturbed)
    places = {"locked": folder / "locked", "closed": folder / "closed", "missing": folder / "locked" / "missing"}
    places["locked"].mkdir()
    places["closed"].mkdir()
    with read_only(places["locked"]) as prepare, read_only(places["closed"], mode=0):
        started = {}
        for name, home in places.items():
            temporary = folder / f"tmp_{name}"
            shutil.copytree(of_kernels, temporary / f"codesign-kernels-{os.getuid()}" / of_kernels.name)
            started[name] = sweep(
                folder,
                None,
                store=f"store_{name}",
                output=f"out_{name}",
                environment={**NAMELESS, "HOME": home, "TMPDIR": temporary, "CODESIGN_KERNEL_CACHE": None},
                prepare=prepare,
            )
            if len(started) == 2:
                started["locked"].wait(timeout=120)
        for name, process in started.items():
            assert completed(process).jobs == undisturbed.jobs
            undisturbed.check_results(folder / f"out_{name}")
    assert everything_below(folder / "locked") == everything_below(folder / "closed") == set()


def test_no_home_at_all(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    """As a service runs: HOME is not set."""
    process = sweep(folder, cache_root, environment={**NAMELESS, "HOME": None})
    assert completed(process).jobs == undisturbed.jobs
    undisturbed.check_results(folder / "out")

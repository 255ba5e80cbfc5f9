"""Places that cannot be written, or are not there: an early and clear end, or the work is done without them.

Thorough, since each starts whole runs: they would catch a part of the program that writes to a folder of the user's
which nobody named, or does not do without one; the functions that choose these folders have quick tests of their own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from faults import read_only
from program import end, start
from undisturbed_sweep import Undisturbed, check_stopped, completed, sweep

from codesign.simulation.event.compilation import cache_folder

pytestmark = pytest.mark.thorough


def unnamed(**variables: Path | str | None) -> dict[str, Path | str | None]:
    """Variables of a process in which none names the folder of kernels or that of events."""
    return {"XDG_CACHE_HOME": None, "CODESIGN_KERNEL_CACHE": None, **variables}


def with_kernels(temporary: Path) -> Path:
    """A folder for temporary files, with the compiled kernels where they are kept if there is no other place."""
    kernels = cache_folder()
    shutil.copytree(kernels, temporary / f"codesign-kernels-{os.getuid()}" / kernels.name)
    return temporary


def test_a_working_folder_that_cannot_be_written(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    """Nor can the user's home: nothing is written but where the options say."""
    work, home, elsewhere = (folder / name for name in ("work", "home", "elsewhere"))
    work.mkdir()
    home.mkdir()
    shutil.move(folder / "tiny.yaml", work)
    with read_only(work, home):
        usual = start("sweep", "tiny.yaml", folder=work, environment={"CODESIGN_CACHE": cache_root})
        check_stopped(end(usual), "reports/.store", "Read-only file system")
        variables = unnamed(HOME=home, TMPDIR=with_kernels(folder / "tmp"))
        named = sweep(work, None, store=elsewhere / "store", output=elsewhere / "out", environment=variables)
        assert completed(named).jobs == undisturbed.jobs
    undisturbed.check_results(elsewhere / "out")


@pytest.mark.parametrize("home", ["tiny.yaml", None], ids=["a file", "not set"])
def test_a_home_that_is_of_no_use(folder: Path, undisturbed: Undisturbed, home: str | None) -> None:
    """Such as that of a service. Kernels are then kept in the folder for temporary files, and events nowhere."""
    variables = unnamed(HOME=home and folder / home, TMPDIR=with_kernels(folder / "tmp"))
    assert completed(sweep(folder, None, environment=variables)).jobs == undisturbed.jobs
    undisturbed.check_results(folder / "out")

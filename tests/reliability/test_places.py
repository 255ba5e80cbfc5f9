"""Places that nobody named, or that are not there: nothing is written to them, or the work is done without them.

Thorough, since each starts whole runs: they would catch a part of the program that writes to a folder of the user's
which nobody named, or does not do without one; the functions that choose these folders have quick tests of their own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from faults import everything_below
from undisturbed_sweep import Undisturbed, completed, sweep

from codesign.simulation.event.compilation import cache_folder

pytestmark = pytest.mark.thorough


def test_nothing_is_written_to_a_folder_that_nobody_named(
    folder: Path, cache_root: Path, undisturbed: Undisturbed
) -> None:
    """Neither to the working folder nor to the user's own."""
    work, home, elsewhere = (folder / name for name in ("work", "home", "elsewhere"))
    work.mkdir()
    home.mkdir()
    shutil.move(folder / "tiny.yaml", work)
    places = {"HOME": home, "XDG_CACHE_HOME": None, "CODESIGN_KERNEL_CACHE": cache_folder().parent}
    completed(sweep(work, cache_root, store=elsewhere / "store", output=elsewhere / "out", environment=places))
    undisturbed.check_results(elsewhere / "out")
    assert (everything_below(work), everything_below(home)) == ({"tiny.yaml"}, set())


@pytest.mark.parametrize("home", ["tiny.yaml", None], ids=["a file", "not set"])
def test_a_home_that_is_of_no_use(folder: Path, undisturbed: Undisturbed, home: str | None) -> None:
    """As a service runs. Kernels are kept in the folder for temporary files then, and events nowhere."""
    temporary, kernels = folder / "tmp", cache_folder()
    shutil.copytree(kernels, temporary / f"codesign-kernels-{os.getuid()}" / kernels.name)
    places = {"HOME": home and folder / home, "TMPDIR": temporary}
    unnamed = {"XDG_CACHE_HOME": None, "CODESIGN_KERNEL_CACHE": None}
    assert completed(sweep(folder, None, environment={**places, **unnamed})).jobs == undisturbed.jobs
    undisturbed.check_results(folder / "out")

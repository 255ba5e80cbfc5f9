"""The installed wheel: chips and sweeps travel with it, and an empty folder is enough to run."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_wheel_carries_chips_sweeps_and_templates(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    assert {"codesign/py.typed", "codesign/__init__.pyi"} <= names  # types for whoever imports it, and its public names
    for folder in ("chips", "sweeps"):
        shipped = {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob("*.yaml")}
        assert shipped
        assert {f"codesign/{folder}/{name}" for name in shipped} <= names
    empty = tmp_path / "empty"
    empty.mkdir()
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from codesign.cli.main import main; main()"

    command = [sys.executable, "-c", program, "sweep", "sweeps/beyond/weight_bits.yaml", "--dataset", "digits"]
    ended = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=True, cwd=empty)
    assert "design points" in ended.stdout

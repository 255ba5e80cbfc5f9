"""`codesign init`: files to start from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.options import place, place_here
from codesign.cli.streams import tell
from codesign.errors import InputError
from codesign.files import write_atomically
from codesign.shell import shell_text

_START = Path(__file__).parent / "start"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,79}")
_CHIP = "my_chip.yaml"


def init(
    path: Annotated[
        str, typer.Argument(parser=place, metavar="FILE", help="The sweep file to write.")
    ] = "my_sweep.yaml",
    chip: Annotated[bool, typer.Option("--chip", help=f"Write {_CHIP} beside it, and compare it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Write a commented sweep, and with --chip a chip, to start from; both run as they are."""
    file = place_here(path)
    if not _NAME.fullmatch(file.stem) or file.suffix not in (".yaml", ".yml"):
        said = "must be a name of letters, digits, '_' and '-' that begins with a letter and ends in .yaml"
        raise InputError(f"{file}: {said}")
    if chip and file.name == _CHIP:
        raise InputError(f"{file}: is the name of the chip's file; give the sweep another one")
    sweep = (_START / "sweep.yaml").read_text(encoding="utf-8").replace("my_sweep", file.stem)
    texts = {file: sweep}
    if chip:
        texts = {file: re.sub(r"^  # ((?:chip\.)?mine)", r"  \1", sweep, flags=re.MULTILINE)}
        texts[file.parent / _CHIP] = (_START / "chip.yaml").read_text(encoding="utf-8")
    there = [str(where) for where in texts if os.path.lexists(where)]
    if there and not force:
        raise InputError(f"{', '.join(there)}: already there; use --force to replace")
    for where, text in texts.items():
        write_atomically(where, text.encode())
        tell(f"wrote {where}")
    tell(f"Next: codesign sweep {shell_text(str(file))}")

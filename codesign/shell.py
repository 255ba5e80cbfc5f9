"""Commands as text for a shell."""

from __future__ import annotations

import os
import shlex
import subprocess


def shell_text(*words: str) -> str:
    """Words of a command in the form that the shells of this system take: on Windows, cmd knows no single quotes."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)

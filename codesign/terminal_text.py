"""Untrusted text on a terminal or a page, such that nothing in it moves the cursor, sets a colour or reverses text."""

from __future__ import annotations

import re
import sys
from contextlib import suppress

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters except tab and newline, marks that reverse text, and bytes of file names that are not text."""


def escaped(text: str) -> str:
    r"""`text` with characters that control a terminal or reverse text escaped, such as `\x1b` for an escape."""
    return _STEERING.sub(lambda match: _written_out(ord(match[0])), text)


def _written_out(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def on_terminal() -> bool:
    """Whether standard error is a terminal. In a service it may be closed, missing, or an object that cannot tell."""
    with suppress(AttributeError, ValueError):
        return sys.stderr.isatty()
    return False


def in_notebook() -> bool:
    return "ipykernel" in sys.modules


def is_watched() -> bool:
    """Whether someone sees standard error while it is written: on a terminal, or in a notebook."""
    return on_terminal() or in_notebook()

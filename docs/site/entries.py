"""Entries of docstrings about several names at once become one each, which the reader of docstrings does not know.

    width, height: of a window.

is read as a name `width,` of the type `height`; written out, each name has its own type and the same words. The entry
of an attribute that may be left out also gets its default, which no signature shows.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_SEVERAL = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<words>.*(?:\n(?P=indent) +\S.*)*)", re.MULTILINE)


class Entries(griffe.Extension):
    """Writes out such entries wherever a docstring is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _SEVERAL.sub(_written_out, obj.docstring.value)
            for name, member in obj.members.items() if obj.is_class else ():
                default = str(member.value) if member.is_attribute and member.value is not None else "("
                if "(" not in default:  # a call makes a field, not a value
                    said = f"{name} ({member.annotation} = {default}): "
                    obj.docstring.value = re.sub(
                        rf"^( +){name}: ", rf"\1{said}", obj.docstring.value, flags=re.MULTILINE
                    )


def _written_out(entry: re.Match[str]) -> str:
    indent, names, words = entry.group("indent", "names", "words")
    return "\n".join(f"{indent}{name}: {words}" for name in names.split(", "))

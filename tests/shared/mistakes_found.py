"""What is told of a document that is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from codesign.errors import DocumentError


def mistakes_of(read: Callable[..., object], *arguments: object) -> list[tuple[int, str]]:
    """Line and message of every mistake for which reading it so is refused."""
    with pytest.raises(DocumentError) as caught:
        read(*arguments)
    return [(problem.line, problem.message) for problem in caught.value.problems]

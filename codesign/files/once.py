"""Files that are read once in a run, which may take hours while their owner goes on editing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_kept: ContextVar[dict[tuple[str, str], Any] | None] = ContextVar("kept", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """In the block, what `once` has read stays as it was."""
    token = _kept.set({} if (kept := _kept.get()) is None else kept)
    try:
        yield
    finally:
        _kept.reset(token)


def once(kind: str, name: str, read: Callable[[], T]) -> T:
    """What `read` gives for a kind of thing of that name; in a block of `reading_once`, what it gave there first."""
    if (kept := _kept.get()) is None:
        return read()
    if (kind, name) not in kept:
        kept[kind, name] = read()
    return kept[kind, name]  # type: ignore[no-any-return]

"""Files that are read once per run, which may take hours while their owner continues to edit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_kept: ContextVar[dict[tuple[str, str], Any] | None] = ContextVar("kept", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Within the block, `once` returns what it read first."""
    token = _kept.set({} if (kept := _kept.get()) is None else kept)
    try:
        yield
    finally:
        _kept.reset(token)


def once(kind: str, name: str, read: Callable[[], T]) -> T:
    """The result of `read` for a kind of thing and its name: in a block of `reading_once`, the first one there."""
    if (kept := _kept.get()) is None:
        return read()
    if (kind, name) not in kept:
        kept[kind, name] = read()
    return kept[kind, name]  # type: ignore[no-any-return]

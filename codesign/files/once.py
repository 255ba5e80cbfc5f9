"""Reading each file once per run: a run may take hours, during which its owner may edit the files."""

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
    """`read()`; within a `reading_once` block, its first result for this kind of thing and name."""
    if (kept := _kept.get()) is None:
        return read()
    if (kind, name) not in kept:
        kept[kind, name] = read()
    return kept[kind, name]  # type: ignore[no-any-return]

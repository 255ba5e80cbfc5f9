"""Executors, which run jobs: one file per executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from codesign.exploration.executors.base import Executor

ExecutorName = Literal["serial", "ray"]


def named_executor(
    name: ExecutorName, *, workers: int | None = None, address: str | None = None, on_note: Callable[[str], None]
) -> Executor:
    """The executor with the given name; the other arguments are for Ray."""
    if name == "serial":
        from codesign.exploration.executors.serial import SerialExecutor

        return SerialExecutor()
    from codesign.exploration.executors.ray import RayExecutor

    return RayExecutor(workers=workers, address=address, on_note=on_note)

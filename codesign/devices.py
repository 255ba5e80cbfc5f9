"""torch's devices, default device and type, and number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from codesign.deferred import torch
from codesign.errors import InputError


def made_on(device: torch.device | str) -> AbstractContextManager[object]:
    """Create tensors on a device, whatever default a notebook has set; without overhead if it is the default."""
    wanted = torch.device(device)
    return nullcontext() if torch.tensor([]).device == wanted else wanted  # torch 2.5 overlooks `with torch.device(…)`


def in_float32() -> AbstractContextManager[None]:
    """Make float32 torch's default type, whatever default a notebook has set."""
    return _meanwhile(torch.get_default_dtype, torch.set_default_dtype, torch.float32)


def on_threads(count: int) -> AbstractContextManager[None]:
    """Let torch, and with it the event engine, compute on `count` threads."""
    return _meanwhile(torch.get_num_threads, torch.set_num_threads, count)


@contextmanager
def _meanwhile(get: Callable[[], Any], put: Callable[[Any], object], value: Any) -> Iterator[None]:
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


def usable_device(device: Any) -> torch.device:
    """A torch device that this machine can compute on. Raises InputError for any other."""
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"device: must be a device that torch can compute on here, such as 'cpu', found {device!r}: {reason}"
        ) from None
    return found

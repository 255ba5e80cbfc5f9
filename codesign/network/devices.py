"""Where networks may lie."""

from __future__ import annotations

from typing import Any

import torch

from codesign.errors import InputError


def usable_device(name: str, device: Any) -> torch.device:
    """A device of torch that this machine can compute on. Raises InputError for any other."""
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
        reason = "it holds no numbers" if found.type == "meta" else ""
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
    if reason:
        raise InputError(
            f"{name}: must be a device that torch can compute on here, such as 'cpu', found {device!r}: {reason}"
        )
    return found

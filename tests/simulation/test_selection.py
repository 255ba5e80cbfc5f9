"""Choosing the F best."""

from __future__ import annotations

import pytest
import torch

from codesign.errors import InputError
from codesign.simulation.selection import select


def test_infinite_priorities_are_ordered():
    priority = torch.tensor([[-torch.inf, 3.0, torch.inf]])
    waiting = torch.ones((1, 3), dtype=torch.bool)
    assert select(priority, waiting, 1).tolist() == [[False, False, True]]
    assert select(priority, waiting, 2).tolist() == [[False, True, True]]


def test_not_a_number_is_an_error_only_where_somebody_waits():
    priority = torch.tensor([[torch.nan, 1.0, 2.0]])
    with pytest.raises(InputError, match="not a number"):
        select(priority, torch.tensor([[True, True, True]]), 1)
    assert select(priority, torch.tensor([[False, True, True]]), 1).tolist() == [[False, False, True]]

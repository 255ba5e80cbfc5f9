"""Choosing the F best."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import InputError
from codesign.simulation.selection import select

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(
    row=st.lists(st.tuples(NUMBERS | st.sampled_from([0.0, -0.0, 1.0]), st.booleans(), st.booleans()), min_size=1),
    group_size=st.integers(1, 12),
    prefer=st.booleans(),
)
def test_equals_sorting(row: list[tuple[float, bool, bool]], group_size: int, prefer: bool):
    priority = np.array([number for number, _, _ in row], dtype=np.float32)
    waiting = [flag for _, flag, _ in row]
    preferred = [flag and prefer for _, _, flag in row]
    order = sorted((not preferred[i], -priority[i], i) for i in range(len(row)) if waiting[i])
    expected = {i for _, _, i in order[:group_size]}
    chosen = select(
        torch.from_numpy(priority)[None],
        torch.tensor([waiting]),
        group_size,
        torch.tensor(preferred) if prefer else None,
    )
    assert set(chosen[0].nonzero()[:, 0].tolist()) == expected


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

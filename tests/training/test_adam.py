"""Adam against torch's, whose square roots are not the nearest on every processor; and against IEEE 754."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codesign.simulation.event import parameters
from codesign.training.adam import Adam
from codesign.training.hooks import warming

SHAPES = [(37, 512), (23, 37), (91, 23), (5, 3, 3, 2), (1,)]


def moved(kind: type[torch.optim.Optimizer], *, without: dict[int, int], groups: bool = False) -> list[torch.Tensor]:
    """Tensors after 40 steps under a warm-up; `without` says in which step which tensor has no gradient."""
    numbers = torch.Generator().manual_seed(0)
    tensors = [torch.randn(shape, generator=numbers).requires_grad_() for shape in SHAPES]
    given = [{"params": tensors[:2]}, {"params": tensors[2:], "lr": 0.05}] if groups else tensors
    optimizer = kind(given, lr=3e-3)
    rising = warming(optimizer, 10)
    for step in range(40):
        optimizer.zero_grad()
        for place, tensor in enumerate(tensors):
            gradient = torch.randn(tensor.shape, generator=numbers) * 10 ** (step % 7 - 4)
            tensor.grad = None if without.get(step) == place else gradient
        optimizer.step()
        rising.step()
    return [tensor.detach() for tensor in tensors]


@pytest.mark.parametrize(("without", "groups"), [({}, False), ({0: 1}, False), ({20: 3, 21: 0}, True)])
def test_moves_tensors_as_torch_does(without: dict[int, int], groups: bool) -> None:
    ours, theirs = moved(Adam, without=without, groups=groups), moved(torch.optim.Adam, without=without, groups=groups)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


def test_a_step_rounds_as_ieee_754_says() -> None:
    """On any processor; torch's square roots do not."""
    numbers = torch.Generator().manual_seed(0)
    (w, g), (m, v) = torch.randn(2, 100_000, generator=numbers), torch.zeros(2, 100_000)
    before, rates = w.numpy().copy(), (0.0316, 1e-8, -0.003)
    parameters.step(w, g, m, v, (0.1, 0.999, 0.001), rates)
    correction, epsilon, rate = np.float32(rates)
    expected = before + rate * m.numpy() / (np.sqrt(v.numpy()) / correction + epsilon)
    assert np.array_equal(w.numpy(), expected)


@pytest.mark.parametrize("tensor", [torch.randn(3, 5).t(), torch.randn(3, 5, dtype=torch.float64)])
def test_moves_tensors_that_kernels_do_not_take(tensor: torch.Tensor) -> None:
    moved = []
    for kind in (Adam, torch.optim.Adam):
        parameter = tensor.detach().clone().requires_grad_()
        optimizer = kind([parameter], lr=0.1)
        parameter.square().sum().backward()
        optimizer.step()
        moved.append(parameter.detach())
    torch.testing.assert_close(*moved)
    assert not torch.equal(moved[0], tensor)


def test_autograd_notices_that_a_tensor_was_moved() -> None:
    tensor = torch.ones(3, requires_grad=True)
    squares = tensor.square().sum()
    tensor.grad = torch.ones(3)
    Adam([tensor], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squares.backward()

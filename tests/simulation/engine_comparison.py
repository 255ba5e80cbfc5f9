"""Running a case on two engines and comparing all that comes out."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from random_cases import Case

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import Simulation, simulate

ENGINE = "event"
GRADIENT_TOLERANCE = 1e-5
"""Gradients are float32 sums in the event engine and float64 in the reference: a share of the largest entry of each
tensor, about a hundred times the rounding of one operation."""


def arguments(case: Case) -> dict[str, Any]:
    return {
        "regularization": case.regularization,
        "seed": case.seed,
        "epoch": case.epoch,
        "idle_gradient": case.idle_gradient,
    }


def run(case: Case, engine: str, **options: Any) -> Simulation:
    return simulate(case.network, case.events, case.schedule, engine=engine, **{**arguments(case), **options})


def gradients_of(network: SpikingNetwork, loss: torch.Tensor) -> list[torch.Tensor]:
    network.zero_grad()
    loss.backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


def score_gradients(case: Case, logits: torch.Tensor) -> list[torch.Tensor]:
    """Gradients under some gradient at the logits, different for each."""
    generator = torch.Generator().manual_seed(1)
    return gradients_of(case.network, (logits * torch.randn(logits.shape, generator=generator)).sum())


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equal in every field, with arrays of the same shape, type and bits."""
    assert type(one) is type(other), where
    if is_dataclass(one) and not isinstance(one, type):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert np.array_equal(one, other), where
    else:
        assert one == other, where


def assert_gradients_close(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        largest = float(other.abs().max())
        torch.testing.assert_close(one, other, rtol=0, atol=GRADIENT_TOLERANCE * largest + 1e-30)


def assert_equals_reference(case: Case) -> None:
    expected, found = run(case, "reference"), run(case, ENGINE)
    assert found.logits.dtype == expected.logits.dtype
    assert found.logits.tolist() == expected.logits.tolist()
    assert found.emitted == expected.emitted
    assert_same(found.execution, expected.execution)
    assert_gradients_close(score_gradients(case, found.logits), score_gradients(case, expected.logits))

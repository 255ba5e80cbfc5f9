"""Modules of frameworks, made up here: scales around neurons, lifted modules, and neurons that get their state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from test_modules import Doing, Leaky, chain
from torch import nn

import codesign as cd
from codesign.errors import InputError


class ChannelVoltageScaler(nn.Module):
    """What SpikingJelly puts around the neurons that it makes of a ReLU."""

    __module__ = "spikingjelly.activation_based.ann2snn.modules"
    channel_dim, step_mode = 1, "s"

    def __init__(self, *scale: float) -> None:
        super().__init__()
        self.scale = torch.tensor(scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale.reshape(-1, *[1] * (x.ndim - 2))


def test_scales_around_neurons_are_in_the_weights():
    one, other = nn.Conv2d(1, 2, 1, bias=False), nn.Linear(4, 1)
    scales = ChannelVoltageScaler(0.5, 2.0), ChannelVoltageScaler(4.0, 8.0)
    network = chain(one, scales[0], Leaky(0.5), scales[1], nn.Flatten(), other, Leaky(0.5))
    read = cd.import_model(network, sample=torch.ones(1, 1, 1, 2), dt="1 ms").network.weights()
    torch.testing.assert_close(read[0].ravel(), one.weight.ravel() * torch.tensor([0.5, 2.0]), rtol=0, atol=0)
    torch.testing.assert_close(read[1][0], other.weight[0] * torch.tensor([4.0, 4.0, 8.0, 8.0]), rtol=0, atol=0)


class Lift(nn.Module):
    """norse's, which runs a module once for each timestep."""

    __module__ = "norse.torch.module.lift"

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.lifted_module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.lifted_module(step) for step in x])


def test_a_lifted_module_is_that_module():
    layers = Lift(nn.Conv2d(1, 2, 3)), Leaky(0.5), Lift(nn.AvgPool2d(2)), nn.Flatten(2), Lift(nn.Linear(8, 3))
    read = cd.import_model(chain(*layers, Leaky(0.5)), sample=torch.ones(5, 2, 1, 6, 6), dt="1 ms").network
    assert [layer.kind for layer in read.topology.layers] == ["conv2d", "average_pool", "linear"]
    assert torch.equal(read.weights()[0], layers[0].lifted_module.weight)


class LIFBoxCell(nn.Module):
    """norse's, which starts anew if it is given no state."""

    __module__ = "norse.torch.module.lif_box"
    dt = 1e-3

    class Numbers(NamedTuple):
        tau_mem_inv: float = 500.0
        v_leak: float = 0.25
        v_th: float = 1.0
        v_reset: float = 0.0

    class State(NamedTuple):
        v: torch.Tensor

    p = Numbers()

    def forward(self, x: torch.Tensor, state: Any = None) -> Any:
        v = torch.full_like(x, self.p.v_leak) if state is None else state.v
        v = v + self.dt * self.p.tau_mem_inv * (x + self.p.v_leak - v)
        spikes = (v > self.p.v_th).float()
        return spikes, self.State(v * (1 - spikes))


@pytest.mark.parametrize(
    ("first", "kept", "goes_on"),
    [
        (None, lambda state: state, True),
        (0.25, lambda state: state, True),
        (0.0, lambda state: state, False),
        (None, lambda state: None, False),
        (None, lambda state: LIFBoxCell.State(state.v * 0), False),
    ],
)
def test_neurons_that_keep_no_state_must_be_given_it(first: float | None, kept: Callable[[Any], Any], goes_on: bool):
    fc, lif = nn.Linear(4, 4), LIFBoxCell()

    def count(x: torch.Tensor) -> list[torch.Tensor]:
        state: Any = None if first is None else LIFBoxCell.State(torch.full((2, 4), first))
        counted = []
        for now in x:
            spikes, state = lif(fc(now), state)
            state = kept(state)
            counted.append(spikes)
        return counted

    refused = pytest.raises(InputError, match=r"'lif' \(LIFBoxCell\): its state must be what it last returned")
    with contextlib.nullcontext() if goes_on else refused:
        cd.import_model(Doing(count, fc=fc, lif=lif), sample=torch.ones(3, 2, 4))

"""What `forward` does over time: which timesteps modules take, and what it makes of the last neurons' answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_modules import Doing, IFNode, Leaky
from torch import nn

import codesign as cd
from codesign.errors import InputError

Order = Callable[[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]], Any]
TAKEN: dict[str, tuple[Order, str | None]] = {
    "each": (lambda x, step: [step(now) for now in x], None),
    "copies": (lambda x, step: [step(now.float().clone()) for now in x], None),
    "batch first": (lambda x, step: [step(x.transpose(0, 1)[:, at]) for at in range(len(x))], None),
    "the same": (lambda x, step: [step(x) for _ in range(3)], None),
    "backwards": (lambda x, step: [step(x[len(x) - 1 - at]) for at in range(len(x))], "'first': must get all of the s"),
    "twice": (lambda x, step: [step(x[at // 2]) for at in range(len(x))], "'first': must get all of the sample, each"),
    "beginning": (lambda x, step: [step(now) for now in x[:2]], "'first': must get all of the sample, each timestep"),
    "one frame": (lambda x, step: [step(x[0]) for _ in x], "'first': must get all of the sample, each timestep once"),
}


@pytest.mark.parametrize("order", TAKEN)
def test_each_timestep_is_taken_once_and_in_order(order: str):
    first, lif = nn.Linear(4, 4), Leaky(0.5)
    states: list[Any] = [0.0]

    def step(now: torch.Tensor) -> torch.Tensor:
        spikes, states[0] = lif(first(now), states[0])
        return spikes

    take, message = TAKEN[order]
    module = Doing(lambda x: take(x, step), first=first, lif=lif)
    with contextlib.nullcontext() if message is None else pytest.raises(InputError, match=message):
        loaded = cd.import_model(module, sample=torch.ones(3, 2, 4), dt="1 ms")
        assert loaded.network.shape.input_size == 4


@pytest.mark.parametrize("rests", [True, False])
def test_a_layer_that_rests_in_some_timesteps_is_refused(rests: bool):
    """Weights may run once for all timesteps, and neurons once for each."""

    fc, lif, fc2, lif2 = nn.Linear(4, 4), Leaky(0.5), nn.Linear(4, 2), Leaky(0.5)

    def rest(x: torch.Tensor) -> Any:
        v: Any = 0.0
        w: Any = 0.0
        last = []
        for at, currents in enumerate(fc(x)):
            spikes, v = lif(currents, v)
            if at % 2 == 0 or not rests:
                out, w = lif2(fc2(spikes), w)
                last.append(out)
        return last

    message = "module 'fc2': must get all of what 'lif' makes, each timestep once and in order"
    with pytest.raises(InputError, match=message) if rests else contextlib.nullcontext():
        cd.import_model(Doing(rest, fc=fc, lif=lif, fc2=fc2, lif2=lif2), sample=torch.ones(3, 2, 4), dt="1 ms")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda steps: steps, False),
        (lambda steps: torch.stack([last for _, last in steps]).to_sparse(), False),
        (lambda steps: {"count": torch.stack([last for _, last in steps], 1).sum(1) / 4}, False),
        (lambda steps: steps[-1][0], True),
        (lambda steps: steps[-1][1], True),
        (lambda steps: torch.stack([last for _, last in steps[2:]]).sum(0), True),
    ],
)
def test_what_forward_makes_of_the_last_spikes_is_told(answer: Callable[[Any], Any], told: bool):
    torch.manual_seed(0)
    fc, lif, fc1, last = nn.Linear(6, 4), Leaky(0.5), nn.Linear(4, 3), Leaky(0.5)
    fc.weight.data, fc1.weight.data = 4 * fc.weight.data, 4 * fc1.weight.data.abs()  # so that there are spikes

    def run(x: torch.Tensor) -> Any:
        v: Any = 0.0
        w: Any = 0.0
        steps = []
        for _ in range(4):
            spikes, v = lif(fc(x), v)
            sent, w = last(fc1(spikes), w)
            steps.append((spikes, sent))
        return answer(steps)

    with pytest.warns(match="what forward returns") if told else contextlib.nullcontext():
        loaded = cd.import_model(Doing(run, fc=fc, lif=lif, fc1=fc1, last=last), sample=torch.rand(5, 6), dt="1 ms")
    assert bool(loaded.card.imported.lost) is told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda potentials: potentials, False),
        (lambda potentials: potentials[-1].softmax(1), False),
        (lambda potentials: torch.stack(potentials).mean(0), True),
        (lambda potentials: potentials[0], True),
    ],
)
def test_of_a_readout_the_last_potentials_are_the_answer(answer: Callable[[Any], Any], told: bool):
    fc, last = nn.Linear(6, 3), Leaky(0.5, reset_mechanism="none")

    def read(x: torch.Tensor) -> Any:
        v: Any = 0.0
        potentials = []
        for _ in range(4):
            _, v = last(fc(x), v)
            potentials.append(v)
        return answer(potentials)

    with pytest.warns(match="what forward returns is not what 'last' sends") if told else contextlib.nullcontext():
        cd.import_model(Doing(read, fc=fc, last=last), sample=torch.ones(5, 6), dt="1 ms")


@pytest.mark.parametrize("answer", [lambda last: last.v, lambda last: last.v_seq])
def test_a_readout_of_all_timesteps_at_once_keeps_their_potentials(answer: Callable[[Any], Any]):
    fc, last = nn.Linear(6, 3), IFNode("m")

    def read(x: torch.Tensor) -> Any:
        last(fc(x))
        return answer(last)

    assert not cd.import_model(Doing(read, fc=fc, last=last), sample=torch.ones(4, 5, 6), dt="1 ms").card.imported.lost

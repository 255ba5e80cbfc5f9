"""Torch modules, read directly. `test_nir_frameworks.py` does the same with the frameworks' own neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import codesign as cd
from codesign.errors import InputError


class Leaky(nn.Module):
    """snnTorch's neuron, in its words."""

    inhibition, state_quant, graded_spikes_factor = False, False, torch.tensor(1.0)
    __module__ = "snntorch._neurons.leaky"

    def __init__(self, beta: float, threshold: float = 1.0, reset_mechanism: str = "subtract"):
        super().__init__()
        self.beta, self.threshold = nn.Parameter(torch.tensor(beta)), torch.tensor(threshold)
        self.reset_mechanism, self.reset_delay = reset_mechanism, True
        self.surrogate = nn.Sigmoid()

    def forward(self, currents: torch.Tensor, v: torch.Tensor | float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
        fired = (torch.as_tensor(v) > self.threshold).float()
        if self.reset_mechanism == "zero":
            v = self.beta * (1 - fired) * v + currents
        else:
            v = self.beta * v + currents - fired * self.threshold
        self.surrogate(v)
        return (v > self.threshold).float(), v


class Alpha(Leaky):
    __module__ = "snntorch._neurons.alpha"


class Network(nn.Module):
    """Convolution, pool and fully connected layer, both normalized, over four timesteps of one image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.lif = nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), Leaky(0.75)
        self.pool, self.drop = nn.MaxPool2d(2), nn.Dropout(0.5)
        self.fc, self.norm1, self.out = nn.Linear(12, 5), nn.BatchNorm1d(5), Leaky(0.5, 0.75, "zero")
        for norm in (self.norm, self.norm1):
            norm.running_mean = torch.linspace(-0.5, 0.75, norm.num_features)
            norm.running_var = torch.linspace(0.25, 3.0, norm.num_features)
            norm.weight.data, norm.bias.data = torch.rand(norm.num_features) + 0.5, torch.rand(norm.num_features) - 0.25

    def forward(self, image: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        v: Any = 0.0
        w: Any = 0.0
        seen = []
        for _ in range(4):
            first, v = self.lif(self.norm(self.conv(image)), v)
            second, w = self.out(self.norm1(self.fc(self.drop(self.pool(first)).view(len(image), -1))), w)
            seen.append((first, second))
        return seen


def test_a_module_is_read_with_all_that_it_says_and_left_as_it_was():
    torch.manual_seed(0)
    network, image = Network(), torch.randint(0, 2, (6, 2, 6, 6)).float()
    with torch.no_grad():
        seen = network.eval()(image)
    first, second = (torch.stack(spikes, 1) for spikes in zip(*seen, strict=True))
    record = {"input": image[:, None].expand(6, 4, 2, 6, 6), "lif": first, "out": second}
    mean = network.norm.running_mean.clone()
    loaded = cd.import_model(network.train(), sample=image, dt="2 ms", check=record)
    assert loaded.card.certificate.agrees, loaded.card.certificate.summary
    assert loaded.card.certificate.recorded_spikes > 50
    assert loaded.card.input_grid == (2, 6, 6)
    assert loaded.network.neuron.reset == ("subtract", "zero")
    assert network.norm.training
    assert torch.equal(network.norm.running_mean, mean)
    assert not network.fc._forward_hooks


class Residual(nn.Module):
    """A block whose currents add what comes in, and one layer that gets the sum of two layers' spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.ModuleList([nn.Linear(*sizes) for sizes in ((6, 8), (8, 8), (8, 8), (8, 3))])
        for linear in self.maps:
            linear.weight.data *= 2
        self.norm = nn.BatchNorm1d(8)
        self.norm.running_mean, self.norm.bias.data = torch.linspace(-1, 1, 8), torch.linspace(-0.5, 0.75, 8)
        self.lifs = nn.ModuleList([Leaky(0.75, 0.5) for _ in self.maps])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states: list[Any] = [0.0] * 4
        steps = []
        for step in x:
            first, states[0] = self.lifs[0](self.maps[0](step), states[0])
            second, states[1] = self.lifs[1](self.maps[1](first), states[1])
            currents = self.maps[2](second)
            currents += first
            third, states[2] = self.lifs[2](self.norm(currents), states[2])
            last, states[3] = self.lifs[3](self.maps[3](third + second), states[3])
            steps.append([first, second, third, last])
        return steps


def test_what_is_added_between_modules_is_a_skip():
    """A bias behind a sum counts once, and a normalization of a sum scales all that is added."""
    torch.manual_seed(2)
    network, x = Residual().eval(), torch.randint(0, 2, (8, 5, 6)).float()
    with torch.no_grad():
        seen = network(x)
    record = {f"layer{at}": torch.stack([step[at] for step in seen], 1) for at in range(4)}
    loaded = cd.import_model(network, sample=x, dt="1 ms", check={"input": x.transpose(0, 1), **record})
    kinds = [(skip.kind, skip.source, skip.to) for skip in loaded.network.topology.skips]
    assert kinds == [("identity", 0, 2), ("linear", 1, 3)]
    assert repr(loaded).startswith("<LoadedModel 'Residual' from snntorch: 6-8-8-8-3, layer 0 to layer 2")
    assert loaded.card.certificate.agrees, loaded.card.certificate.summary
    assert all(spikes.sum() > 10 for spikes in record.values())


def chain(*modules: nn.Module) -> nn.Module:
    """Modules one after the other, of whose outputs the first goes on."""

    class Chain(nn.Sequential):
        def forward(self, x: Any) -> Any:
            for module in self:
                x = module(x)
                x = x[0] if isinstance(x, tuple) else x
            return x

    return Chain(*modules)


class Doing(nn.Module):
    """Parts by name, and what is done with them."""

    def __init__(self, does: Callable[[torch.Tensor], Any], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.forward = does


def between(function: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    fc, lif, fc2, lif2 = nn.Linear(4, 4), Leaky(0.5), nn.Linear(4, 4), Leaky(0.5)
    return Doing(lambda x: lif2(fc2(function(lif(fc(x))[0])))[0], fc=fc, lif=lif, fc2=fc2, lif2=lif2)


def quiet(**changes: Any) -> nn.Module:
    neuron = Leaky(0.5)
    for name, value in changes.items():
        setattr(neuron, name, value)
    return neuron


def shifted(norm: nn.BatchNorm1d) -> nn.Module:
    norm.bias.data.fill_(0.5)
    return norm


class Halved(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) / 2


def turned(turn: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> nn.Module:
    """A sum of currents and what came before, of which one lies the other way."""
    maps, lifs = nn.ModuleList(nn.Linear(4, 4) for _ in range(2)), nn.ModuleList([Leaky(0.5), Leaky(0.5)])

    def add(x: torch.Tensor) -> torch.Tensor:
        spikes = lifs[0](maps[0](x))[0]
        return lifs[1](maps[1](spikes) + turn(x, spikes))[0]

    return Doing(add, maps=maps, lifs=lifs)


def steps(first: nn.Module, change: Callable[..., torch.Tensor] = lambda spikes, v: v) -> nn.Module:
    """A chain that runs once for each timestep, and what becomes of the neurons' state in between."""
    fc, lif = nn.Linear(4, 4), Leaky(0.5)

    def count(x: torch.Tensor) -> list[torch.Tensor]:
        v: Any = 0.0
        counted = []
        for now in x:
            spikes, v = lif(fc(first(now)), v)
            v = change(spikes, v)
            counted.append(spikes)
        return counted

    return Doing(count, first=first, fc=fc, lif=lif)


class IFNode(nn.Module):
    __module__ = "spikingjelly.activation_based.neuron.integrate_and_fire"
    v_threshold, v_reset, surrogate_function = float("inf"), 0.0, type("ATan", (), {"spiking": True})

    def __init__(self, step_mode: str = "s") -> None:
        super().__init__()
        self.step_mode = step_mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.v = x + getattr(self, "v", 0.0)
        if self.step_mode == "m":
            self.v_seq = x.cumsum(0)
            self.v = self.v_seq[-1]
        return torch.zeros_like(x)


class LIFNeuronTorch(nn.Module):
    __module__ = "rockpool.nn.modules.torch.lif_neuron_torch"
    noise_std, dt, max_spikes_per_dt = 0.0, 1e-3, 1
    tau_mem, threshold, bias = torch.full((2,), 0.02), torch.ones(2), torch.zeros(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.vmem = x + getattr(self, "vmem", 0.0)
        return torch.zeros_like(x)


def forgetting(last: nn.Module, potential: str) -> nn.Module:
    """Neurons that keep their potential, and are reset after each timestep."""
    fc = nn.Linear(4, 2)

    def begin_again(now: torch.Tensor) -> torch.Tensor:
        setattr(last, potential, 0.0)
        return last(fc(now))

    return Doing(lambda x: [begin_again(now) for now in x], fc=fc, last=last)


def of_step_mode(mode: str) -> nn.Module:
    neurons = IFNode(mode)
    neurons.v_threshold = 1.0
    return neurons


def hooked() -> nn.Module:
    linear = nn.Linear(4, 4)
    linear.register_forward_hook(lambda module, given, made: 2 * made)
    return linear


class DropoutOfMine(nn.Module):
    """What it does where it is not trained, nobody knows by its name."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 2


REFUSED = {
    "dropout": (
        chain(nn.Linear(4, 4), DropoutOfMine(), Leaky(0.5)),
        r"module '1' \(DropoutOfMine\): must return what it gets, unchanged",
    ),
    "subclass": (chain(Halved(4, 4), Leaky(0.5)), r"module '0' \(Halved\): cannot be imported"),
    "sum of turned spikes": (turned(lambda x, spikes: spikes.t()), r"'lifs.1' \(Leaky\): its input does not come from"),
    "hook": (chain(hooked(), Leaky(0.5)), r"module '1' \(Leaky\): its input does not come from a module"),
    "begins again": (
        steps(nn.Identity(), lambda spikes, v: torch.zeros_like(v)),
        r"'lif' \(Leaky\): its state must be what it last returned",
    ),
    "spikes for state": (
        steps(nn.Identity(), lambda spikes, v: spikes),
        r"'lif' \(Leaky\): its state must be what it last returned, unchanged and in that order",
    ),
    "kept": (forgetting(IFNode(), "v"), r"module 'last' \(IFNode\): its state must be what it last returned"),
    "kept by Rockpool": (forgetting(LIFNeuronTorch(), "vmem"), r"'last' \(LIFNeuronTorch\): its state must be what it"),
    "time as samples": (
        chain(nn.Linear(4, 4), of_step_mode("m"), nn.Linear(4, 4), of_step_mode("s")),
        r"module '3': takes what it gets for one timestep, and others take theirs for all of them",
    ),
    "operator": (between(lambda x: 2 * x), r"module 'fc2' \(Linear\): its input .*; for neurons of your own, `Spiking"),
    "part": (between(lambda x: x.t()), r"module 'fc2' \(Linear\): its input does not come from a module"),
    "function": (
        chain(nn.Linear(4, 4), nn.ReLU(), Leaky(0.5)),
        r"module '1' \(ReLU\): cannot .*; for neurons of your own, `Spi",
    ),
    "neuron": (chain(nn.Linear(4, 4), Alpha(0.5)), r"module '1' \(Alpha\): .* neurons of snntorch may be Leaky, Syn"),
    "option": (
        chain(nn.Linear(4, 4), quiet(inhibition=True)),
        r"module '1' \(Leaky\): inhibition lets only one neuron",
    ),
    "at once": (
        chain(nn.Linear(4, 4), quiet(reset_delay=False)),
        r"node '1' \(LIF\): with reset subtract and reset_delay False, snnTorch doubles",
    ),
    "batch": (
        chain(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), Leaky(0.5)),
        r"module '1' \(BatchNorm1d\): has no running statistics",
    ),
    "first": (
        chain(shifted(nn.BatchNorm1d(4)), nn.Linear(4, 4), Leaky(0.5)),
        r"node '0' \(BatchNorm\): must follow a layer with w",
    ),
    "none": (nn.Linear(4, 4), "must have neurons of one of snntorch, .*, found none"),
    "size": (chain(nn.Linear(5, 4), Leaky(0.5)), "sample: the module fails on it: RuntimeError"),
    "shared": (chain(same := nn.Linear(4, 4), Leaky(0.5), same, Leaky(0.5)), "runs at several places; give each"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_by_name(case: str):
    module, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        cd.import_model(module, sample=torch.ones(4, 4), dt="1 ms")


@pytest.mark.parametrize("first", [nn.Flatten(), nn.Dropout()])
def test_what_only_passes_on_its_input_may_do_so_in_each_timestep(first: nn.Module):
    """What it gives is a view of the sample, and so is what it gets next."""
    sample = torch.ones(3, 2, 4) if isinstance(first, nn.Dropout) else torch.ones(3, 2, 1, 2, 2)
    assert cd.import_model(steps(first), sample=sample, dt="1 ms").network.shape.input_size == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "sample: must be a tensor"),
        ({"sample": torch.ones(4, 4)}, "--dt  a time above 0"),
        ({"sample": torch.ones(4, 4), "dt": 1e-3, "reset": "zero"}, "reset: read from the module"),
        ({"sample": torch.ones(4, 4), "dt": 1e-3, "dialect": "norse"}, "dialect: this is a module of snntorch"),
    ],
)
def test_what_a_module_says_is_not_asked_for(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        cd.import_model(chain(nn.Linear(4, 4), Leaky(0.5)), **options)


def test_a_last_layer_without_a_reset_is_read():
    """v ← v/2 + x of weights 1 and 2 on input 1, by hand: 1, 1.5, 1.75, and twice that."""
    network = chain(nn.Linear(1, 2, bias=False), Leaky(0.5, reset_mechanism="none"))
    network[0].weight.data = torch.tensor([[1.0], [2.0]])
    potentials = np.array([[[1, 2], [1.5, 3], [1.75, 3.5]]])
    record = {"input": np.ones((1, 3, 1)), "1": potentials}
    with pytest.warns(match="what forward returns is not what '1' sends"):  # it returns spikes
        loaded = cd.import_model(network, sample=torch.ones(1, 1), dt="1 ms", check=record)
    assert loaded.network.neuron.readout == "potential"
    assert loaded.card.certificate.potential_difference == 0


def test_neurons_with_an_endless_threshold_are_read():
    """As SpikingJelly's examples do where the last potentials are the answer: v of weights 1 and 2, by hand."""

    fc, last = nn.Linear(1, 2, bias=False), IFNode()
    fc.weight.data = torch.tensor([[1.0], [2.0]])

    def read(x: torch.Tensor) -> torch.Tensor:
        for now in x:
            last(fc(now))
        return last.v

    record = {"input": np.ones((1, 3, 1)), "last": np.array([[[1, 2], [2, 4], [3, 6]]])}
    loaded = cd.import_model(Doing(read, fc=fc, last=last), sample=torch.ones(3, 1, 1), dt="1 ms", check=record)
    assert loaded.network.neuron.readout == "potential"
    assert loaded.card.certificate.potential_difference == 0
    with pytest.raises(InputError, match=r"node '1' \(IF\): neurons without a threshold may only be the last"):
        cd.import_model(chain(nn.Linear(2, 2), IFNode(), nn.Linear(2, 2), IFNode()), sample=torch.ones(1, 2), dt="1 ms")


def test_an_adaptive_pool_of_equal_windows_is_an_average_pool():
    """4×6 pixels into 2×2: windows of 2×3, whose mean of ones the weight 0.75 makes no spike and 1.5 does."""
    network = chain(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 2, bias=False), Leaky(0.5))
    network[2].weight.data = torch.tensor([[0.75, 0, 0, 0], [0, 0, 0, 1.5]])
    record = {"input": np.ones((1, 1, 1, 4, 6)), "3": np.array([[[0, 1]]])}
    loaded = cd.import_model(network, sample=torch.ones(1, 1, 4, 6), dt="1 ms", check=record)
    assert loaded.card.certificate.agrees
    with pytest.raises(InputError, match=r"module '0' \(AdaptiveAvgPool2d\): output_size must divide 5×6, found 2"):
        cd.import_model(network, sample=torch.ones(1, 1, 5, 6), dt="1 ms")


def test_the_order_in_which_torch_stores_channels_changes_nothing():
    torch.manual_seed(3)
    images = torch.randint(0, 2, (6, 2, 6, 6)).float()
    network = chain(nn.Conv2d(2, 3, 3), Leaky(0.75), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 5), Leaky(0.5))
    weights = cd.import_model(network, sample=images, dt="2 ms").network.state_dict()
    network.to(memory_format=torch.channels_last)
    last = cd.import_model(network, sample=images.to(memory_format=torch.channels_last), dt="2 ms").network.state_dict()
    assert all(torch.equal(weights[name], last[name]) for name in weights)


def test_numbers_of_half_the_bits_are_refused():
    with pytest.raises(InputError, match=r"sample: is bfloat16, .*; give both as float32"):
        cd.import_model(chain(nn.Linear(4, 4), Leaky(0.5)).bfloat16(), sample=torch.ones(4, 4).bfloat16(), dt="1 ms")


def test_a_max_pool_takes_one_spike_of_a_neuron():
    """Of several, torch passes on the largest number, and a chip the first message."""

    class LIF(nn.Module):
        __module__ = "sinabs.layers.lif"
        norm_input, min_v_mem, spike_threshold = False, None, torch.tensor(1.0)
        tau_syn_calculated, tau_mem_calculated = None, torch.tensor(2.0)
        spike_fn = type("MultiSpike", (), {})
        reset_fn = type("MembraneSubtract", (), {"subtract_value": None})()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

    modules = (nn.Conv2d(1, 1, 1), LIF(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 2), LIF())
    with pytest.raises(InputError, match=r"node '5' \(LIF\): neurons before a max pool may fire only once"):
        cd.import_model(chain(*modules), sample=torch.ones(1, 1, 4, 4), dt=1e-3)

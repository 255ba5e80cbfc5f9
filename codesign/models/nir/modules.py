"""Torch modules as a graph: the module runs once, and every input of a submodule must come, unchanged, from a known
one.

Only modules are tracked, so a tensor made by a function or an operator has no source and is refused; a view counts as
its base. A module may run once per timestep, or once for all timesteps.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from codesign.errors import InputError
from codesign.models.nir.dialects.neuron_modules import ModuleNeurons
from codesign.models.nir.frameworks import FRAMEWORKS, answers_of, check_timesteps, read_neurons, refusal
from codesign.models.nir.graph import Graph, NirNode
from codesign.models.nir.timesteps import SourceTensor, Timesteps
from codesign.models.nir.torch_nodes import ALLOWED, linear_node, torch_node

nn = torch.nn
_INPUT, _OUTPUT = "input", "output"
_COPIES = ("repeat", "clone", "contiguous", "float")
"""Functions that copy a sample, along time or samples."""
_SUMS = ("add", "add_", "__add__", "__radd__", "__iadd__")
_OWN = "; for neurons of your own, `SpikingNetwork(…).load_weights` takes the weights"
_STATE = "its state must be what it last returned, unchanged and in that order, and 0 (norse: v_leak) at first"
_STATES = ("v", "c", "mem", "syn", "spk", "v_mem", "i_syn", "vmem", "isyn", "spikes")
"""Attributes in which neurons keep their state between calls."""
_GIVEN = ("snntorch", "norse")
"""Frameworks whose neurons may be given their state in each call."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ModuleModel:
    """A module as a graph.

    Attributes:
        dialect: dialect of its neurons.
        neurons: neurons by node.
        answers: by node, the spikes of each call of neurons, or the potentials of a readout.
        returned: all tensors that the module returns.
    """

    graph: Graph
    dialect: str
    neurons: Mapping[str, ModuleNeurons]
    answers: Mapping[str, Sequence[torch.Tensor]]
    returned: Sequence[torch.Tensor]


def read_module(module: nn.Module, sample: Any) -> ModuleModel:
    """The graph of a module, which is run in evaluation mode on the sample, a tensor with its batch and, if the module
    takes it, time. Raises InputError that names a module that cannot be part of a network, and the reason."""
    if not isinstance(sample, torch.Tensor):
        raise InputError("sample: must be a tensor that the module can be called with, batch included; it is run once")
    if sample.dtype in (torch.float16, torch.bfloat16):
        found = str(sample.dtype).removeprefix("torch.")
        raise InputError(f"sample: is {found}, in which spikes differ by rounding; give both as float32")
    trace = _Trace(sample)
    trace.run(module)
    dialects = sorted({dialect for dialect, _ in trace.neurons.values()})
    if len(dialects) != 1:
        found = ", ".join(dialects) or "none"
        raise InputError(f"the module must have neurons of one of {', '.join(FRAMEWORKS)}, found {found}")
    for name in trace.nodes.keys() - trace.sums:
        if len({source for source, target in trace.edges if target == name}) > 1:
            raise InputError(f"module '{name}': runs at several places; give each a module of its own")
    missed = trace.timesteps.missed(trace.neurons)
    if missed is not None:
        of_sample = "the sample, each timestep once and in order; give the part that forward uses, in its order"
        of_source = f"what '{missed[0]}' makes, each timestep once and in order"
        raise InputError(f"module '{missed[1]}': must get all of {of_sample if missed[0] == _INPUT else of_source}")
    neurons = {name: found for name, (_, found) in trace.neurons.items()}
    check_timesteps(neurons, trace.timesteps.calls)
    nodes, edges = trace.nodes, list(trace.edges)
    for name, of_module in neurons.items():
        if of_module.weights is not None:
            own = f"{name}.input"
            nodes[own] = linear_node(own, of_module.weights, None)
            edges = [(source, own if target == name else target) for source, target in edges] + [(own, name)]
        if of_module.recurrent is not None:
            back, (weight, bias) = f"{name}.recurrent", of_module.recurrent
            nodes[back] = linear_node(back, weight, bias)
            edges += [(name, back), (back, name)]
    return ModuleModel(
        graph=_graph(nodes, edges, trace.shape),
        dialect=dialects[0],
        neurons=neurons,
        answers=trace.answers,
        returned=trace.returned,
    )


def _graph(nodes: dict[str, NirNode], edges: list[tuple[str, str]], shape: tuple[int, ...]) -> Graph:
    """The graph with an input and an output; nodes without successors lead to the output."""
    leading = {source for source, target in edges if target != f"{source}.recurrent"}
    edges += [(name, _OUTPUT) for name in nodes if name not in leading]
    nodes[_INPUT] = NirNode(name=_INPUT, kind="Pass", numbers={"shape": np.array(shape)})
    nodes[_OUTPUT] = NirNode(name=_OUTPUT, kind="Pass")
    return Graph.of(nodes, edges, (_INPUT, _OUTPUT))


class _Trace(TorchFunctionMode):
    """A module's run: which modules ran, and which received the output of which.

    Attributes:
        nodes: modules that ran, by name; `neurons` are the neuron modules, with their dialect.
        edges: pairs of names, in order.
        sums: names of nodes that are sums of two others.
        depth: how deeply running modules are nested.
        shape: shape of the input, without batch and time; empty until a module with weights or a grid has run.
        answers, returned: as in `ModuleModel`.
    """

    def __init__(self, sample: torch.Tensor) -> None:
        super().__init__()
        self.nodes: dict[str, NirNode] = {}
        self.neurons: dict[str, tuple[str, ModuleNeurons]] = {}
        self.edges: dict[tuple[str, str], None] = {}
        self.shape: tuple[int, ...] = ()
        self.depth = 0
        self.sums: set[str] = set()
        self.answers: dict[str, list[torch.Tensor]] = {}
        self.returned: list[torch.Tensor] = []
        self._states: dict[str, dict[int, tuple[torch.Tensor, int]]] = {}  # by storage
        self._kept_states: dict[int, tuple[str, list[Any]]] = {}  # by module
        self._sample = sample.detach().clone()
        # for each storage, its tensors after each module; all are kept, so that no storage is reused
        self._sources: dict[int, list[SourceTensor]] = {}
        self.timesteps = Timesteps()
        self._remember(self.timesteps.make(_INPUT, self._sample))

    def run(self, module: nn.Module) -> None:
        modules = list(_walk(module))
        were = [(part, part.training) for part in modules]
        with contextlib.ExitStack() as stack, torch.no_grad(), self:
            for part, was in were:
                stack.callback(setattr, part, "training", was)
                part.training = False
            for name, part in _named(module, type(module).__name__):
                # before other hooks, which count as ordinary functions
                hook = part.register_forward_hook(self._hook(name), prepend=True, with_kwargs=True)
                stack.callback(hook.remove)
                stack.callback(part.register_forward_pre_hook(self._enter).remove)
            try:
                returned = module(self._sample)
            except InputError:
                raise
            except Exception as error:
                raise InputError(f"sample: the module fails on it: {type(error).__name__}: {error}") from error
        self.returned = [each.to_dense() for each in _all_tensors(returned)]

    def _hook(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            self.depth -= 1
            given, result = _first_tensor([*args, *kwargs.values()]), _first_tensor(output)
            if name not in self.nodes:
                self.nodes[name] = self._node(name, module, given)
            if given is None or result is None:
                raise refusal(name, module, "must take a tensor and return a tensor")
            if self.nodes[name].kind == "Pass" and not _same(given, result):
                raise refusal(name, module, "must return what it gets, unchanged, in evaluation mode")
            source = self._source(name, module, given)
            self.edges[source.name, name] = None
            self.timesteps.take(name, source, given)
            self._remember(self.timesteps.make(name, result))
            if name in self.neurons:
                self._kept_states[id(module)] = name, _states_of(module)
                sent = answers_of(self.neurons[name][1], module, output)
                self.answers.setdefault(name, []).extend(answer.clone() for answer in sent)
            if self.neurons.get(name, ("", None))[0] in _GIVEN:
                # in the order of forward's parameters, which is that of its outputs
                states = inspect.signature(module.forward).bind(*args, **kwargs).arguments
                self._check_state(name, module, [*states.values()][1:], output)

        return hook

    def _enter(self, module: nn.Module, args: Any) -> None:
        self.depth += 1
        name, state = self._kept_states.get(id(module), ("", None))
        if state is not None and state != _states_of(module):
            raise refusal(name, module, _STATE)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function; between modules, record sums and copies of the input."""
        kwargs = kwargs or {}
        if self.depth or func.__name__ not in (*_SUMS, *_COPIES):
            return func(*args, **kwargs)
        given = [each for each in args if isinstance(each, torch.Tensor)]
        parts = [
            (each, source)
            for each in given
            for source in self._before("", each)[-1:]
            if source.version == each._version
            and (_same(each, source.tensor) or (source.name == _INPUT and _lies_as(each, source.tensor)))
        ]
        names = [source.name for _, source in parts]
        result = func(*args, **kwargs)
        if func.__name__ in _COPIES:
            if names == [_INPUT] and result.shape[1:] == given[0].shape[1:]:
                self._remember(self.timesteps.copy(parts[0][1], given[0], result))
            return result
        if len(given) != 2 or len(set(names)) != 2 or kwargs or given[0].shape != given[1].shape:
            return result  # a module that uses it is refused; sums of outputs over time are not used further
        name = f"({names[0]} + {names[1]})"
        self.nodes[name] = NirNode(name=name, kind="Pass")
        self.sums.add(name)
        for each, source in parts:
            self.edges[source.name, name] = None
            self.timesteps.take(name, source, each)
        self._remember(self.timesteps.make(name, result))
        return result

    def _check_state(self, name: str, module: nn.Module, states: list[Any], output: Any) -> None:
        """Check that neurons that are given their state got it, unchanged, from themselves, or start at rest. Those of
        norse start again whenever they are given none."""
        of_norse, before, given = self.neurons[name][0] == "norse", self._states.get(name), [*_all_tensors(states)]
        if before is not None:
            last = [(storage, version) for storage, (_, version) in before.items()]
            kept = [(_storage(state), state._version) for state in given] == last[len(last) - len(given) :]
            wrong = not kept or (of_norse and not given)
        elif of_norse:
            wrong = not all(_rests(module.p, state) for state in states if state is not None)
        else:
            wrong = any(state.any() for state in given)
        if wrong:
            raise refusal(name, module, _STATE)
        self._states[name] = {_storage(state): (state, state._version) for state in _all_tensors(output)}

    def _node(self, name: str, module: nn.Module, given: torch.Tensor | None) -> NirNode:
        neurons = read_neurons(name, module)
        if neurons is None:
            node = torch_node(name, module, given)
            if node is None:
                raise refusal(name, module, f"cannot be imported; modules other than neurons may be {ALLOWED}{_OWN}")
            return node
        self.neurons[name] = neurons
        numbers = {key: np.asarray(value) for key, value in neurons[1].numbers.items()}
        return NirNode(name=name, kind=neurons[1].kind, numbers=numbers, texts=neurons[1].texts)

    def _before(self, name: str, tensor: torch.Tensor) -> list[SourceTensor]:
        """The sources of a tensor before a module, which may have passed on a view of it in an earlier timestep."""
        sources = self._sources.get(_storage(tensor), [])
        return list(takewhile(lambda source: source.name != name, sources))

    def _remember(self, source: SourceTensor) -> None:
        self._sources[_storage(source.tensor)] = [*self._before(source.name, source.tensor), source]

    def _source(self, name: str, module: nn.Module, given: torch.Tensor) -> SourceTensor:
        kind = self.nodes[name].kind
        dimensions = 1 + int(kind[-2]) if kind.endswith(("1d", "2d")) else 1  # without batch and time
        for source in self._before(name, given)[-1:]:
            tensor = source.tensor
            whole = source.name == _INPUT or given.numel() in (tensor.numel(), tensor.numel() // max(1, len(tensor)))
            if tensor._version == source.version and whole and (_same(given, tensor) or _in_order(given, dimensions)):
                if not self.shape and kind not in ("Flatten", "Pass"):
                    self.shape = self._input_shape(given, dimensions)
                return source
        raise refusal(
            name,
            module,
            "its input does not come from a module or a sum of two; write other functions and operators between "
            "modules as modules, such as Flatten or AvgPool2d, and give spikes or currents as the sample" + _OWN,
        )

    def _input_shape(self, given: torch.Tensor, dimensions: int) -> tuple[int, ...]:
        """The last dimensions of the sample, as many as the first module takes."""
        size = math.prod(given.shape[-dimensions:])
        shape = tuple(self._sample.shape)
        fits = [shape[at:] for at in range(1, len(shape)) if math.prod(shape[at:]) == size and len(shape) - at < 4]
        return max(fits, key=len, default=tuple(given.shape[-dimensions:]))


def _walk(module: nn.Module) -> Iterator[nn.Module]:
    """A module and all its submodules; frameworks give `modules` other meanings."""
    yield module
    for child in module._modules.values():
        if child is not None:
            yield from _walk(child)


def _named(module: nn.Module, name: str, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Modules that are not inspected further: neurons, torch's own, and those without submodules."""
    parts = {key: part for key, part in module._modules.items() if part is not None}
    if not parts or read_neurons(name, module) or torch_node(name, module):
        yield name, module
        return
    for key, part in parts.items():
        yield from _named(part, f"{prefix}{key}", f"{prefix}{key}.")


def _all_tensors(values: Any) -> Iterator[torch.Tensor]:
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, Mapping | list | tuple):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from _all_tensors(value)


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _states_of(module: nn.Module) -> list[tuple[int, int] | None]:
    """The states that neurons keep themselves, each as its storage and version."""
    states = (getattr(module, name, None) for name in _STATES)
    return [(_storage(state), state._version) if isinstance(state, torch.Tensor) else None for state in states]


def _rests(p: Any, state: Any) -> bool:
    """Whether a state is the one in which norse's neurons with parameters p begin."""
    rest = {"v": getattr(p, "v_leak", getattr(p, "v_reset", 0.0))}
    return not any((value != rest.get(name, 0.0)).any() for name, value in state._asdict().items())


def _first_tensor(values: Any) -> torch.Tensor | None:
    several = values if isinstance(values, list | tuple) else [values]
    return next((value for value in several if isinstance(value, torch.Tensor)), None)


def _in_order(given: torch.Tensor, dimensions: int) -> bool:
    """Whether its last dimensions are stored in their original order."""
    return given[(0,) * max(0, given.ndim - dimensions)].is_contiguous()


def _lies_as(given: torch.Tensor, sample: torch.Tensor) -> bool:
    """Whether the dimensions of a view of the sample, after time and samples, are in the sample's order."""
    inside = max(1, given.ndim - 2)
    return _in_order(given, inside) or given.stride()[-inside:] == sample.stride()[-inside:]


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have the same values at the same positions, whatever the memory order of their dimensions."""
    places = [(each.data_ptr(), each.shape, each.stride()) for each in (one, other)]
    return places[0] == places[1]

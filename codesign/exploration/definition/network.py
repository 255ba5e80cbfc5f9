"""The network of a sweep, and its changes by axes and searches: of widths, depth, parts of its layers, and its
neuron."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from codesign.documents import Path_, Spec
from codesign.errors import InputError
from codesign.exploration.definition.nested import with_fields
from codesign.mistakes import problem
from codesign.network.layers import MOST, MOST_LAYERS, LayerSpec, Linear
from codesign.network.neuron import NeuronSpec
from codesign.network.skips_and_delays import Delayed, Skip
from codesign.network.topology import TopologySpec, parse_topology
from codesign.training.presets import PRESETS
from codesign.units import common_unit, is_number, parse_quantity, plural, si_unit
from codesign.workload.spec import WorkloadSpec

AxisValue = str | int | float | bool


def unit_of_values(values: Sequence[AxisValue]) -> str:
    """The SI unit of an axis if its values are quantities; "" otherwise."""
    return si_unit(unit) if (unit := common_unit(values)) else ""


def column_values(values: Sequence[AxisValue]) -> list[str | float]:
    """An axis' values as in a column: numbers, in SI units, if all are numbers or all quantities; otherwise text."""
    if unit := unit_of_values(values):
        return [parse_quantity(value, unit) for value in values]
    numbers = all(map(is_number, values))
    return [float(value) if numbers else str(value) for value in values]


def _of_hidden(text: str) -> TopologySpec:
    """The layers of a text such as `[64x3]` or `128r-64`, between one input and one output."""
    try:
        return parse_topology(f"1-{text}-1")
    except InputError:
        raise InputError(f"hidden layers '{text}' are not of the form '[64x3]' or '128-64'") from None


def _quoted(value: object) -> object:
    """Refuse the list that YAML makes of `[64x3]`."""
    if isinstance(value, list | tuple):
        raise problem('must be text in quotes, such as "[64x3]" or "64-32", found a list')
    return value


def _parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """A validator that refuses text that cannot be parsed, and returns the text unchanged."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


class NetworkEntry(Spec):
    """The network, with exactly one of the first three attributes, or none if a preset gives the layers.

    Attributes:
        topology: inputs, hidden layers and outputs, as in `512-[64x3]-10`, or `700-128r-20` with a recurrent layer.
        hidden: hidden layers only, as in `[64x3]`; inputs and outputs follow from the workload.
        layers: every layer of neurons and pool, including the output layer; the input is the workload's grid.
        delayed, skips: with `layers`, further connections, as in `TopologySpec`.
        neuron: parameters of all neurons; those left out come from the preset, if any.
    """

    topology: Annotated[str, _parsed_by(parse_topology)] | None = None
    hidden: (
        Annotated[str, Field(coerce_numbers_to_str=True), _parsed_by(_of_hidden), BeforeValidator(_quoted)] | None
    ) = None
    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1)] | None = None
    delayed: tuple[Delayed, ...] = ()
    skips: tuple[Skip, ...] = ()
    neuron: NeuronSpec = NeuronSpec()

    @model_validator(mode="after")
    def _check_choice(self) -> NetworkEntry:
        if (self.delayed or self.skips) and self.layers is None:
            raise ValueError("delayed, skips: only with layers; in topology and hidden, 128r is a recurrent layer")
        given = [name for name in ("topology", "hidden", "layers") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of topology, hidden and layers, found {' and '.join(given)}")
        return self


@dataclass(frozen=True)
class HiddenLayers:
    """Fully connected hidden layers, whose depth and widths may be changed: the number of neurons in each, and which
    ones are recurrent, counted from 0."""

    sizes: tuple[int, ...]
    recurrent: frozenset[int]

    @staticmethod
    def of(network: NetworkEntry, preset: str | None) -> HiddenLayers:
        """The hidden layers of a network, or of the preset if it leaves them out; a list of layers is refused."""
        text = network.hidden or (PRESETS[preset].hidden if preset else None)
        if network.layers is not None or (network.topology or text) is None:
            raise InputError("widths can only be changed if the network is given by hidden or topology")
        topology = parse_topology(network.topology) if network.topology else _of_hidden(str(text))
        sizes = tuple(layer.neurons for layer in topology.layers[:-1] if isinstance(layer, Linear))
        return HiddenLayers(sizes, frozenset(one.to for one in topology.delayed))

    def depth(self, settings: Mapping[str, AxisValue]) -> int:
        return int(settings.get("network.depth", len(self.sizes)))

    def text(self, settings: Mapping[str, AxisValue]) -> str:
        """All layers with settings applied, as written in a file. Recurrent layers stay recurrent, and added layers are
        like the last one."""
        sizes, depth, last = self.within_limits(settings), self.depth(settings), len(self.sizes) - 1
        usual = [*self.sizes, *self.sizes[-1:] * depth][:depth]
        if "network.width" in settings:
            usual = [int(settings["network.width"])] * depth
        if beyond := [number for number in sizes if number > depth]:
            raise InputError(f"{_SINGLE}{beyond[0]}: the network has {plural(depth, 'hidden layer')}")
        return "-".join(
            f"{sizes.get(layer + 1, size)}{'r' if min(layer, last) in self.recurrent else ''}"
            for layer, size in enumerate(usual)
        )

    @staticmethod
    def within_limits(settings: Mapping[str, AxisValue]) -> dict[int, int]:
        """Number of neurons of each layer whose width is set on its own, by the layer's number."""
        sizes: dict[int, int] = {}
        for path, value in settings.items():
            if not changes_widths(path):
                continue
            most = MOST_LAYERS if path == "network.depth" else MOST
            if not (type(value) is int and 0 < value <= most):
                raise InputError(f"{path}: must be a whole number above 0, at most {most:,}, found {value!r}")
            if (number := layer_of(path)) is not None:
                sizes[number] = value
        return sizes


_SINGLE = "network.hidden."


def layer_of(path: str) -> int | None:
    """The hidden layer, counted from 1, whose width a path sets; None for any other path."""
    number = path.removeprefix(_SINGLE)
    single = path.startswith(_SINGLE) and number.isascii() and number.isdecimal() and not number.startswith("0")
    return int(number) if single else None


def changes_widths(path: str) -> bool:
    """Whether a path sets the depth, the width of all hidden layers, or that of one."""
    return path in ("network.width", "network.depth") or layer_of(path) is not None


def complete_neuron(network: NetworkEntry, preset: str | None) -> NeuronSpec:
    if preset is None:
        return network.neuron
    given = {name: getattr(network.neuron, name) for name in network.neuron.model_fields_set}
    return PRESETS[preset].neuron.model_copy(update=given)


def with_network(network: NetworkEntry, preset: str | None, settings: Mapping[str, AxisValue]) -> NetworkEntry:
    """A network, completed by a preset, with some of its parameters replaced together and checked: those of paths such
    as `network.width`, `network.layers.0.channels` and `neuron.time_constant`; other paths are ignored."""
    fields = _of_block("network", {path: value for path, value in settings.items() if not changes_widths(path)})
    network = with_fields(network, fields)
    if any(map(changes_widths, settings)):
        hidden = HiddenLayers.of(network, preset).text(settings)
        network = network.model_copy(update={"hidden": hidden, "topology": None})
    of_neuron = _of_block("neuron", settings)
    if not of_neuron:
        return network
    neuron = complete_neuron(network, preset)
    changed = with_fields(neuron, of_neuron)
    update = {name: getattr(changed, name) for name in {path.partition(".")[0] for path in of_neuron}}
    return network.model_copy(update={"neuron": network.neuron.model_copy(update=update)})


def with_workload(workload: WorkloadSpec, settings: Mapping[str, AxisValue]) -> WorkloadSpec:
    """A workload with the parameters in `settings` that belong to it replaced; see `with_network`."""
    return with_fields(workload, _of_block("workload", settings))


def set_by(path: str) -> Path_:
    """The place in a file of the value that an axis or a search parameter sets in network, neuron or workload."""
    if changes_widths(path):
        return "network", "hidden"
    block, *rest = path.split(".")
    parts: Path_ = tuple(int(part) if part.isdecimal() else part for part in rest)
    return ("network", "neuron", *parts) if block == "neuron" else (block, *parts)


def _of_block(block: str, settings: Mapping[str, AxisValue]) -> dict[str, AxisValue]:
    return {path.partition(".")[2]: value for path, value in settings.items() if path.startswith(f"{block}.")}

"""A chip, as its YAML file describes it. A number that is not known is absent; nothing is invented for it.

What changes the spikes of a network on the chip: the kind of `synchronization`, `group_size`, `weight_bits`, and on
timer chips the mapping (`cores`, `neurons_per_core`, memories). What only changes the price: `energies`, `times`,
`static_power`, `vector_width`, `network_on_chip`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from codesign.documents import Spec
from codesign.hardware.consistency import Mistake, consistency_mistakes, source_mistakes
from codesign.hardware.numbers import (
    AreaNumber,
    BarrierTimes,
    Bits,
    Confidence,
    CoreCounts,
    Count,
    EnergyNumber,
    FrequencyNumber,
    Lanes,
    LengthNumber,
    Number,
    PowerNumber,
    SynapticEnergy,
    TimeNumber,
    UpdateEnergy,
    VoltageNumber,
    problem,
)
from codesign.units import Energy, Power, Time, format_si

__all__ = [
    "Asynchronous",
    "Barrier",
    "Chip",
    "Clocked",
    "Energies",
    "Measurement",
    "NamedNumber",
    "NetworkOnChip",
    "Source",
    "Supports",
    "Synchronization",
    "Timer",
    "Times",
]

Answer = Literal["yes", "no", "unknown"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=64)]
Positive = Annotated[int, Field(gt=0)]


class Source(Spec):
    """Where numbers come from: a citation and, where there is one, an address or a DOI."""

    citation: Annotated[str, Field(min_length=1)]
    url: str = ""
    doi: str = ""


class Asynchronous(Spec):
    """No synchronization: a message is served as soon as its core is free."""

    kind: Literal["asynchronous"]


class Barrier(Spec):
    """All cores agree before the next step: once a `timestep`, layers pipelined, or once a `layer` and timestep."""

    kind: Literal["barrier"]
    scope: Literal["timestep", "layer"]
    times: BarrierTimes | None = None


class Timer(Spec):
    """Steps of fixed length. What a core cannot finish in a tick stretches the tick, or is dropped."""

    kind: Literal["timer"]
    tick: TimeNumber
    ticks_per_timestep: Positive = 1
    overload: Literal["stretch", "drop"]


class Clocked(Spec):
    """Event-driven circuits with a clock; no synchronization between layers."""

    kind: Literal["clocked"]
    clock: FrequencyNumber | None = None


Synchronization = Annotated[Asynchronous | Barrier | Timer | Clocked, Field(discriminator="kind")]


class Energies(Spec):
    """Energies per event.

    Attributes:
        synaptic_operation: one weight added to one potential.
        neuron_access: one mapped neuron visited in one timestep, whether it has work or not.
        neuron_update: one update, counted as the number declares.
        spike: one spike sent to one destination core.
        hop, hop_vertical: one spike over one link; vertical links may differ, and are like `hop` where not given.
        barrier_message: one barrier message to one destination core.
    """

    synaptic_operation: SynapticEnergy | None = None
    neuron_access: EnergyNumber | None = None
    neuron_update: UpdateEnergy | None = None
    spike: EnergyNumber | None = None
    hop: EnergyNumber | None = None
    hop_vertical: EnergyNumber | None = None
    barrier_message: EnergyNumber | None = None


class Times(Spec):
    """Times per event on one core.

    Attributes:
        synaptic_operation: `vector_width` synaptic operations of one message.
        message: reception of one message, before its synaptic operations; not every chip separates it.
        neuron_update: `vector_width` updates.
        output: one spike sent to one destination core.
        hop, hop_vertical: one message over one link.
    """

    synaptic_operation: TimeNumber | None = None
    message: TimeNumber | None = None
    neuron_update: TimeNumber | None = None
    output: TimeNumber | None = None
    hop: TimeNumber | None = None
    hop_vertical: TimeNumber | None = None


class NetworkOnChip(Spec):
    """A mesh of `rows` × `columns` tiles of `cores_per_tile` cores; core 0 is in tile 0, tiles run along rows."""

    shape: Literal["mesh"]
    rows: Positive
    columns: Positive
    cores_per_tile: Positive
    confidence: Confidence
    source: str
    note: str = ""


class Supports(Spec):
    """What the chip's neurons can do, as far as that is stated."""

    leak: Answer = "unknown"
    reset: tuple[Literal["zero", "subtract"], ...] = ()
    note: str = ""


class Measurement(Spec):
    """A published end-to-end result to validate a model against."""

    name: str
    workload: str
    energy: Energy | None = None
    latency: Time | None = None
    power: Power | None = None
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    confidence: Confidence
    source: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class NamedNumber:
    """One number of a chip, ready to be shown: `text` has the unit, `value_si` is None for lists and words."""

    name: str
    value_si: float | None
    unit: str
    text: str
    confidence: str
    source: str
    note: str


class Chip(Spec):
    """A validated chip file.

    Attributes:
        name, title, aliases, description: what it is called.
        citation: key of the main entry of `sources`.
        sources: where the numbers come from.
        cores, neurons_per_core, synapses_per_core, weight_memory, fan_in: capacity; `weight_memory` is bits per core,
            `fan_in` the most inputs of one neuron.
        stores_kernels: whether a convolution's kernel is stored once and not once a synapse.
        layers_share_core, splits_layers: whether two layers may lie on one core, and one layer on several.
        weight_bits, weight_format: the widest weight, and what else is to be said of it.
        vector_width, group_size: lanes of a core; F, if the chip has one.
        can_flush: whether what still waits can be dropped when the decision is made.
        supports: leak and reset of the neurons.
        validation: published measurements.
    """

    name: Name
    title: Annotated[str, Field(min_length=1, max_length=80)]
    aliases: tuple[str, ...] = ()
    description: str
    citation: str
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    technology_node: LengthNumber | None = None
    area: AreaNumber | None = None
    supply_voltage: VoltageNumber | None = None
    cores: Count
    neurons_per_core: CoreCounts | None = None
    synapses_per_core: CoreCounts | None = None
    weight_memory: CoreCounts | None = None
    fan_in: Count | None = None
    stores_kernels: bool = False
    layers_share_core: bool
    splits_layers: bool = True
    weight_bits: Bits | None = None
    weight_format: str = ""
    vector_width: Lanes | None = None
    group_size: Count | None = None
    synchronization: Synchronization
    energies: Energies = Energies()
    static_power: PowerNumber | None = None
    times: Times = Times()
    network_on_chip: NetworkOnChip | None = None
    can_flush: Answer
    supports: Supports = Supports()
    validation: tuple[Measurement, ...] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, data: Any, handler: Callable[[Any], Chip]) -> Chip:
        """All mistakes at once, each at its own place in the file: structure and sources, then consistency."""
        if not isinstance(data, dict):
            return handler(data)
        errors = [_at(mistake) for mistake in source_mistakes(data)]
        try:
            chip = handler(data)
        except ValidationError as error:
            found = [_again(item) for item in error.errors(include_url=False)]
            raise ValidationError.from_exception_data("Chip", [*found, *errors]) from None
        errors += [_at(mistake) for mistake in consistency_mistakes(chip)]
        if errors:
            raise ValidationError.from_exception_data("Chip", errors)
        return chip

    @property
    def e_synaptic_operation_j(self) -> float | None:
        """e_so in joules, or None."""
        number = self.energies.synaptic_operation
        return None if number is None else number.value

    @property
    def synchronized(self) -> bool:
        """Whether hardware makes layers wait: barriers and timers do."""
        return self.synchronization.kind in ("barrier", "timer")

    def numbers(self) -> tuple[NamedNumber, ...]:
        """Every number that is known, in file order, with its confidence and source."""
        return tuple(_named(path, number) for path, number in _walk(self, ""))

    def notes(self) -> tuple[str, ...]:
        """What a reader must know before comparing: remarks on numbers whose use is restricted."""
        return tuple(f"{item.name}: {item.note}" for item in self.numbers() if item.note)


def _walk(spec: Spec, prefix: str) -> Iterator[tuple[str, Number]]:
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        path = f"{prefix}{name}"
        if isinstance(value, Number):
            yield path, value
        elif isinstance(value, Spec):
            yield from _walk(value, f"{path}.")


def _named(path: str, number: Number) -> NamedNumber:
    unit = number.unit
    value_si: float | None = None
    if isinstance(number, BarrierTimes):
        items = sorted(number.by_tiles.items())
        text = ", ".join(f"{format_si(time, 's')} ({tiles} tile{'s' * (tiles > 1)})" for tiles, time in items)
    else:
        value: Any = getattr(number, "value")  # noqa: B009 - every number but the one above has one, of its own type
        if isinstance(value, tuple):
            text = ", ".join(f"{item:,}" for item in value)
            value_si = float(value[0]) if len(value) == 1 else None
        elif isinstance(value, str):
            text = value
        elif isinstance(value, int):
            text, value_si = f"{value:,}" + (f" {unit}" if unit else ""), float(value)
        else:
            text = f"{value * 1e6:.4g} mm²" if unit == "m**2" else format_si(value, unit)
            value_si = value
    return NamedNumber(
        name=path,
        value_si=value_si,
        unit=unit,
        text=text,
        confidence=number.confidence,
        source=number.source,
        note=number.note,
    )


def _at(mistake: Mistake) -> InitErrorDetails:
    location, reason = mistake
    return InitErrorDetails(type=problem(reason), loc=location, input=None)


def _again(item: Any) -> InitErrorDetails:
    """An error as it was, so that it can be raised together with others."""
    kind: str | PydanticCustomError = item["type"]
    if kind == "quantity":
        kind = problem(item["msg"])
    return InitErrorDetails(type=kind, loc=item["loc"], input=item["input"], ctx=item.get("ctx", {}))

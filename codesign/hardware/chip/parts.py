"""The parts of a chip's description, as in its YAML file; `chips/template.yaml` says what each field means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, Field

from codesign.arrays import Integers
from codesign.documents import Spec
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.laws import MemoryKind
from codesign.hardware.chip.numbers import (
    Amount,
    ChipPower,
    Count,
    EnergyNumber,
    FrequencyNumber,
    PowerNumber,
    SynapticEnergy,
    TimeNumber,
    UpdateEnergy,
    of_words,
)
from codesign.hardware.chip.provenance import OWN, Confidence, Sourced
from codesign.hardware.chip.validation_models import Recomputation
from codesign.hardware.terms import BOOKS, StaticPart
from codesign.mistakes import of_form
from codesign.network.neuron import FEATURES, Reset
from codesign.units import Energy, Fraction, Positive, Power, Real, Time

Answer = Literal["yes", "no", "unknown"]
Units = Annotated[Real, Field(ge=0, le=1e6)]
Tiles = TypeVar("Tiles", int, Integers)
Name = Annotated[
    str,
    Field(max_length=64),
    of_form("[a-z0-9][a-z0-9_]*", "lower-case letters, digits and '_', beginning with a letter or digit"),
]

ROOM_FOR_WEIGHTS = ("synapses_per_core", "weight_memory")
"""The two forms in which a chip's file may give the capacity for weights; one replaces the other."""


class Source(Spec):
    """Where numbers come from: a citation and, if there is one, an address or a DOI."""

    citation: Annotated[str, Field(min_length=1)]
    url: str = ""
    doi: str = ""


class Asynchronous(Spec):
    """No synchronization: a message is served as soon as its core is free."""

    kind: Literal["asynchronous"]


class Barrier(Spec):
    """All cores agree before the next step: once a `timestep`, layers pipelined, or once a `layer` and timestep."""

    kind: Literal["barrier"]
    scope: Literal["timestep", "layer"] = "timestep"
    times: BarrierTimes | None = None
    least_step: TimeNumber | None = None


class Timer(Spec):
    """Steps of fixed length. What a core cannot finish in a tick stretches the tick, or is dropped."""

    kind: Literal["timer"]
    tick: TimeNumber
    ticks_per_timestep: Positive = 1
    overload: Literal["stretch", "drop"]


class Clocked(Spec):
    """Event-driven circuits with a clock, which the chip's `clock` states; no synchronization between layers."""

    kind: Literal["clocked"]


class Neighbour(Spec):
    """A core agrees with the cores that it feeds or is fed by before its next step; layers are pipelined."""

    kind: Literal["neighbour"]
    handshake: TimeNumber | None = None


Synchronization = Annotated[Asynchronous | Barrier | Timer | Clocked | Neighbour, Field(discriminator="kind")]


class NumberGroup(Spec):
    """Base class: numbers, each of which a file may leave out."""

    @property
    def given(self) -> dict[str, Any]:
        """The numbers that the chip's file gives, by name."""
        return {name: number for name, number in self if number is not None}

    @property
    def included(self) -> set[str]:
        """Terms that one of the numbers contains."""
        return {term for number in self.given.values() for term in getattr(number, "includes", ())}


class Energies(NumberGroup):
    """Energies per event, counted as in `codesign.hardware.cost.action_counts`."""

    synaptic_operation: SynapticEnergy | None = None
    neuron_access: EnergyNumber | None = None
    neuron_update: UpdateEnergy | None = None
    spike: EnergyNumber | None = None
    message: EnergyNumber | None = None
    hop: EnergyNumber | None = None
    hop_vertical: EnergyNumber | None = None
    chip_hop: EnergyNumber | None = None
    barrier_message: EnergyNumber | None = None
    clock_cycle: EnergyNumber | None = None


class Times(NumberGroup):
    """Times per event on one core; of operations and updates, for `vector_width` at once."""

    synaptic_operation: TimeNumber | None = None
    message: TimeNumber | None = None
    neuron_access: TimeNumber | None = None
    neuron_update: TimeNumber | None = None
    spike: TimeNumber | None = None
    output: TimeNumber | None = None
    hop: TimeNumber | None = None
    hop_vertical: TimeNumber | None = None
    chip_hop: TimeNumber | None = None


class StaticPower(NumberGroup):
    """Power that is drawn whether or not anything happens, by what draws it."""

    chip: ChipPower | None = None
    core_in_use: PowerNumber | None = None
    core_off: PowerNumber | None = None
    host: PowerNumber | None = None


class PowerGating(Spec):
    """What is switched off when not needed; for cores, `static_power.core_off` gives what they then draw."""

    between_inputs: Answer = "unknown"
    clock: Answer = "unknown"
    confidence: Confidence | None = None
    source: str = ""
    note: str = ""


class Structure(Spec):
    """How a core stores and adds, from which `codesign.hardware.chip.structure` estimates its prices.

    Lanes, capacities, widths, node and voltage are given elsewhere in the file; this is the rest.
    """

    memory: MemoryKind
    state_memory: MemoryKind | None = None
    shared_memory: bool = False
    lanes: Amount | None = None
    synapse_bits: Amount | None = None
    weight_word: Amount | None = None
    weights_used: Amount | None = None
    weight_store: Amount | None = None
    state_bits: Amount | None = None
    state_reuse: Amount | None = None
    other_store: Amount | None = None


class LayerFactors(Spec):
    """Units of one kind of work: for what comes from the input, for hidden layers and for the output layer."""

    input: Units = 0.0
    hidden: Units
    output: Units


class PresynapticFactors(LayerFactors):
    """The same, and units for each of a layer's presynaptic neurons or inputs in each timestep, whether or not it
    spikes."""

    added: ClassVar[frozenset[str]] = frozenset({"presynaptic"})
    presynaptic: Units = 0.0


class LayerWork(Sourced):
    """What work of one kind takes by the kind of layer, in units of its time in `times`; 1 by default."""

    synaptic_operation: PresynapticFactors | None = None
    neuron_access: PresynapticFactors | None = None
    spike: LayerFactors | None = None

    def of(self, kind: str) -> LayerFactors:
        """Units of one piece of work of a kind. Unless the file says so, only a layer's own neurons are visited."""
        given: LayerFactors | None = getattr(self, kind)
        return given or PresynapticFactors(input=float(kind == "synaptic_operation"), hidden=1, output=1)


class MultiChip(Spec):
    """Networks may span several chips, at most `most`, each with all its cores."""

    most: Count | None = None


class WeightGrid(Sourced):
    """Which integers a weight can be, and which weights share a scale."""

    signed: bool = True
    scale: Literal["layer", "network"] = "layer"
    levels: Literal["symmetric", "full"] = "symmetric"


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """A mesh of `rows` × `columns` tiles of `cores_per_tile` cores; core 0 is in tile 0 at row 0 and column 0. Tiles
    are numbered along rows first, or along `columns` first."""

    rows: int
    columns: int
    cores_per_tile: int
    numbering: Literal["rows", "columns"]

    def place(self, tile: Tiles) -> tuple[Tiles, Tiles]:
        """Row and column of a tile, or of each of an array of tiles."""
        if self.numbering == "columns":
            return tile % self.rows, tile // self.rows
        return tile // self.columns, tile % self.columns


class NetworkOnChip(Sourced):
    """A mesh as given by a file. Rows or columns that are left out are as many as the cores need; without either, the
    mesh is as square as possible."""

    shape: Literal["mesh"]
    rows: Positive | None = None
    columns: Positive | None = None
    cores_per_tile: Positive
    numbering: Literal["rows", "columns"] = "rows"
    link_rate: FrequencyNumber | None = None

    def mesh(self, cores: int) -> Mesh:
        tiles = -(-cores // self.cores_per_tile)
        rows = self.rows or -(-tiles // (self.columns or 1 + math.isqrt(tiles - 1)))
        columns = self.columns or -(-tiles // rows)
        return Mesh(rows=rows, columns=columns, cores_per_tile=self.cores_per_tile, numbering=self.numbering)


Feature = Annotated[str, of_words((*FEATURES, "bias", "readout", "max_pool", "delayed", "skips", "within_pass"))]


class Supports(Spec):
    """What the chip's neurons can do, as far as stated."""

    leak: Answer = "unknown"
    reset: tuple[Reset, ...] = ()
    thresholds: Positive | Literal["neuron"] | None = None
    time_constants: Positive | Literal["neuron"] | None = None
    features: tuple[Feature, ...] = ()
    note: str = ""


class ModelError(Spec):
    """How far the model may be off on a chip, as factors in either direction: one standard deviation of ln(model /
    measured)."""

    energy: Annotated[Real, Field(ge=1)]
    latency: Annotated[Real, Field(ge=1)]
    note: Annotated[str, Field(min_length=1)]


def _counted(value: Any) -> Any:
    """Parts of the static power, given by the name of a book or one by one."""
    return next((parts for book, parts in BOOKS.items() if book == value), value)


class Measurement(Spec):
    """A published end-to-end result, and the `model` with which `codesign chips validate` recomputes it; `counted`
    names the parts of the static power that it includes, as in `BOOKS`."""

    name: str
    workload: str = ""
    energy: Energy | None = None
    latency: Time | None = None
    power: Power | None = None
    accuracy: Fraction | None = None
    counted: Annotated[tuple[StaticPart, ...], BeforeValidator(_counted)] = BOOKS["board"]
    confidence: Confidence = "measured"
    source: str = OWN
    note: str = ""
    model: Recomputation | None = None

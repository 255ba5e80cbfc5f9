"""A chip as described by its YAML file. Unknown numbers are absent; nothing is invented for them.

The type of a number says what it changes. A `SpikeNumber` (cores, capacities, `group_size`, bits) and the kind of
`synchronization` change which neurons spike when; a `PriceNumber` (energies, times, powers, clock, lanes, the network's
links) only changes what that costs, unless a scheduling policy uses times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from codesign.documents import Mistake, Spec
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.numbers import (
    AreaNumber,
    Bits,
    CoreBits,
    CoreCounts,
    Count,
    FractionBits,
    FrequencyNumber,
    Lanes,
    LengthNumber,
    Number,
    SynapticEnergy,
    TimeNumber,
    VoltageNumber,
)
from codesign.hardware.chip.parts import (
    Answer,
    Energies,
    LayerWork,
    Measurement,
    Mesh,
    ModelError,
    MultiChip,
    Name,
    NetworkOnChip,
    NumberGroup,
    PowerGating,
    Source,
    StaticPower,
    Structure,
    Supports,
    Synchronization,
    Times,
    WeightGrid,
)
from codesign.hardware.chip.provenance import OWN, source_mistakes, sourced_parts
from codesign.hardware.chip.structure_mistakes import structure_mistakes
from codesign.hardware.terms import ACTIONS, OWN_CITATION, WAITING_KINDS
from codesign.mistakes import dotted, problem
from codesign.units import format_si, plural


class Chip(Spec):
    """A validated chip file.

    Attributes:
        name, title, aliases, description: names and texts about the chip; the title defaults to the name.
        citation: key of the main entry of `sources`; `own`, the file itself, if it names none.
        operating_point: voltage, clock, tick and load at which the numbers are valid.
        sources: where the numbers come from.
        cores, neurons_per_core, synapses_per_core, weight_memory, fan_in: capacity; `weight_memory` is bits per core,
            of which a synapse takes `synapse_bits`; `fan_in` is the most inputs of one neuron.
        stores_kernels: whether a convolution's kernel is stored once instead of once per synapse.
        layers_share_core, splits_layers: whether two layers may share a core, and one layer may occupy several. If the
            file does not say the former, they may, as an assumption.
        multi_chip: whether a network may span several chips.
        weight_bits, weights, weight_format: the widest weight, the integers it takes, and a remark.
        potential_bits, potential_fraction_bits: width of a potential, which saturates; its bits below a weight's step.
        crossbar: whether a message occupies every neuron of a core, connected or not.
        clock: clock for times in cycles.
        vector_width, group_size: lanes of a core; F, if the chip has one.
        layer_work: how many times its entry of `times` a piece of work takes in each kind of layer.
        structure: memories and words of a core, from which prices are estimated.
        static_power, power_gating: power that is always drawn, and what can be switched off.
        skips_zero_weights: whether synapses of weight 0 are left out of the work.
        can_flush: whether waiting spikes can be dropped when the decision is made.
        can_end_sample: whether the host can end a sample before its last timestep, once the output is clear.
        supports: leak and reset of the neurons, and how many thresholds and time constants a core has.
        extends: name of the chip whose description this file changes; "" for none.
        validation: published measurements.
        model_error: how far the model may be off; computed from `validation` by `load_chip` unless the file states it.
    """

    name: Name
    title: Annotated[str, Field(max_length=80)] = ""
    aliases: tuple[str, ...] = ()
    description: str = ""
    citation: str = OWN
    operating_point: Annotated[str, Field(min_length=1)] = "not stated"
    sources: dict[str, Source] = Field(default_factory=dict)
    technology_node: LengthNumber | None = None
    area: AreaNumber | None = None
    supply_voltage: VoltageNumber | None = None
    cores: Count
    neurons_per_core: CoreCounts | None = None
    synapses_per_core: CoreCounts | None = None
    weight_memory: CoreBits | None = None
    fan_in: Count | None = None
    stores_kernels: bool = False
    layers_share_core: bool | None = None
    splits_layers: bool = True
    multi_chip: MultiChip | None = None
    weight_bits: Bits | None = None
    weights: WeightGrid | None = None
    weight_format: str = ""
    potential_bits: Bits | None = None
    potential_fraction_bits: FractionBits | None = None
    crossbar: bool = False
    clock: FrequencyNumber | None = None
    vector_width: Lanes | None = None
    structure: Structure | None = None
    group_size: Count | None = None
    synchronization: Synchronization
    energies: Energies = Energies()
    static_power: StaticPower = StaticPower()
    power_gating: PowerGating = PowerGating()
    times: Times = Times()
    layer_work: LayerWork | None = None
    network_on_chip: NetworkOnChip | None = None
    skips_zero_weights: Answer = "unknown"
    can_flush: Answer = "unknown"
    can_end_sample: Answer = "unknown"
    supports: Supports = Supports()
    validation: tuple[Measurement, ...] = ()
    extends: str = ""
    model_error: ModelError | None = None
    _held: dict[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[Mistake]:
        return source_mistakes(data) if isinstance(data, dict) else ()

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, data: Any, handler: Callable[[Any], Chip]) -> Chip:
        """Check the consistency of parts once each is valid by itself, and report all mistakes at once."""
        chip = handler(data)
        if isinstance(data, Chip):
            return chip
        mistakes = consistency_mistakes(chip)
        details = [InitErrorDetails(type=problem(why), loc=location, input=None) for location, why in mistakes]
        if details:
            raise ValidationError.from_exception_data("Chip", details)
        return _completed(chip)

    def __repr__(self) -> str:
        cores = plural(self.cores.value, "core")
        return f"Chip({self.name}: {self.title}, {self.synchronization.kind}, {cores}, {len(self.numbers())} numbers)"

    @property
    def held(self) -> dict[str, Any]:
        """Numbers by path as they were given for another structure; see `codesign.hardware.chip.scaling`."""
        return self._held

    def holding(self, held: dict[str, Any]) -> Chip:
        """The chip with other such numbers."""
        chip = self.model_copy()
        chip._held = held
        return chip

    @property
    def e_synaptic_operation_j(self) -> float | None:
        """e_so in joules, or None."""
        number = self.energies.synaptic_operation
        return None if number is None else number.value

    @property
    def synchronized(self) -> bool:
        """Whether a neuron waits for everything that reaches it in a step, so that spikes are those of layered
        inference: with barriers, timers or neighbours."""
        return self.synchronization.kind in WAITING_KINDS

    @property
    def pipelined(self) -> bool:
        """Whether each hardware step takes every layer to its next timestep, so that L − 1 steps follow the last
        timestep."""
        return self.synchronized and getattr(self.synchronization, "scope", "timestep") == "timestep"

    @property
    def visits_each_timestep(self) -> bool:
        """Whether its cores visit all their neurons in each timestep even though none waits: under a clock."""
        return self.synchronization.kind == "clocked"

    @property
    def ticks_per_timestep(self) -> int:
        """Ticks per timestep of a timer; 1 under any other kind."""
        return getattr(self.synchronization, "ticks_per_timestep", 1)

    @property
    def all_in(self) -> bool:
        """Whether the energy of a synaptic operation contains everything the chip spent."""
        number = self.energies.synaptic_operation
        return number is not None and number.all_in

    @property
    def synapse_bits(self) -> int | None:
        """Bits that one synapse takes in memory: those of the structure or of a weight, whichever are more; None if
        unknown."""
        stored = self.structure.synapse_bits if self.structure is not None else None
        return max((number.value for number in (stored, self.weight_bits) if number is not None), default=None)

    @property
    def cores_told_apart(self) -> int:
        """Number of cores in the lists of its file; 1 if all are alike."""
        return max((len(counts.value) for _, counts in self if isinstance(counts, CoreCounts)), default=1)

    @property
    def mesh(self) -> Mesh | None:
        """The mesh between its cores, with the rows and columns that its file leaves out."""
        return None if self.network_on_chip is None else self.network_on_chip.mesh(self.cores.value)

    def seconds(self, number: TimeNumber | None) -> float | None:
        """A time of this chip in seconds, whether the file gives seconds or cycles; None for None."""
        if number is None or number.cycles is None:
            return None if number is None else number.value
        assert self.clock is not None  # guaranteed by the file's consistency
        return number.cycles / self.clock.value

    def numbers(self) -> dict[str, Number]:
        """Every known number by its path, in the order of the fields."""
        return {dotted(place): part for place, part in sourced_parts(self) if isinstance(part, Number)}


def _completed(chip: Chip) -> Chip:
    """The chip with a title, and with the file itself among the sources if it is one."""
    given: dict[str, Any] = {} if chip.title else {"title": chip.name}
    named = {chip.citation, *(part.source for _, part in sourced_parts(chip)), *(one.source for one in chip.validation)}
    if OWN in named - chip.sources.keys():
        given["sources"] = {**chip.sources, OWN: Source(citation=OWN_CITATION)}
    return chip.model_copy(update=given) if given else chip


# what a file must not say ------------------------------------------------------------------------------------------


def consistency_mistakes(chip: Chip) -> Iterator[Mistake]:
    yield from _energy_mistakes(chip)
    yield from _basis_mistakes(chip)
    yield from _time_mistakes(chip)
    yield from _capacity_mistakes(chip)
    yield from _network_mistakes(chip)
    yield from structure_mistakes(chip)


def _energy_mistakes(chip: Chip) -> Iterator[Mistake]:
    energies, static = chip.energies, chip.static_power
    if energies.clock_cycle is not None and chip.clock is None:
        yield ("energies", "clock_cycle"), "needs the chip's clock"
    if chip.all_in:
        held = "must be left out: energies.synaptic_operation is all-in and already contains "
        if static.given:
            yield ("static_power",), f"{held}static power"
        for name in energies.given:
            if name != "synaptic_operation":
                yield ("energies", name), f"{held}it"
        return
    if static.core_off is not None and static.core_in_use is None:
        yield ("static_power", "core_off"), "needs static_power.core_in_use too"
    yield from _include_mistakes("energies", energies, {("static_power", "chip"): static.chip})


def _basis_mistakes(chip: Chip) -> Iterator[Mistake]:
    """Energies whose `per` belongs under another key, or whose static power would be counted twice or not at all.

    Papers quote each other's energies under other names: an energy per spike becomes one per synaptic operation, and
    total power divided by a rate becomes an increment.
    """
    counted = {action.price.removeprefix("energies."): action.per for action in ACTIONS if action.per}
    for name, number in chip.energies.given.items():
        if number.per is not None and number.per != counted[name]:
            home = next(key for key, per in counted.items() if per == number.per)
            energy = format_si(number.value, "J")
            yield ("energies", name, "per"), f"{energy} is per {number.per}, so it belongs under energies.{home}"
        place = ("energies", name, "static")
        if isinstance(number, SynapticEnergy):
            if number.all_in and number.static == "outside":
                yield place, "must be inside: an all-in energy contains static power"
            elif not number.all_in and number.static == "inside":
                yield place, "static power is inside, so all_in must be true"
        elif number.static == "inside" and chip.static_power.given:
            yield place, "static power is inside, and also given as static_power; it would be counted twice"


def _include_mistakes(
    group: str, numbers: NumberGroup, beside: Mapping[tuple[str, str], Number | None]
) -> Iterator[Mistake]:
    """Mistakes: terms that two numbers contain, or that one contains and the group also gives separately."""
    given, owners = numbers.given, dict[str, str]()
    for place, number in {**beside, **{(group, name): number for name, number in given.items()}}.items():
        for term in getattr(number, "includes", ()):
            if term in given:
                yield (*place, "includes"), f"'{term}' is also given as {group}.{term}; it would be counted twice"
            if term in owners:
                yield (*place, "includes"), f"'{term}' is already included in {owners[term]}"
            owners[term] = ".".join(place)


def _time_mistakes(chip: Chip) -> Iterator[Mistake]:
    for name, number in chip.times.given.items():
        yield from _cycle_mistakes(chip, ("times", name), number)
    yield from _include_mistakes("times", chip.times, {})
    for name, number in chip.synchronization:
        if not isinstance(number, TimeNumber):
            continue
        yield from _cycle_mistakes(chip, ("synchronization", name), number)
        if name == "tick" and 0 in (number.value, number.cycles):
            yield ("synchronization", name), "must be above 0"
    all_times = (*chip.times.given.values(), *dict(chip.synchronization).values())
    if chip.times.synaptic_operation is not None and not any(map(_takes_time, all_times)):
        yield ("times",), "are all 0, so no network would take any time; leave out what you do not know"
    for kind, factors in chip.layer_work or ():
        if getattr(factors, "presynaptic", 0) and chip.synchronization.kind == "asynchronous":
            yield ("layer_work", kind, "presynaptic"), "takes no time on an asynchronous chip, which visits nothing"


def _takes_time(number: object) -> bool:
    """Whether it is a time, or a table of times, that is not 0."""
    if isinstance(number, BarrierTimes):
        return any(number.by_tiles.values())
    return isinstance(number, TimeNumber) and bool(number.value or number.cycles)


def _cycle_mistakes(chip: Chip, place: tuple[str, str], number: TimeNumber) -> Iterator[Mistake]:
    if number.cycles is None:
        return
    if chip.clock is None:
        yield (*place, "cycles"), "needs the chip's clock"
    elif number.cycles > TimeNumber.ceiling * chip.clock.value:
        found = f"found {number.cycles:g} cycles at {format_si(chip.clock.value, 'Hz')}"
        yield (*place, "cycles"), f"must take at most {TimeNumber.ceiling:g} s, {found}"


def _capacity_mistakes(chip: Chip) -> Iterator[Mistake]:
    for name, counts in chip:
        if isinstance(counts, CoreCounts) and len(counts.value) not in (1, chip.cores.value):
            yield (
                (name, "value"),
                f"must be one number or one for each of the {chip.cores.value} cores, found {len(counts.value)}",
            )
    if chip.weight_memory is not None and chip.synapses_per_core is not None:
        yield ("weight_memory",), "is given together with synapses_per_core; keep the one that is known"
    if chip.crossbar and chip.neurons_per_core is None:
        yield ("crossbar",), "needs neurons_per_core, because a message occupies all of them"
    for name in ("weight_memory", "weights", "potential_fraction_bits"):
        if getattr(chip, name) is not None and chip.weight_bits is None:
            yield (name,), "needs weight_bits"
    potential, weight = chip.potential_bits, chip.weight_bits
    if potential is not None and weight is not None and potential.value < weight.value:
        widths = f"{potential.value} bits of potential and {weight.value} of weights"
        yield ("potential_bits",), f"a potential must hold at least one weight, found {widths}"
    if chip.group_size is not None and chip.synchronized:
        yield ("group_size",), f"a {chip.synchronization.kind} chip has none; its synchronization decides what waits"


def _network_mistakes(chip: Chip) -> Iterator[Mistake]:
    network = chip.mesh
    for part, given in (("energies", chip.energies.given), ("times", chip.times.given)):
        if "hop" in given and network is None:
            yield (part, "hop"), "needs network_on_chip to say how many hops there are"
        if "hop_vertical" in given and "hop" not in given:
            yield (part, "hop_vertical"), f"needs {part}.hop"
        if "chip_hop" in given and chip.multi_chip is None:
            yield (part, "chip_hop"), "needs multi_chip, without which nothing leaves the chip"
    if network is not None:
        places = network.rows * network.columns * network.cores_per_tile
        if places < chip.cores.value:
            yield (
                ("network_on_chip",),
                f"has place for {places} cores ({network.rows}×{network.columns} tiles of {network.cores_per_tile}), "
                f"the chip has {chip.cores.value}; leave out rows and columns for as many tiles as the cores need",
            )

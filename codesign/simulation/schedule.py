"""Schedules: which waiting neurons leave when, and when a forward pass ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast, get_args

from codesign.arguments import flag, one_of, real, whole
from codesign.errors import InputError
from codesign.network.topology import NetworkShape
from codesign.simulation.policies import Policy, get_policy, is_registered
from codesign.simulation.service import ServiceModel

ALL_THAT_WAIT = 1 << 30
"""`Schedule.group_limit` of a schedule without a limit: more than any number of neurons and inputs."""
_MOST_CORES = 1 << 24  # core numbers are float32 for policies


Stop = Literal["drained", "on_output", "read_early", "margin", "read_margin"]
MarginCheck = Literal["timestep", "step"]
InputMode = Literal["frame", "queued"]
_OF_MARGIN = ("margin", "read_margin")
OF_STOPS = {"margin": _OF_MARGIN, "margin_check": _OF_MARGIN, "steps_after_output": ("on_output", "read_early")}
"""Parameters of a schedule that matter only under some stops."""


def _of_neurons(name: str, numbers: Sequence[int], most: int = 1 << 31) -> tuple[int, ...]:
    """Integers of at least 0 and below `most`, one for each neuron."""
    if not isinstance(numbers, Iterable):
        raise InputError(f"{name}: must be a list of one number for each neuron, found {numbers!r}")
    if {*map(type, numbers)} == {int} and min(numbers) >= 0 and max(numbers) < most:
        return tuple(numbers)
    return tuple(whole(name, number, most=most) for number in numbers)


@dataclass(frozen=True, kw_only=True, repr=False)
class Schedule:
    """Everything other than the weights that decides which neuron spikes when (paper, Tables 1, 4 and 5).

    Attributes:
        policy: name of a registered scheduling policy, or a `Policy` of your own; a registered one becomes its name.
        group_size: F, the most neurons that one forward step selects; None selects all that wait. `group_limit` is the
            number that engines and chips use.
        stop: `drained` (the paper's "on spiking done"); `on_output`, which ends each pass after its first output spike;
            or `margin`, which ends the sample when its leading output neuron is `margin` spikes ahead of the next,
            counted over all timesteps so far: later timesteps are not run. With `read_early` and `read_margin` the
            answer is read where `on_output` and `margin` would stop, but the run continues until nothing waits, as on a
            chip that cannot drop its queue or end a sample.
        steps_after_output: with `on_output` and `read_early`, forward steps after that of the first output spike until
            the answer is read.
        margin: output spikes by which the leading neuron must be ahead; with a single output, how many it must have.
        margin_check: with `margin`, when it is checked: after each `timestep`, once nothing waits, or after each
            forward `step`, which is then the last of its pass: waiting spikes are dropped.
        input_mode: `frame` gives the first layer the whole frame at once; `queued` lets input spikes wait in the queue.
        prioritize_input: with `queued`, input spikes leave before all others.
        synchronization_threshold: messages that a neuron needs in a timestep before it may fire: one number for all,
            `layer` (the neuron's own fan-in), or one number per neuron. 0 is reached at the start of a pass.
        barrier_messages: whether a neuron that reaches its threshold of messages without firing tells its successors.
        cores: core of each neuron, which core-aware policies see and which splits step records; None puts each layer on
            its own core.
        refractory: whether a neuron that fired is silent for the rest of the forward pass, provided that its
            `NeuronSpec` says so, too; False lets it fire again, in training and evaluation, as a refractory dropout of
            1 does in training.
        input_dropout: probability that an input event (or current) is lost on its way to the chip, independently of
            that of `Regularization`. Lost events cost the chip nothing and are not counted.
        timesteps: run only the first timesteps of each sample, this many; None runs all.
        service: how long a chip takes for each part of a step, for the slices of `cores`
            (`codesign.simulation.recording.slices_of`); gives `delivery` to policies with `uses_service`. Other
            policies ignore it.

    Raises:
        InputError: an attribute, which is named, is unknown or out of range.
    """

    policy: str | Policy = "random"
    group_size: int | None = 8
    stop: Stop = "on_output"
    steps_after_output: int = 1
    margin: int = 3
    margin_check: MarginCheck = "timestep"
    input_mode: InputMode = "frame"
    prioritize_input: bool = False
    synchronization_threshold: int | Literal["layer"] | tuple[int, ...] = 1
    barrier_messages: bool = False
    cores: tuple[int, ...] | None = None
    refractory: bool = True
    input_dropout: float = 0.0
    timesteps: int | None = None
    service: ServiceModel | None = None

    def __post_init__(self) -> None:
        if is_registered(get_policy(self.policy)):
            object.__setattr__(self, "policy", self.policy_name)
        if isinstance(self.group_size, str):
            raise InputError(f"group_size: must be a whole number, or None for all, found {self.group_size!r}")
        numbers = {"steps_after_output": 0, "margin": 1}
        numbers |= {name: 1 for name in ("group_size", "timesteps") if getattr(self, name) is not None}
        for name, least in numbers.items():
            object.__setattr__(self, name, whole(name, getattr(self, name), least=least))
        for name in ("prioritize_input", "barrier_messages", "refractory"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))
        one_of("stop", self.stop, get_args(Stop))
        one_of("margin_check", self.margin_check, get_args(MarginCheck))
        one_of("input_mode", self.input_mode, get_args(InputMode))
        if self.stop == "read_margin" and self.margin_check == "step":
            raise InputError("margin_check: must be 'timestep' with stop 'read_margin', under which all passes drain")
        object.__setattr__(self, "input_dropout", real("input_dropout", self.input_dropout, most=1.0))
        name, threshold = "synchronization_threshold", cast(Any, self.synchronization_threshold)
        if isinstance(threshold, tuple | list) or getattr(threshold, "ndim", False):
            object.__setattr__(self, name, _of_neurons(name, threshold))
        elif threshold != "layer":
            object.__setattr__(self, name, whole(name, threshold))
        if self.cores is not None:
            object.__setattr__(self, "cores", _of_neurons("cores", self.cores, _MOST_CORES))
        if self.prioritize_input and self.input_mode == "frame":
            raise InputError("prioritize_input: needs input_mode 'queued'; in mode 'frame' no input waits")

    def __repr__(self) -> str:
        """Policy, group size, stop, and the beginning of everything that is not the default."""
        values = ((field, getattr(self, field.name)) for field in fields(self))
        always = ("policy", "group_size", "stop")
        told = [f"{of.name}={one!r:.80}" for of, one in values if of.name in always or one != of.default]
        return f"Schedule({', '.join(told)})"

    @property
    def policy_name(self) -> str:
        return self.policy if isinstance(self.policy, str) else self.policy.name

    @property
    def group_limit(self) -> int:
        """F as a number, `ALL_THAT_WAIT` if there is no limit: the only place that interprets None."""
        return ALL_THAT_WAIT if self.group_size is None else min(self.group_size, ALL_THAT_WAIT)

    @property
    def synchronized(self) -> bool:
        """Whether neurons wait for messages before they may fire."""
        threshold = self.synchronization_threshold
        if isinstance(threshold, int):
            return threshold > 1
        return threshold == "layer" or any(number > 1 for number in threshold)

    def inference(self, *, layered: bool) -> str:
        """The kind of inference in the columns of results, given whether it is layered."""
        return "layered" if layered else "gated" if self.synchronized else "asynchronous"

    @property
    def waits(self) -> bool:
        """Whether neurons wait: for messages, or for all others of their layer. A group of F neurons does not wait,
        even if it happens to hold a whole layer."""
        return self.synchronized or self.group_size is None

    def core_count(self, layers: int) -> int:
        """Number of cores that policies see in a network of `layers` layers: all numbers up to the highest in use."""
        return layers if self.cores is None else max(self.cores) + 1

    @property
    def goes_on(self) -> bool:
        """Whether the answer is read early while the run continues until nothing waits."""
        return self.stop in ("read_early", "read_margin")

    @property
    def columns(self) -> dict[str, Any]:
        """What results and model cards say of it, by column; None for what does not matter under its stop."""
        names = ("group_size", "stop", "steps_after_output", "margin", "margin_check", "input_mode")
        told = {name: getattr(self, name) if self.stop in OF_STOPS.get(name, (self.stop,)) else None for name in names}
        return told | {"stop": {"read_early": "on_output", "read_margin": "margin"}.get(self.stop, self.stop)}

    def drained(self) -> Schedule:
        """The same schedule run until nothing waits, as in training."""
        return replace(self, stop="drained")

    def equivalent_to_layered(self, shape: NetworkShape) -> bool:
        """Whether spikes provably equal those of layered inference, whatever the weights and the policy.

        This holds in input mode `frame` if a whole layer fits in one group (with connections within a pass, all layers
        that may wait at once) and no neuron waits for messages, and under `layer` thresholds with barrier messages,
        unless a direct connection may arrive too late. Potentials that saturate, and neurons that fire without synapses
        from the layer before, are not considered. The schedule is taken to run until nothing waits. Refractoriness is
        irrelevant: no neuron is evaluated again after it fired, except over connections within a pass, which need it.

        Args:
            shape: shape of the network.
        """
        if self.input_mode != "frame":
            return False
        layer_gated = self.synchronization_threshold == "layer" and self.barrier_messages and shape.gates_suffice
        # with barrier messages a threshold of 1 is a gate, too: closed if the layer before has no synapse
        gated = self.synchronized or self.barrier_messages
        return layer_gated or (self.group_limit >= shape.widest and not gated)


LAYERED = Schedule(policy="fifo", group_size=None, stop="drained")
"""Layered inference: every group holds a whole layer, and the pass ends when nothing waits."""


@dataclass(frozen=True, kw_only=True)
class Regularization:
    """Randomness in training, off in evaluation (paper, section 3.2.2 and Table 4).

    Attributes:
        input_dropout: probability that one input event is lost.
        network_dropout: probability that one chosen spike is lost; it still counts as a message.
        refractory_dropout: probability that a spike leaves its neuron free to fire again in the same forward pass.
        momentum_noise: λ of the noise that `momentum` adds to potentials.
    """

    input_dropout: float = 0.0
    network_dropout: float = 0.0
    refractory_dropout: float = 0.0
    momentum_noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("input_dropout", "network_dropout", "refractory_dropout"):
            real(name, getattr(self, name), most=1.0)
        real("momentum_noise", self.momentum_noise)


def check_returns(shape: NetworkShape, *, fires_once: bool) -> None:
    """Raises InputError if neurons that may fire again in a pass receive spikes of their own or a later layer in it."""
    if shape.returns_within_pass and not fires_once:
        raise InputError("connections within a pass need refractory neurons, which fire once in a pass")

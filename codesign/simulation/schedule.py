"""How a forward pass is executed: which waiting neurons leave when, and when the pass ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from codesign.errors import InputError
from codesign.simulation.service import ServiceModel

__all__ = ["LAYERED", "Regularization", "Schedule"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Everything outside the weights that decides which neuron spikes when (paper, Tables 1, 4 and 5).

    Attributes:
        policy: name of a registered scheduling policy.
        group_size: F, the most neurons that one forward step selects; None selects all that wait.
        stop: `drained` (the paper's "on spiking done") or `on_output`.
        steps_after_output: with `on_output`, forward steps still run after the step of the first output spike.
        input_mode: `frame` gives the first layer the whole frame at once; `queued` lets input spikes wait in the queue.
        prioritize_input: with `queued`, input spikes leave before all others.
        synchronization_threshold: messages that a neuron needs in a timestep before it may fire: one number for all,
            `layer` (the neuron's own fan-in), or one number a neuron.
        barrier_messages: whether a neuron that completes its threshold without firing says so to its successors.
        cores: core of each neuron, which core-aware policies see and step records are split by; None puts every layer
            on a core of its own.
        refractory: whether a neuron that fired is silent for the rest of the forward pass, if its `NeuronSpec` says so
            too; False lets it fire again, in training and evaluation, as a refractory dropout of 1 does in training.
        service: how long a chip takes for what a step does, from which policies with `uses_service` get `delivery`; of
            the slices of `cores` (`codesign.simulation.recording.slices_of`). Other policies ignore it.
    """

    policy: str = "random"
    group_size: int | None = 8
    stop: Literal["drained", "on_output"] = "on_output"
    steps_after_output: int = 1
    input_mode: Literal["frame", "queued"] = "frame"
    prioritize_input: bool = False
    synchronization_threshold: int | Literal["layer"] | tuple[int, ...] = 1
    barrier_messages: bool = False
    cores: tuple[int, ...] | None = None
    refractory: bool = True
    service: ServiceModel | None = None

    def __post_init__(self) -> None:
        if self.group_size is not None and self.group_size < 1:
            raise InputError(f"group_size: must be at least 1, found {self.group_size}")
        if self.stop not in ("drained", "on_output"):
            raise InputError(f"stop: must be 'drained' or 'on_output', found {self.stop!r}")
        if self.input_mode not in ("frame", "queued"):
            raise InputError(f"input_mode: must be 'frame' or 'queued', found {self.input_mode!r}")
        if self.steps_after_output < 0:
            raise InputError(f"steps_after_output: must be at least 0, found {self.steps_after_output}")
        threshold = self.synchronization_threshold
        if isinstance(threshold, str) and threshold != "layer":
            raise InputError(f"synchronization_threshold: must be numbers or 'layer', found {threshold!r}")
        numbers = (threshold,) if isinstance(threshold, int) else threshold if isinstance(threshold, tuple) else ()
        if any(number < 0 for number in numbers):
            raise InputError("synchronization_threshold: must be at least 0")
        if self.prioritize_input and self.input_mode == "frame":
            raise InputError("prioritize_input: needs input_mode 'queued'; in mode 'frame' no input waits")

    @property
    def synchronized(self) -> bool:
        """Whether neurons wait for messages before they may fire."""
        threshold = self.synchronization_threshold
        if isinstance(threshold, int):
            return threshold > 1
        return threshold == "layer" or any(number > 1 for number in threshold)

    def core_count(self, layers: int) -> int:
        """How many cores policies see, in a network of so many layers: numbers up to the highest in use count."""
        return layers if self.cores is None else max(self.cores) + 1

    def drained(self) -> Schedule:
        """The same schedule run until nothing waits, as in training."""
        return replace(self, stop="drained")

    def equivalent_to_layered(self, layer_sizes: tuple[int, ...]) -> bool:
        """Whether spikes provably equal those of layered inference, whatever the weights and the policy.

        That is so in input mode `frame` when a whole layer fits in one group, or under `layer` thresholds with barrier
        messages; always read for a schedule that runs until nothing waits. Refractoriness has no part in it: under such
        a schedule no neuron is evaluated again after it fired, so that none can fire twice in a pass.

        Args:
            layer_sizes: neurons of each layer, first hidden layer to output layer.
        """
        if self.input_mode != "frame":
            return False
        layer_gated = self.synchronization_threshold == "layer" and self.barrier_messages
        whole_layer = self.group_size is None or self.group_size >= max(layer_sizes)
        return layer_gated or (whole_layer and not self.synchronized)


LAYERED = Schedule(policy="fifo", group_size=None, stop="drained")
"""Layered inference: every group holds a whole layer, and the pass ends when nothing waits."""


@dataclass(frozen=True, kw_only=True)
class Regularization:
    """What is random in training and off in evaluation (paper, section 3.2.2 and Table 4).

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
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"{name}: must be a probability between 0 and 1, found {value}")
        if not self.momentum_noise >= 0:
            raise InputError(f"momentum_noise: must be at least 0, found {self.momentum_noise}")

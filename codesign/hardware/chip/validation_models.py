"""How a published measurement is recomputed from a chip's numbers: the `model:` of a `validation:` entry.

A model states the workload as counts and steps, never a result. `codesign.hardware.validation.validation` prices it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from codesign.documents import Spec
from codesign.hardware.terms import Operation
from codesign.mistakes import problem
from codesign.units import Positive, Real, Time, Written, is_number

Amount = Annotated[Real, Field(ge=0, le=1e18)]


def _ends(value: Any) -> Any:
    """A count as (low, high); one number stands for both."""
    ends = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(ends) != 2 or not all(map(is_number, ends)) or ends[0] > ends[1]:
        raise problem(f"must be a number of events, or a list [low, high], found {value!r}")
    return ends


Ends = Annotated[tuple[Amount, Amount], BeforeValidator(_ends)]
_NONE = (0.0, 0.0)


class Events(Spec):
    """How often each action happened, counted as in `codesign.hardware.cost.action_counts`; a list [low, high] if
    published as a range."""

    synaptic_operation: Ends = _NONE
    neuron_access: Ends = _NONE
    neuron_update: Ends = _NONE
    spike: Ends = _NONE
    message: Ends = _NONE
    hop: Ends = _NONE
    hop_vertical: Ends = _NONE
    chip_hop: Ends = _NONE
    barrier_message: Ends = _NONE


class CoreWork(Spec):
    """Work of the busiest core in one step.

    Attributes:
        messages: messages received.
        synapses: synapses of one message on that core; lanes work within one message.
        accesses, updates, spikes, outputs: neurons visited and updated, spikes generated, messages sent.
    """

    messages: Amount = 0.0
    synapses: Amount = 0.0
    accesses: Amount = 0.0
    updates: Amount = 0.0
    spikes: Amount = 0.0
    outputs: Amount = 0.0


class _Workload(Spec):
    """The common part of both kinds.

    Attributes:
        events: counts of the whole run.
        duration: how long static power was drawn, in seconds.
        cores, chips: cores and chips that the network used; by default all cores of one chip.
        operation: operation of the run; needed if the chip's energy is all-in.
        overrides: numbers of the chip that differed in this run, given as in the axes of a sweep.
        fitted: names of numbers (of the chip, of `overrides`, or `outside`) that come from this very measurement.
        fitted_on: to what other numbers were fitted, in words.
        bound: `lower` or `upper` if the workload is only partly known, so that the model gives only a bound.
        not_modelled: what the model leaves out, in words.
    """

    events: Events = Events()
    duration: Time | None = None
    cores: Positive | None = None
    chips: Positive = 1
    operation: Operation | None = None
    overrides: Annotated[dict[str, Written], Field(default_factory=dict)]
    fitted: tuple[str, ...] = ()
    fitted_on: str = ""
    bound: Literal["lower", "upper"] | None = None
    not_modelled: str = ""


class Counts(_Workload):
    """Energy and mean power of given events. Without a `duration`, nothing drawn over time is charged, and power is
    unknown. Events per second are events with a duration of 1 s."""

    kind: Literal["counts"]


class Steps(_Workload):
    """Latency of equal steps: ticks of a timer, steps between barriers, or cores that one event passes one after
    another.

    Energy and power follow from `events` and static power over `duration`, by default over the latency.

    Attributes:
        steps: number of steps.
        work: work of the busiest core in each step.
        outside: time spent outside the chip's model, such as in a filter after the network.
    """

    kind: Literal["steps"]
    steps: Annotated[Positive, Field(le=1_000_000)]
    work: CoreWork = CoreWork()
    outside: Time = 0.0


class NotRecomputed(Spec):
    """A measurement that cannot be recomputed, and the reason."""

    kind: Literal["none"]
    reason: Annotated[str, Field(min_length=1)]


Recomputation = Annotated[Counts | Steps | NotRecomputed, Field(discriminator="kind")]

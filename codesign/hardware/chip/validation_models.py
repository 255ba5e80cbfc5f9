"""How a published measurement is recomputed from a chip's numbers: the `model:` of a `validation:` entry.

A model states the workload as counts and steps, never a result. `codesign.hardware.validation.validation` prices it,
and `chips/template.yaml` says what each field means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from codesign.documents import Spec
from codesign.hardware.terms import ACTIONS, Operation
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

if TYPE_CHECKING:
    Events = Spec
else:
    _COUNTED = {action.count: (Ends, (0.0, 0.0)) for action in ACTIONS if action.count != "on_s"}
    Events = create_model("Events", __base__=Spec, __module__=__name__, **_COUNTED)
"""How often each action happened, counted as in `codesign.hardware.cost.action_counts`; a list [low, high] if published
as a range."""


class CoreWork(Spec):
    """Work of the busiest core in one step; lanes work within one message."""

    messages: Amount = 0.0
    synapses: Amount = 0.0
    accesses: Amount = 0.0
    updates: Amount = 0.0
    spikes: Amount = 0.0
    outputs: Amount = 0.0


class _Workload(Spec):
    """The common part of both kinds. `overrides` are given as in the axes of a sweep; `fitted` names numbers of the
    chip, of `overrides`, or `outside`."""

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

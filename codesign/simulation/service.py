"""How long a chip takes to serve the work of a forward pass: the times behind the policy argument `delivery`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from codesign.arguments import real, whole
from codesign.errors import InputError
from codesign.simulation.execution import Slice


@dataclass(frozen=True, kw_only=True)
class ServiceModel:
    """Service times of S slices on servers, one per core: a replay of messages during the simulation. docs/design.md
    (Timed scheduling) has its equations. Times are seconds in float64; a policy sees float32.

    Attributes:
        message_s: (S,) time to serve one message at a slice.
        lanes: neurons evaluated together in `update_s`; None for all of a slice.
        update_s: time of one evaluation of up to `lanes` neurons.
        spike_s: time of one emitted spike.
        output_s: (S,) time that the sender needs for one emitted spike's messages to all destination cores; 0 for
            output neurons.
        route_s: (S + 1, S) travel time of a message from a source (0 for the input, 1 + slice) to a slice; only routes
            to slices of the source's next layer matter.

    Raises:
        InputError: lengths do not match, or a number is negative or not finite.
    """

    message_s: tuple[float, ...]
    lanes: int | None
    update_s: float
    spike_s: float
    output_s: tuple[float, ...]
    route_s: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        slices = len(self.message_s)
        if len(self.output_s) != slices or [len(row) for row in self.route_s] != [slices] * (slices + 1):
            raise InputError(f"service: must have {slices} output_s and {slices + 1} rows of {slices} route_s")
        if self.lanes is not None:
            whole("service lanes", self.lanes, least=1)
        for time in chain(self.message_s, (self.update_s, self.spike_s), self.output_s, *self.route_s):
            real("service times", time)

    @property
    def emission_s(self) -> tuple[float, ...]:
        """(S,) time of one emitted spike and its messages."""
        return tuple(self.spike_s + output for output in self.output_s)


def longest_routes(service: ServiceModel, slices: tuple[Slice, ...]) -> tuple[float, ...]:
    """(S,) longest route from each slice to a slice of the next layer; 0 for output neurons."""
    return tuple(
        max((time for time, to in zip(routes, slices, strict=True) if to.layer == source.layer + 1), default=0.0)
        for source, routes in zip(slices, service.route_s[1:], strict=True)
    )

"""What a scheduling policy is: a priority. The F waiting neurons of highest priority leave in a forward step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

from codesign.deferred import torch
from codesign.errors import InputError

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


class Waiting(NamedTuple):
    """What a policy sees of neurons and inputs that wait: float32 tensors that broadcast, or numbers when compiled.

    Attributes:
        potential: potential on exceeding the threshold; 0 for an input.
        enqueue_step: forward step in which it began to wait; 0 for an input.
        layer: 0 is the input.
        core: 0 for an input.
        index: number of the neuron; negative for inputs.
        step: current forward step.
        uniform: in [0, 1), drawn afresh for each and in each step; 0 unless the policy says `uses_uniform` or there is
            noise.
        noise: λ of the schedule's noise, 0 in evaluation.
        delivery: seconds from the start of the pass until its message is at its last destination core; 0 for an input,
            and for policies without `uses_service`.
        cores: how many cores there are, counted up to the last with a neuron.
        score: what the policy's `score` gives the neuron; 0 for an input, and for policies without one.
    """

    potential: Any
    enqueue_step: Any
    layer: Any
    core: Any
    index: Any
    step: Any
    uniform: Any
    noise: Any
    delivery: Any
    cores: Any
    score: Any


_FLAGS = {"uniform": "uses_uniform", "core": "uses_cores", "cores": "uses_cores", "delivery": "uses_service"}
"""What a policy must say that it looks at."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A scheduling policy, and what it looks at.

    Attributes:
        name: what schedules call it, if it is registered.
        priority: of what waits, higher leaves first, ties by index, lowest first: branch-free scalar arithmetic that
            runs unchanged on torch tensors and under a compiler.
        version: raised when `priority` or `score` changes; stored results of other versions are not used.
        uses_uniform: whether `uniform` matters, so that evaluation seeds do.
        uses_cores: whether `core` or `cores` matters, so that the mapping changes spikes.
        uses_service: whether `delivery` matters; schedules of such a policy need a `service`, and the mapping and the
            chip's times change spikes.
        score: gives each neuron of a network, with the weights that it runs with, a number that `priority` sees as
            `score`: (N,) finite numbers, a tensor or what becomes one. Called once a run; any code is allowed.

    Raises:
        InputError: it has no name, its priority or score is not a function of one argument, or its priority looks at
            what it does not say.
    """

    name: str
    priority: Callable[[Waiting], Any]
    version: int = 1
    uses_uniform: bool = False
    uses_cores: bool = False
    uses_service: bool = False
    score: Callable[[SpikingNetwork], Any] | None = field(default=None, hash=False)  # may have no hash

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"name: a scheduling policy must have one, found {self.name!r}")
        functions: dict[str, tuple[Any, str]] = {"priority": (self.priority, "Waiting")}
        if self.score is not None:
            functions["score"] = self.score, "SpikingNetwork"
        for name, (function, argument) in functions.items():
            try:
                signature(function).bind(argument)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"policy '{self.name}': {name} must be a function of one argument, a `{argument}`: {error}"
                ) from error
        for part in self._names:
            drawn_for_noise = part == "uniform" and self.uses_noise
            if part in _FLAGS and not drawn_for_noise and not getattr(self, _FLAGS[part]):
                raise InputError(
                    f"policy '{self.name}': its priority looks at `{part}`, so it needs {_FLAGS[part]}=True"
                )

    @property
    def _names(self) -> tuple[str, ...]:
        """What the priority names, fields of `Waiting` among it; nothing where it is not written in Python."""
        return getattr(getattr(self.priority, "__code__", None), "co_names", ())

    @property
    def uses_noise(self) -> bool:
        """Whether the priority looks at `noise`, so that a recipe's momentum noise matters."""
        return "noise" in self._names

    def scores(self, network: SpikingNetwork) -> torch.Tensor:
        """(N,) float32 score of each neuron, on the CPU; 0 without `score`.

        Raises:
            InputError: it does not give one finite number for each neuron.
        """
        neurons = network.shape.neurons
        if self.score is None:
            return torch.zeros(neurons, dtype=torch.float32)
        with torch.no_grad():
            given = self.score(network)
        expected = f"scheduling policy '{self.name}': its score must be a finite number for each of {neurons} neurons"
        try:
            scores = torch.as_tensor(given, dtype=torch.float32, device="cpu")
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{expected}, found what makes no tensor: {error}") from error
        if scores.shape != (neurons,) or not bool(torch.isfinite(scores).all()):
            found = "one that is not finite" if scores.shape == (neurons,) else f"shape {tuple(scores.shape)}"
            raise InputError(f"{expected}, found {found}")
        return scores.detach()

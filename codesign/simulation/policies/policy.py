"""Scheduling policies. A policy is a priority: the F waiting neurons of highest priority leave in a forward step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from codesign.deferred import torch
from codesign.errors import InputError

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


class Waiting(NamedTuple):
    """Waiting neurons and inputs as a policy sees them: float32 tensors that broadcast, or numbers when compiled.

    Attributes:
        potential: potential when the threshold was exceeded; 0 for an input.
        enqueue_step: forward step in which it began to wait; 0 for an input.
        layer: 0 is the input.
        core: 0 for an input.
        index: number of the neuron; negative for inputs.
        step: current forward step.
        uniform: in [0, 1), drawn anew for each neuron and step; 0 unless the policy declares `uses_uniform` or there is
            noise.
        noise: λ of the momentum noise, 0 in evaluation.
        delivery: seconds from the start of the pass until the message reaches its last destination core; 0 for an input
            and for policies without `uses_service`.
        cores: number of cores, up to the last that holds a neuron.
        score: the policy's `score` of the neuron; 0 for an input and for policies without one.
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
"""Fields of `Waiting` that a policy must declare if it reads them, and the flags that declare them."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A scheduling policy, and the inputs that it uses.

    Attributes:
        name: name in schedules, if the policy is registered.
        priority: function of `Waiting`; higher leaves first, ties go to the lowest index. Branch-free scalar arithmetic
            that runs unchanged on torch tensors and when compiled.
        version: raise it when `priority` or `score` changes; stored results of other versions are not used.
        uses_uniform: whether `uniform` matters, and with it the evaluation seed.
        uses_cores: whether `core` or `cores` matters, so that the mapping changes spikes.
        uses_service: whether `delivery` matters; schedules of such a policy need a `service`, and the mapping and the
            chip's times change spikes.
        score: function of a network, with the weights that it runs with, that returns (N,) finite numbers (a tensor or
            anything that converts to one), which `priority` sees as `score`. Called once per run; any code is allowed.

    Raises:
        InputError: the priority reads a field that is not declared.
    """

    name: str
    priority: Callable[[Waiting], Any]
    version: int = 1
    uses_uniform: bool = False
    uses_cores: bool = False
    uses_service: bool = False
    score: Callable[[SpikingNetwork], Any] | None = field(default=None, hash=False)  # may not be hashable

    def __post_init__(self) -> None:
        for part in self._names:
            drawn_for_noise = part == "uniform" and self.uses_noise
            if part in _FLAGS and not drawn_for_noise and not getattr(self, _FLAGS[part]):
                raise InputError(
                    f"policy '{self.name}': its priority looks at `{part}`, so it needs {_FLAGS[part]}=True"
                )

    @property
    def _names(self) -> tuple[str, ...]:
        """Names used in the priority's code, including fields of `Waiting`; empty if it is not written in Python."""
        return getattr(getattr(self.priority, "__code__", None), "co_names", ())

    @property
    def written_at(self) -> str:
        """`FILE:LINE: ` of the priority, for messages; "" if it is not written in Python."""
        code = getattr(self.priority, "__code__", None)
        return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}: "

    @property
    def uses_noise(self) -> bool:
        """Whether the priority reads `noise`, so that a recipe's momentum noise matters."""
        return "noise" in self._names

    def scores(self, network: SpikingNetwork) -> torch.Tensor:
        """(N,) float32 score of each neuron, on the CPU; 0 without `score`.

        Raises:
            InputError: these are not one finite number per neuron.
        """
        neurons = network.shape.neurons
        if self.score is None:
            return torch.zeros(neurons, dtype=torch.float32)
        with torch.no_grad():
            given = self.score(network)
        scores = torch.as_tensor(given, dtype=torch.float32, device="cpu")
        if scores.shape != (neurons,) or not bool(torch.isfinite(scores).all()):
            raise InputError(
                f"scheduling policy '{self.name}': its score must be a finite number for each of {neurons} neurons, "
                f"found shape {tuple(scores.shape)} or numbers that are not finite"
            )
        return scores.detach()

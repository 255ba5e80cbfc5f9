"""How a claim calls its points: by training and inference, and by what else sets them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from codesign.analysis.formatting import UNKNOWN
from codesign.analysis.naming import POLICY_WORDS
from codesign.analysis.points import Point
from codesign.analysis.selecting import value_of

__all__ = ["Saying", "saying_of"]

Saying = Callable[[Point], str]

_APART: Mapping[str, str] = {
    "group_size": "F = {}",
    "training_group_size": "trained with F = {}",
    "stop": "{}",
    "weight_bits": "{} bits",
    "chip": "on {}",
}
_OF_A_RUN = ("group_size", "stop", "weight_bits", "chip")


def saying_of(points: Iterable[Point], *, training: bool = False) -> Saying:
    """A name of each point: `Trained layer by layer, run in random order`, with the facts in which points of that name
    differ.

    Args:
        training: whether training alone is meant: `Trained layer by layer`.
    """

    def base_of(point: Point) -> str:
        trained = f"Trained {_order(point.training_policy if point.training_method == 'unlayered' else None)}"
        return trained if training else f"{trained}, run {_order(None if point.layered else point.policy)}"

    alike: dict[str, list[Point]] = {}
    for point in points:
        alike.setdefault(base_of(point), []).append(point)
    facts = {
        base: [fact for fact in _facts(found) if _differs(found, fact) and not (training and fact in _OF_A_RUN)]
        for base, found in alike.items()
    }

    def say(point: Point) -> str:
        base = base_of(point)
        values = ((fact, value_of(point, fact)) for fact in facts.get(base, ()))
        return ", ".join([base, *(_said(fact, point) for fact, value in values if value is not None)])

    return say


def _order(policy: str | None) -> str:
    """Who leaves first, as a manner; None for layers that wait."""
    if policy is None:
        return "layer by layer"
    words = POLICY_WORDS.get(policy, policy.replace("_", " "))
    return f"in {words}" if words.endswith("order") else words


def _facts(points: list[Point]) -> list[str]:
    axes = [name for name, _ in points[0].axes]
    parameters = [f"training.{name.rpartition('.')[2]}" for name in axes if name.startswith("recipe.")]
    own = [name for name in axes if name.startswith("chip.")]
    return [*_APART, *dict.fromkeys(name for name in parameters if name != "training.group_size"), *own]


def _differs(points: list[Point], fact: str) -> bool:
    return len({value_of(point, fact) for point in points}) > 1


def _said(fact: str, point: Point) -> str:
    value = value_of(point, fact)
    if fact == "stop":
        return point.stop_label
    if fact in _APART:
        return _APART[fact].format(value)
    written = f"{value:.4g}" if isinstance(value, float) else str(value or UNKNOWN)
    return f"{fact.rpartition('.')[2].replace('_', ' ')} {written}"

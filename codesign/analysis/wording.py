"""How a comparison is said: its points by training and inference and what else sets them apart, and its difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from codesign.analysis.columns import BASELINE, TRIAL_AXIS
from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import UNKNOWN, number, points_with_interval, quantity
from codesign.analysis.measures import like
from codesign.analysis.naming import POLICY_WORDS
from codesign.analysis.points import Point
from codesign.analysis.selecting import value_of

__all__ = ["Saying", "gain_in_words", "saying_of"]

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
        trial = dict(point.axes).get(TRIAL_AXIS)
        if trial is not None:
            return "The baseline" if trial == BASELINE else f"Trial {trial}"
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


def gain_in_words(comparison: Comparison) -> str:
    """The difference with its interval over training seeds: `32.4 ± 0.9 points`, `1.2 µJ ± 0.1 µJ`."""
    column, gain = like(comparison.column), comparison.gain
    assert gain.mean is not None, "compare_series() makes no comparison without a difference"
    if column.endswith("accuracy"):
        return f"{points_with_interval(gain)} points"
    unit_less = quantity(1.0, column) == number(1.0)
    write: Callable[[float], str] = number if unit_less else lambda value: quantity(value, column)
    spread = "" if gain.half_width is None else f" ± {write(gain.half_width)}"
    return f"{write(gain.mean)}{spread}".replace("-", "−")


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

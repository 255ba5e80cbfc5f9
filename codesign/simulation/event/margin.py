"""Ending a sample when its leading output is ahead of the next by the margin."""

from __future__ import annotations

from typing import Any

from codesign.simulation.event.compilation import leaf


@leaf
def is_ahead(rules: Any, fired: Any) -> Any:
    """Whether the leading output neuron is ahead of the next by the margin, over all passes so far."""
    leading = following = 0
    for output in range(len(fired.outputs)):
        spikes = fired.before[output] + fired.outputs[output]
        following = max(following, min(spikes, leading))
        leading = max(leading, spikes)
    return leading - following >= rules.margin


@leaf
def ends_sample(rules: Any, fired: Any) -> Any:
    """Whether the pass that has just ended is the last of the sample."""
    if rules.margin == 0:
        return False
    ahead = is_ahead(rules, fired)
    for output in range(len(fired.outputs)):
        fired.before[output] += fired.outputs[output]
    return ahead

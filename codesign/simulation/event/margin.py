"""When a sample ends: its leading output is the margin ahead of the next."""

from __future__ import annotations

from typing import Any

from codesign.simulation.event.compilation import leaf


@leaf
def is_ahead(rules: Any, fired: Any) -> Any:
    """Whether the leading output neuron is the margin ahead of the next, in all passes so far."""
    leading = following = 0
    for output in range(len(fired.outputs)):
        spikes = fired.before[output] + fired.outputs[output]
        following = max(following, min(spikes, leading))
        leading = max(leading, spikes)
    return leading - following >= rules.margin


@leaf
def ends_sample(rules: Any, fired: Any) -> Any:
    """Whether the pass that has just ended is the sample's last."""
    if rules.margin == 0:
        return False
    ahead = is_ahead(rules, fired)
    for output in range(len(fired.outputs)):
        fired.before[output] += fired.outputs[output]
    return ahead

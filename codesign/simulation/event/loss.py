"""A sample's contribution to the loss and its derivative: `codesign.simulation.loss`, compiled for one sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf


@leaf
def cross_entropy(scores: Any, sample: Any, label: Any, learning: Any) -> None:
    """Write the sample's cross-entropy, the mean over readings, and its weighted derivative to `learning`."""
    readings, classes = scores.shape[1], scores.shape[2]
    criterion, loss = learning.criterion, 0.0
    each = criterion.label_smoothing / classes  # target of every class; the label gets the rest in addition
    for reading in range(readings):
        highest = np.float64(scores[sample, reading, 0])
        for output in range(classes):
            highest = max(highest, np.float64(scores[sample, reading, output]))
        total = 0.0
        for output in range(classes):
            total += math.exp((np.float64(scores[sample, reading, output]) - highest) / criterion.temperature)
        for output in range(classes):
            logit = (np.float64(scores[sample, reading, output]) - highest) / criterion.temperature
            target = each + (1 - criterion.label_smoothing if output == label else 0.0)
            share = math.exp(logit) / total
            slope = criterion.weight / readings / criterion.temperature
            learning.output_gradient[sample, reading, output] = slope * (share - target)
            loss += target * (math.log(total) - logit)
    learning.losses[sample] = loss / readings


@leaf
def cost_gradient(charges: Any, sample: Any, learning: Any) -> None:
    """Write the gradient of each layer's charge: 0 up to the layer's floor."""
    criterion = learning.criterion
    for layer in range(charges.shape[1]):
        costs = charges[sample, layer] > criterion.floors[layer]
        slope = criterion.weight * criterion.multipliers[layer] if costs else 0.0
        learning.charge_gradient[sample, layer] = slope

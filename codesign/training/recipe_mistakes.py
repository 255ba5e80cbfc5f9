"""What of a recipe does not go with the network and the data that it is to train."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

from codesign.errors import InputError
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import NetworkShape
from codesign.simulation.loss import check_loss
from codesign.simulation.schedule import check_returns
from codesign.training.losses import make_loss
from codesign.training.recipe import Recipe
from codesign.workload.dataset import WorkloadOutline
from codesign.workload.events import EventBatch


def recipe_mistakes(
    recipe: Recipe, neuron: NeuronSpec, shape: NetworkShape, inputs: EventBatch | WorkloadOutline, *, longest_s: float
) -> Iterator[tuple[str, str]]:
    """Parameters that a network with these neurons cannot be trained with on inputs of this form, and why; `longest_s`
    is the longest of its time constants."""
    grid, timestep_s = inputs.grid if isinstance(inputs, EventBatch) else inputs.input_grid, inputs.timestep_s
    hidden, learn, calibration = len(shape.layers) - 1, recipe.learn, recipe.calibration
    if isinstance(recipe.spike_cost, tuple) and len(recipe.spike_cost) != hidden:
        rule = f"must be one number, or one for each of {hidden} hidden layers, not {len(recipe.spike_cost)}"
        yield "spike_cost", rule
    if recipe.budget is not None and not hidden:
        yield "budget", "needs hidden neurons, whose spikes it saves, and the network has none"
    if recipe.input_gate and any(skip.source < 0 for skip in shape.direct):  # the gate learns from other weights
        yield "input_gate", "cannot be learned where skips begin at the input"
    if learn is not None and learn.time_constant is not None and (math.isinf(longest_s) or timestep_s == 0):
        yield "learn", "an infinite time constant cannot be trained, nor one on a static input, whose timestep is 0 s"
    if neuron.readout == "potential" and recipe.validation_margin is not None:
        yield "validation_margin", "needs output spikes; readout 'potential' has none"
    if neuron.readout == "potential" and calibration is not None and calibration.stop != "drained":
        yield "calibration", "must stop when 'drained' with readout 'potential', which has no output spikes"
    yield from _told("loss", partial(check_loss, make_loss(recipe.loss), neuron, inputs.timesteps))
    if recipe.augmentation is not None:
        yield from _told("augmentation", partial(recipe.augmentation.check, grid, timestep_s, currents=inputs.currents))
    if neuron.refractory:
        once = {
            "refractory": all(schedule.refractory for schedule in recipe.schedules),
            "refractory_dropout": recipe.regularization.refractory_dropout < 1,
            "calibration": calibration is None or calibration.refractory,
        }
        for name, fires_once in once.items():
            yield from _told(name, partial(check_returns, shape, fires_once=fires_once))


def _told(name: str, check: Callable[[], None]) -> Iterator[tuple[str, str]]:
    try:
        check()
    except InputError as error:
        yield name, str(error).removeprefix(f"{name}: ").removeprefix(f"{name}.")

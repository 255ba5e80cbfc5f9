"""Checks of a training's arguments, before it starts, for everything that would make it fail later."""

from __future__ import annotations

from codesign.arguments import instance, whole
from codesign.errors import InputError
from codesign.network.quantization import Quantization
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import check_labels
from codesign.training.hooks import Hooks
from codesign.training.recipe import Recipe
from codesign.training.recipe_mistakes import recipe_mistakes
from codesign.workload.events import EventBatch


def check_training(network: SpikingNetwork, recipe: Recipe, *splits: EventBatch, seed: int, hooks: Hooks) -> None:
    """Raises InputError if the arguments of `train`, with two splits, for training and validation, are not valid."""
    instance("recipe", recipe, Recipe)
    if recipe.model is not None:
        raise InputError("recipe: takes its `model` as it is; `cd.load_model` reads it, to train with another recipe")
    for name, split in zip(("training", "validation"), splits, strict=True):
        check_labels(network, split, name)
    if not all(len(split) for split in splits):
        raise InputError("training and validation splits must not be empty")
    longest_s = float(network.time_constant.detach().max())
    for name, message in recipe_mistakes(recipe, network.neuron, network.shape, splits[0], longest_s=longest_s):
        raise InputError(f"{name}: {message}")
    whole("seed", seed, most=1 << 63)
    if recipe.warm_up and hooks.learning_rate_schedule is not None:
        raise InputError("hooks.learning_rate_schedule: must warm up by itself; set the recipe's warm_up to 0")
    network.own_weights()


def quantization_of(recipe: Recipe, quantization: Quantization | None) -> Quantization | None:
    """The quantization of a training. Raises InputError if the recipe's differs from the given one."""
    if recipe.quantization != "chip":
        if quantization not in (None, recipe.quantization):
            raise InputError("quantization: must be the recipe's, unless that is 'chip'")
        return recipe.quantization
    if quantization is None:
        raise InputError("quantization: must be given where the recipe's is 'chip'; `cd.chip_quantization` makes it")
    return quantization

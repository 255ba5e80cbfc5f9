"""Mistakes in a sweep file: all at once, each at its line."""

from __future__ import annotations

import pytest
from tiny_sweeps import LAYERED, TINY, problems, tiny


@pytest.mark.parametrize(
    ("key", "meant"),
    [("seed: 3", "'seeds' or 'workload.seed'?"), ("timestep: 1 ms", "'workload.timestep'?"), ("see: 3", "'seeds'?")],
)
def test_a_key_of_another_place_is_suggested_beside_one_that_is_all_but_the_same(key: str, meant: str):
    (mistake,) = problems(TINY + key + "\n")
    assert f"unknown key '{key.partition(':')[0]}'; did you mean {meant}" in mistake[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"12-8"', "[64x3]", 'network.hidden: must be text in quotes, such as "[64x3]" or "64-32", found a list'),
        # names that lead nowhere
        ("name: digits", "name: digitz", "workload.name: unknown dataset 'digitz'; did you mean 'digits'?"),
        ("preset: nmnist", "preset: nmnisst", "preset: unknown preset 'nmnisst'; did you mean 'nmnist'?"),
        ("{method: layered}", "{method: layered, speed: 3}", "unknown key 'recipes.layered.speed'"),
        ("[layered, as", "[layred, as", "chips.mubrain.schedules.0: unknown schedule 'layred'; did you mean 'layered'"),
        ("{capacity: scaled", "{vector_wdth: 3", "chips.mubrain.vector_wdth: unknown key; did you mean 'vector_w"),
        ("truenorth: {}", "lohi: {}", "chips.lohi: unknown chip 'lohi'; did you mean 'loihi'?"),
        ("policy: random", "policy: randum", "schedules.asynchronous.policy: unknown scheduling policy 'randum'"),
        (
            "seeds:",
            "objectives: [{column: acuracy}]\nseeds:",
            "objectives.0.column: unknown numeric column 'acuracy'; did",
        ),
        (
            "seeds:",
            "objectives: [{column: energy_j}, {column: energy_j, direction: maximize}]\nseeds:",
            "objectives.1.column: 'energy_j' is an objective already; keep one",
        ),
        (
            LAYERED,
            "  layered: {method: layered, calibration: {criterion: loss}}",
            "recipes.layered.calibration.criterion",
        ),
        (
            *(LAYERED, "  mix: {method: unlayered, mixture: [{policy: randum, group_size: 2}, {method: layered}]}"),
            "recipes.mix.mixture.0.policy: unknown scheduling policy 'randum'; did you mean",
        ),
        (
            *(LAYERED, "  timed: {method: unlayered, policy: timed, chip: mubrain_fited}"),
            "recipes.timed.chip: unknown chip 'mubrain_fited'; did you mean 'mubrain'?",
        ),
        (
            *(LAYERED, "  timed: {method: unlayered, policy: timed}"),
            "recipes.timed: policy 'timed' looks at a chip's service times: name one of the sweep's chips in 'chip'",
        ),
        (
            *(LAYERED, "  layered: {method: layered, calibration: {policy: timed}}"),
            "recipes.layered.calibration.policy: policy 'timed' looks at a chip's service times, and this is for no",
        ),
        ("truenorth: {}", "mine: {extends: lohi}", "chips.mine.extends: unknown chip 'lohi'; did you mean 'loihi'?"),
        # values of another form, even beside axes on the network
        ('"12-8"', '"12x8"', "network.hidden: hidden layers '12x8' are not of the form"),
        ("group_size: 4", "group_size: 0", "schedules.asynchronous.group_size: must be greater than 0"),
        ("epochs: 1", "epochs: 0", "recipe_defaults.epochs: must be greater than 0, found 0"),
        ("preset: nmnist", "preset: [nmnist]\naxes: {network.width: [8, 9]}", "preset: must be a text, found a list"),
        # numbers that no network computes with
        ("5.0e-3", "1.0e+300", "recipe_defaults.learning_rate: must be at most 1e+30 in size, found 1e+300"),
        ('"12-8"', '"12-8", neuron: {threshold: 1.0e-50}', "network.neuron.threshold: must be 0 or at least 1e-30 in"),
        (
            "seeds:",
            "objectives: [{column: accuracy, direction: maximize, reference: 32}]\nseeds:",
            "objectives.0.reference: must be a fraction from 0 to 1, or a percentage such as '85 %' up to 100 %, found",
        ),
        # repetitions and absurd sizes
        ("training: [0]", "training: [0, 0]", "seeds.training: seeds must differ, found 0, 0"),
        ("[layered, asynchronous]", "[layered, layered]", "chips.mubrain.schedules: schedules must differ, found"),
        ("group_size: 4}", f"group_size: {10**21}}}", "schedules.asynchronous.group_size: must be less than 214748"),
        ("4}", "4, steps_after_output: 33}", "schedules.asynchronous.steps_after_output: must be less than 33"),
        # options that the dataset does not have
        ("timesteps: 3", "timesteps: 30000", "workload.timesteps: 30000 timesteps of 10 ms last 300 s, but a sample"),
        ("timesteps: 3", "timestep: 1 us", "workload.timestep: must be at least 1 ms, found 1 µs"),
        ("timesteps: 3", "split: speaker", "workload.split: 'speaker' does not exist; allowed: pooled"),
        ("timesteps: 3", "folder: x", "workload.folder: is no option of 'digits'"),
        ("name: digits", "name: mnist, highest_frequency: 9 kHz", "workload.highest_frequency: is no option of"),
    ],
)
def test_what_is_wrong_by_itself_is_told_at_its_line(old, new, message):
    ((line, told),) = problems(TINY.replace(old, new))
    assert (line, told[: len(message)]) == (TINY[: TINY.index(old)].count("\n") + 1, message)


def test_an_objective_without_a_direction_is_accurate_or_small():
    columns = ("accuracy", "energy_j", "agreement")
    found = tiny(("seeds:", f"objectives: [{', '.join(f'{{column: {name}}}' for name in columns)}]\nseeds:")).objectives
    assert [(one.column, one.direction) for one in found] == [
        *zip(columns, ("maximize", "minimize", "maximize"), strict=True)
    ]

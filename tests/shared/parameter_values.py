"""Values of the parameters that a sweep file may give recipes, schedules, chips and neurons, from which tests draw."""

from __future__ import annotations

from typing import Any

from neuron_values import NEURON_VALUES

from codesign.network.neuron import OF_RESETS
from codesign.simulation.schedule import OF_STOPS

VALUES: dict[str, dict[str, list[Any]]] = {
    "recipe": {
        "method": ["layered", "unlayered"],
        "policy": ["fifo", "random", "momentum"],
        "group_size": [9, 2],
        "mixture": [[{"method": "layered"}, {"policy": "random", "group_size": 2}]],
        "input_mode": ["queued"],
        "refractory": [False],
        "idle_gradient": ["spare"],
        "loss": ["timestep", {"name": "timestep", "temperature": 0.25}],
        "quantization": [4, 1, "chip"],
        "epochs": [2],
        "patience": [1],
        "validation_margin": [2],
        "batch_size": [20],
        "learning_rate": [1e-3],
        "warm_up": [3],
        "weight_decay": [0.1],
        "input_dropout": [0.1],
        "network_dropout": [0.1],
        "refractory_dropout": [0.1],
        "momentum_noise": [0.1],
        "spike_cost": [0.1],
        "budget": [{"density": 1.0}],
        "spike_floor": [0.1],
        "cost_ramp": [0.1],
        "augmentation": [{"shift": 1}],
        "input_gate": [True],
        "input_cost": [0.1],
        "learn": [{"threshold": "layer"}],
        "calibration": [{}, {"policy": "random", "group_size": 4}, {"criterion": "matching", "refractory": False}],
    },
    "schedule": {
        "policy": ["fifo", "random", "momentum"],
        "group_size": [5, 1, "all", "layer"],
        "stop": ["drained", "on_output", "margin"],
        "steps_after_output": [2, 0],
        "margin": [4],
        "margin_check": ["step"],
        "input_mode": ["queued"],
        "prioritize_input": [True],
        "timesteps": [2],
        "synchronization_threshold": [2, "layer", "chip"],
        "barrier_messages": [True],
        "refractory": [False],
        "input_dropout": [0.1],
    },
    "chip": {
        "extends": ["loihi"],
        "capacity": ["scaled"],
        "mapping": ["balanced"],
        "cut": ["columns"],
        "spread": [3],
        "operation": ["real_time"],
        "schedules": [["layered"], ["chip", "mine"], ["mine"], ["paper_table5", "mine"]],
        "weight_bits": [2, 4, "none"],
    },
    "neuron": NEURON_VALUES,
}
"""The first value of each is not the default, except those of neurons, for which `another` gives such a value."""
BESIDE: dict[str, dict[str, Any]] = {
    **{name: {"stop": stops[0]} for name, stops in OF_STOPS.items()},
    "prioritize_input": {"input_mode": "queued"},
    "input_cost": {"input_gate": True},
    "momentum_noise": {"policy": "momentum"},
    **{name: {"reset": reset} for name, reset in OF_RESETS.items()},
}
"""What a parameter needs to matter."""

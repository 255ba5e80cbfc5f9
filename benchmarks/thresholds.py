"""Spikes before training and accuracy after it, by threshold and time constant: the table of docs/extending.md.

    python benchmarks/thresholds.py

A network of 512-48-32-10 on `digits`, trained layered for 20 epochs with three seeds: spikes per neuron and sample of
each layer before training; after it, accuracy on test, and spikes per hidden neuron and sample.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch

import codesign as cd

THRESHOLDS = (0.05, 0.2, 0.3, 0.5, 1.0, 2.0)
TIME_CONSTANTS = ("1 ms", "20 ms", "100 ms")
SEEDS = (0, 1, 2)


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", cd.SilentNetworkWarning)  # that is what the table shows
    workload = cd.load_workload(cd.WorkloadSpec(name="digits", timestep="10 ms"))
    recipe = cd.Recipe(method="layered", epochs=20, batch_size=64, learning_rate=3e-3)
    for threshold in THRESHOLDS:
        for time_constant in TIME_CONSTANTS:
            before, accuracies, densities = [], [], []
            for seed in SEEDS:
                neuron = cd.NeuronSpec(threshold=threshold, time_constant=time_constant)
                network = cd.SpikingNetwork("512-48-32-10", neuron, timestep_s=workload.timestep_s, seed=seed)
                untrained = cd.evaluate(network, workload.validation, cd.LAYERED)
                before.append(untrained.emitted.mean(axis=0) / network.shape.layer_sizes)
                cd.train(network, recipe, workload.train, workload.validation, seed=seed, warn=False)
                execution = cd.evaluate(network, workload.test, cd.LAYERED)
                accuracies.append(execution.accuracy)
                densities.append(execution.spike_density)
            spikes = ", ".join(f"{layer:.2f}" for layer in np.mean(before, axis=0))
            each = ", ".join(f"{accuracy:.1%}" for accuracy in accuracies)
            told = f"before {spikes}; after {np.mean(accuracies):.1%} ({each}), density {np.mean(densities):.2f}"
            print(f"threshold {threshold}, {time_constant}: {told}", flush=True)


if __name__ == "__main__":
    main()

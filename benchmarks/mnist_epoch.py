"""Epochs over MNIST seen by the simulated saccade camera, at N-MNIST's shape: unlayered training at F = 8.

    python benchmarks/mnist_epoch.py --data-root DIR [--threads 2] [--epochs 4]

Prints the time of each epoch (55,000 digits of training, 5,000 of validation), accuracies, and that on the 10,000
test digits with the pass stopped on output. One seed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

import codesign as cd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="folder that holds mnist/")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    start = time.perf_counter()
    spec = cd.WorkloadSpec(name="mnist", timestep="10 ms", train=55_000, validation=5_000)
    workload = cd.load_workload(spec, data_root=arguments.data_root)
    events = workload.train.events.mean()
    print(f"loaded in {time.perf_counter() - start:.1f} s, {events:.0f} events a digit", flush=True)
    network = cd.SpikingNetwork(
        cd.parse_topology(f"{workload.train.input_size}-[64x3]-10"),
        cd.NeuronSpec(threshold=0.3, time_constant="1 ms"),
        timestep_s=workload.timestep_s,
    )
    recipe = cd.Recipe(
        method="unlayered",
        policy="random",
        group_size=8,
        epochs=arguments.epochs,
        batch_size=256,
        learning_rate=2e-3,
        input_dropout=0.25,
        weight_decay=1e-5,
    )
    elapsed = 0.0

    def report(epoch: cd.EpochReport) -> None:
        nonlocal elapsed
        print(
            f"epoch {epoch.epoch}: {epoch.elapsed_s - elapsed:.2f} s, training {epoch.training_accuracy:.4f}, "
            f"validation {epoch.validation_accuracy:.4f}, density {epoch.spike_density:.2f}",
            flush=True,
        )
        elapsed = epoch.elapsed_s

    cd.train(network, recipe, workload.train, workload.validation, seed=0, on_epoch=report)
    for policy in ("random", "momentum"):
        schedule = cd.Schedule(policy=policy, group_size=8, stop="on_output")
        execution = cd.evaluate(network, workload.test, schedule)
        print(f"test, {policy}: {execution.accuracy:.4f}, density {execution.spike_density:.2f}")


if __name__ == "__main__":
    main()

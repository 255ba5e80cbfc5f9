"""A network of your own on a chip of your own: trained both ways, run both ways, priced, and kept as files.

    python examples/own_network_on_own_chip.py [FOLDER]

Takes seconds, and half a minute more the first time, when the simulator is compiled. The models go to FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

import codesign as cd
from codesign.units import format_si

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "reports/examples")
SEED = 0

# ---- The data: digits seen by a simulated event camera; nothing is downloaded --------------------------------------

options = cd.WorkloadSpec(name="digits", timestep="10 ms", timesteps=10)
workload = cd.load_workload(options)
classes = workload.classes
print(f"{workload.name}: {len(workload.train)} samples for training, {workload.input_size} inputs, {classes} classes")

# ---- The network, and two ways to train it -------------------------------------------------------------------------

topology = cd.parse_topology(f"{workload.input_size}-[64x3]-{classes}")
neuron = cd.NeuronSpec(threshold=0.3, time_constant="1 ms")
common = {"epochs": 20, "batch_size": 64, "learning_rate": 5e-3, "input_dropout": 0.25, "refractory_dropout": 0.8}
recipes = {
    "layered": cd.Recipe(method="layered", **common),
    "unlayered": cd.Recipe(method="unlayered", policy="random", group_size=8, **common),
}

# ---- The chip: where it puts the network, how it runs it -----------------------------------------------------------

chip = cd.load_chip(Path(__file__).parent / "my_chip.yaml")
placement = cd.place(cd.network_shape(topology), chip, weight_bits="chip")
schedules = {
    "layered": cd.on_chip(cd.LAYERED, placement).schedule,  # which it cannot do: the projection that papers make
    "asynchronous": cd.chip_schedule(placement).schedule,
}
print(
    f"{chip.title}: {placement.cores_used} of {chip.cores.value} cores used, weights of {chip.weight_bits.value} bits"
)

# ---- Train, run with the chip's weights, price, keep ---------------------------------------------------------------

print(f"\n{'trained':10} {'run':13} {'accuracy':>9} {'density':>8} {'energy':>10} {'latency':>10}")
for name, recipe in recipes.items():
    network = cd.SpikingNetwork(topology, neuron, timestep_s=workload.timestep_s, seed=SEED)
    training = cd.train(network, recipe, workload.train, workload.validation, seed=SEED)

    quantized = cd.SpikingNetwork(topology, neuron, timestep_s=workload.timestep_s)
    quantized.load_state_dict(network.state_dict())
    cd.quantize(quantized, cd.chip_quantization(chip))
    evaluations = []
    for how, schedule in schedules.items():
        execution = cd.evaluate(quantized, workload.test, schedule)
        cost = cd.price(execution, placement)
        energy, latency = format_si(cost.energy_j, "J"), format_si(cost.latency_s, "s")
        scores = f"{execution.accuracy:>9.1%} {execution.spike_density:>8.2f}"
        print(f"{name:10} {how:13} {scores} {energy:>10} {latency:>10}")
        bits = chip.weight_bits.value
        evaluations.append(cd.ModelEvaluation.of(execution, schedule, cost, name=how, weight_bits=bits))

    card = cd.describe_model(
        network,
        name=f"{name} example",
        data=(options, workload),
        recipe=recipe,
        training_seed=SEED,
        training=training,
        evaluations=evaluations,
    )
    cd.save_model(FOLDER / f"{name}.safetensors", network, card)

print(f"\nNot modelled: {', '.join(cost.not_modelled) or 'nothing'}")
print(f"Models and their cards are in {FOLDER}")

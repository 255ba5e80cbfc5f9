"""What several chips make of a trained model: accuracy, energy, latency, and what nobody knows.

    python examples/ask_a_chip_about_a_trained_model.py [MODEL [CHIP ...]]

MODEL is a file of examples/own_network_on_own_chip.py, or of `codesign sweep smoke --models`. Takes seconds.
"""

from __future__ import annotations

import sys

import codesign as cd
from codesign.units import format_si

PATH = sys.argv[1] if len(sys.argv) > 1 else "reports/examples/unlayered.safetensors"
CHIPS = sys.argv[2:] or ["loihi", "mubrain", "speck", "morphic"]

# ---- The model, and the data that it was made for ------------------------------------------------------------------

try:
    model = cd.load_model(PATH)
except cd.InputError as error:
    sys.exit(str(error))
card = model.card
print(f"{card.name}: {card.shape.neurons} neurons, {card.classes} classes, trained on {card.data.options.name}")
print(f"recipe: {card.recipe.method}, {card.recipe.epochs} epochs, seed {card.training_seed}")

workload = cd.load_workload(card.data.options)
if workload.fingerprint != card.data.fingerprint:
    print("note: this copy of the data is not the one that the model was trained on")
float_accuracy = cd.evaluate(model.network, workload.test, cd.LAYERED).accuracy
print(f"accuracy, layered, 32-bit weights: {float_accuracy:.1%}\n")

# ---- Each chip with its own synchronization, group size and weights, run until nothing waits -----------------------


def ask(chip: cd.Chip) -> tuple[cd.Execution, cd.Cost]:
    """Run the model as the chip would, and price it; counts of cores are lifted where it is too small."""
    placement = cd.place(card.shape, chip, "scaled", weight_bits="chip")
    schedule = cd.chip_schedule(placement, stop="drained").schedule
    network = cd.SpikingNetwork(card.topology, card.neuron, timestep_s=card.timestep_s)
    network.load_state_dict(model.network.state_dict())
    cd.quantize(network, cd.chip_quantization(chip))
    execution = cd.evaluate(network, workload.test, schedule)
    return execution, cd.price(execution, placement)


print(f"{'chip':15} {'synchronization':15} {'bits':>5} {'accuracy':>9} {'energy':>13} {'latency':>13}")
unknown = {}
for name in CHIPS:
    chip = cd.find_chip(name)
    execution, cost = ask(chip)
    bits = "float" if chip.weight_bits is None else chip.weight_bits.value
    energy, latency = format_si(cost.energy_j, "J"), format_si(cost.latency_s, "s")
    accuracy = f"{execution.accuracy:.1%}"
    print(f"{name:15} {chip.synchronization.kind:15} {bits:>5} {accuracy:>9} {energy:>13} {latency:>13}")
    unknown[name] = cost.not_modelled

# ---- Energies of different coverage do not compare: what each leaves out -------------------------------------------

print("\nNot modelled, because the chip's file does not know it:")
for name, terms in unknown.items():
    print(f"  {name}: {', '.join(term.partition(':')[0] for term in terms) or 'nothing'}")

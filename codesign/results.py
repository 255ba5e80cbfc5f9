"""The results of a sweep: one row a design point, SI columns, one Parquet file. The report is a function of it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["COLUMNS", "METADATA_KEY", "VOLATILE_COLUMNS", "Column"]

Kind = Literal["string", "int", "float", "bool", "strings", "ints", "floats"]

METADATA_KEY = b"codesign"
"""Schema metadata entry that holds a JSON object: see `ResultMetadata`."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its type, its unit ("" for none), whether results may lack it, and what it says."""

    kind: Kind
    unit: str = ""
    nullable: bool = True
    meaning: str


def _text(meaning: str, *, nullable: bool = True) -> Column:
    return Column(kind="string", meaning=meaning, nullable=nullable)


def _number(meaning: str, unit: str = "") -> Column:
    return Column(kind="float", meaning=meaning, unit=unit)


COLUMNS: Mapping[str, Column] = {
    # what the point is
    "sweep": _text("name of the sweep", nullable=False),
    "point": _text("content hash of the design point", nullable=False),
    "status": _text("ok, infeasible or failed", nullable=False),
    "reason": _text("why the point is infeasible or failed"),
    "workload": _text("dataset name", nullable=False),
    "topology": _text("layer sizes as in 512-64-64-64-10", nullable=False),
    "recipe": _text("name of the recipe in the sweep", nullable=False),
    "training_method": _text("layered or unlayered", nullable=False),
    "training_policy": _text("scheduling policy trained through; null for layered"),
    "training_group_size": Column(kind="int", meaning="F trained through; null for layered"),
    "training_seed": Column(kind="int", meaning="seed of initialization, order and dropouts", nullable=False),
    "evaluation_seed": Column(kind="int", meaning="seed of the evaluation's schedule", nullable=False),
    "chip": _text("chip name in the sweep", nullable=False),
    "chip_title": _text("chip's full name"),
    "synchronization": _text("asynchronous, barrier or timer"),
    "capacity": _text("published, or scaled: circuits kept, counts lifted"),
    "operation": _text("accelerated or real_time"),
    "schedule": _text("name of the schedule in the sweep", nullable=False),
    "inference": _text("layered or asynchronous: whether layers wait in this evaluation"),
    "policy": _text("scheduling policy of the evaluation; null where the result cannot depend on it"),
    "group_size": Column(kind="int", meaning="F of the evaluation; null for all that wait"),
    "stop": _text("drained or on_output"),
    "steps_after_output": Column(kind="int", meaning="forward steps run after the first output spike; null if drained"),
    "input_mode": _text("frame or queued"),
    "weight_bits": Column(kind="int", meaning="bits of the weights evaluated; null for float32"),
    "equivalent_to_layered": Column(kind="bool", meaning="the schedule provably gives the spikes of layered inference"),
    "assumptions": Column(kind="strings", meaning="what was assumed that the chip does not state or have"),
    "not_modelled": Column(kind="strings", meaning="terms left out because the chip's numbers are not known"),
    # how the model was trained
    "trained_epochs": Column(kind="int", meaning="epochs run"),
    "best_epoch": Column(kind="int", meaning="epoch whose weights were kept, chosen on validation"),
    "training_loss": _number("mean training loss of the kept epoch"),
    "validation_accuracy": _number("accuracy on the validation split at the kept epoch"),
    # how it answers
    "samples": Column(kind="int", meaning="test samples"),
    "accuracy": _number("correct / samples; undecided samples count as wrong"),
    "tied_fraction": _number("share of samples whose highest score is shared; lowest index wins"),
    "undecided_fraction": _number("share of samples without any output spike"),
    "spike_density": _number("emitted spikes per hidden neuron per sample (equation 10)"),
    "input_events": _number("input events per sample"),
    "forward_steps": _number("forward steps per sample until the stop, summed over timesteps"),
    "latency_steps": _number("forward steps of a pass until its first output spike, mean over passes that have one"),
    "latency_spikes": _number("spikes propagated in a pass before its first output spike, mean likewise"),
    "decided_pass_fraction": _number("share of forward passes with an output spike"),
    "spikes_per_pass": _number("spikes propagated per forward pass until the stop"),
    # energy: all synapses
    "synaptic_operations": _number("synaptic operations performed per sample, the input layer's included"),
    "energy_j": _number("energy per sample, all terms that are modelled", "J"),
    "energy_synaptic_operation_j": _number("part of energy_j", "J"),
    "energy_neuron_access_j": _number("part of energy_j", "J"),
    "energy_neuron_update_j": _number("part of energy_j", "J"),
    "energy_spike_j": _number("part of energy_j", "J"),
    "energy_hop_j": _number("part of energy_j", "J"),
    "energy_barrier_j": _number("part of energy_j", "J"),
    "energy_static_j": _number("part of energy_j", "J"),
    "energy_coverage": Column(kind="strings", meaning="terms that energy_j contains; only equal coverage compares"),
    # energy: the paper's book
    "paper_synaptic_operations": _number(
        "spike density · hidden neurons · mean fan-out of the hidden layers (Table 3)"
    ),
    "paper_energy_j": _number("paper_synaptic_operations · energy per synaptic operation", "J"),
    # time
    "latency_model": _text("which model latency_s comes from"),
    "latency_s": _number("time per sample until the stop, summed over timesteps", "s"),
    "latency_compute_s": _number("part of latency_s: cores at work", "s"),
    "latency_network_s": _number("part of latency_s: messages under way", "s"),
    "latency_synchronization_s": _number("part of latency_s: barriers and ticks waited for", "s"),
    "latency_bound_s": _number("asynchronous: sum over steps of the busiest core, an upper bound", "s"),
    "latency_per_layer_s": _number("barrier: the paper's form, one barrier a layer a timestep", "s"),
    "decision_latency_s": _number(
        "last frame's arrival to its first output spike, mean over samples that have one", "s"
    ),
    # distributions
    "latency_spikes_bins": Column(kind="ints", meaning="lower bin edges of latency_spikes_counts"),
    "latency_spikes_counts": Column(kind="ints", meaning="forward passes by spikes until their first output spike"),
    "convergence_accuracy": Column(kind="floats", meaning="accuracy m steps after the first output spike, m = 0, 1, …"),
    "currents_first_layer": Column(kind="ints", meaning="spikes by messages received before firing, first layer"),
    "currents_other_layers": Column(kind="ints", meaning="likewise, all other layers"),
    # how long it took: left out when contents are compared
    "train_wall_s": _number("wall time of the training job", "s"),
    "execute_wall_s": _number("wall time of the execution job", "s"),
}
"""Every fixed column in file order. A sweep's axes add columns named `axis.<name>`, strings or floats, at the end."""

VOLATILE_COLUMNS = ("train_wall_s", "execute_wall_s")
"""Columns that differ between two runs of the same sweep and are ignored when contents are compared."""

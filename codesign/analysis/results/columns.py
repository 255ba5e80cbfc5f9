"""The columns of results: what each holds, its unit, and which cells are valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from codesign.hardware.terms import COST_TERMS, COVERAGE, SYNCHRONIZATIONS, Capacity, Operation, Strategy

Kind = Literal["string", "int", "float", "bool", "strings", "ints", "floats", "draws"]

AXIS_PREFIX = "axis."
"""Prefix of the columns of a sweep's axes."""
TRIAL_AXIS = "trial"
"""The axis of a study's results with the trial of a row."""
BASELINE = "baseline"
"""The name of a study's baseline: its file without any search."""

OF_DESIGN = ("network.", "neuron.", "workload.")


def is_of_design(path: str) -> bool:
    """Whether an axis is on network, neuron or workload, and therefore applies to every model of a sweep."""
    return path.startswith(OF_DESIGN)


def sets_topology(path: str) -> bool:
    """Whether an axis determines the fact `topology`."""
    return path.startswith("network.")


def is_of_model(path: str, recipe: str) -> bool:
    """Whether an axis distinguishes models of a recipe."""
    return path.startswith((*OF_DESIGN, f"recipe.{recipe}."))


LARGEST = 1e60
"""Largest magnitude of a number in results: statistics square numbers, and hypervolumes multiply several."""
SMALLEST = 1e-60
"""Smallest magnitude of a nonzero number in results: ratios divide by numbers."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: what it holds, and which cells are valid. For a list, limits of values apply to its entries.

    Attributes:
        kind: type; `draws` are floats in single precision: there are many, and more digits would be meaningless.
        unit: SI unit, "" for none.
        nullable: whether cells may be null.
        least, most: smallest and largest value.
        words: the allowed texts; empty for any text.
        longest: most characters of a text.
        length: for a list: the number of entries, or columns of lists, the product of whose lengths is this number.
        alike: whether all lists of the column are equally long and not empty.
        ascending: whether each entry of a list is larger than the one before it.
        not_above: another column of lists, none of whose entries is smaller than the same entry of this one.
    """

    kind: Kind
    unit: str = ""
    nullable: bool = True
    meaning: str
    least: float = -LARGEST
    most: float = LARGEST
    words: tuple[str, ...] = ()
    longest: int = 1000
    length: int | tuple[str, ...] | None = None
    alike: bool = False
    ascending: bool = False
    not_above: str = ""

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        match ENTRIES.get(self.kind, self.kind):
            case "string":
                return f"one of {', '.join(self.words)}" if self.words else f"at most {self.longest:,} characters"
            case "float":
                return f"0 or from {SMALLEST:g} to {self.most:g}" + " in size" * (self.least < 0)
            case "int":
                return f"at least {self.least:g}" + (f" and at most {self.most:g}" if self.most < LARGEST else "")
            case _:
                return "true or false"


ENTRIES: Mapping[str, str] = {"strings": "string", "ints": "int", "floats": "float", "draws": "float"}
"""Kinds of lists, and the kinds of their entries."""


def _flag(meaning: str) -> Column:
    return Column(kind="bool", meaning=meaning)


def _name(meaning: str, *, nullable: bool = True) -> Column:
    return Column(kind="string", meaning=meaning, nullable=nullable)


def _word(*words: str, more: str = "", nullable: bool = True) -> Column:
    return Column(
        kind="string", meaning=more or f"{', '.join(words[:-1])} or {words[-1]}", words=words, nullable=nullable
    )


def _text(meaning: str) -> Column:
    return Column(kind="string", meaning=meaning, longest=100_000)


def _texts(meaning: str, **limits: Any) -> Column:
    return Column(kind="strings", meaning=meaning, **{"longest": 100_000, **limits})


def _count(meaning: str, *, least: int = 0, nullable: bool = True) -> Column:
    return Column(kind="int", meaning=meaning, least=least, nullable=nullable)


def _number(meaning: str, unit: str = "", *, least: float = 0.0, most: float = LARGEST) -> Column:
    return Column(kind="float", meaning=meaning, unit=unit, least=least, most=most)


def _fraction(meaning: str) -> Column:
    return _number(meaning, most=1.0)


def _numbers(meaning: str, unit: str = "", kind: Kind = "floats", *, least: float = 0.0, **limits: Any) -> Column:
    return Column(kind=kind, meaning=meaning, unit=unit, least=least, **limits)


_PER_NUMBER = ("uncertain_numbers",)
_PER_HALVED = ("halved_numbers",)

COLUMNS: Mapping[str, Column] = {
    # what the point is
    "sweep": _name("name of the sweep", nullable=False),
    "point": _name("content hash of the design point", nullable=False),
    "status": _word("ok", "infeasible", "failed", nullable=False),
    "reason": _text("why the point is infeasible or failed"),
    "workload": _name("dataset name", nullable=False),
    "topology": Column(kind="string", meaning="layer sizes as in 512-64-64-64-10", nullable=False, longest=10_000),
    "recipe": _name("name of the recipe in the sweep", nullable=False),
    "training_method": _word("layered", "unlayered", "given", nullable=False),
    "training_policy": _name("scheduling policy trained through; `mixture` for several, null for layered"),
    "training_group_size": _count("F trained through; null for layered, and for a mixture", least=1),
    "training_cost": _text("what spikes cost in training, or the budget; null for nothing"),
    "training_seed": _count("seed of initialization, order and dropouts", nullable=False),
    "evaluation_seed": _count("seed of the evaluation's schedule", nullable=False),
    "chip": _name("chip name in the sweep", nullable=False),
    "chip_title": _name("chip's full name"),
    "synchronization": _word(*SYNCHRONIZATIONS),
    "capacity": _word(*get_args(Capacity), more="published, or scaled: circuits kept, counts raised"),
    "mapping": _word(*get_args(Strategy), more="how neurons were assigned to cores"),
    "operation": _word(*get_args(Operation)),
    "schedule": _name("name of the schedule in the sweep", nullable=False),
    "inference": _word(
        *("layered", "gated", "asynchronous"), more="whether layers wait, neurons wait for so many messages, or nothing"
    ),
    "policy": _name("scheduling policy of the evaluation; null where the result cannot depend on it"),
    "group_size": _count("F of the evaluation; null for all that wait", least=1),
    "stop": _word("drained", "on_output", "margin"),
    "steps_after_output": _count("forward steps run after the first output spike; null unless stopped on output"),
    "margin": _count("lead in output spikes at which the answer is read; null without a margin", least=1),
    "margin_check": _word("timestep", "step", more="how often the margin is checked"),
    "input_mode": _word("frame", "queued"),
    "refractory": _flag("whether a neuron fires at most once per forward pass in this evaluation"),
    "input_dropout": _fraction("share of input events lost at random before they reach the chip in this evaluation"),
    "timesteps": _count("timesteps of each sample that are run, from the first; null for all", least=1),
    "weight_bits": _count("bits of the weights evaluated; null for float32", least=1),
    "equivalent_to_layered": _flag("whether the schedule provably gives the spikes of layered inference"),
    # how large it is
    "neurons": _count("neurons of the network, the output layer included"),
    "synapses": _count("synapses of the network, delayed and direct ones too; a shared weight counts once for each"),
    "weights": _count("stored weights of the network; a shared weight counts once"),
    "weight_memory_bits": _count("synapses · bits per weight as evaluated, 32 for float32"),
    "cores_used": _count("cores with neurons"),
    "lanes": _count("lanes of all cores in use; null where the chip does not state a number"),
    "assumptions": _texts("assumptions on what the chip does not state or have"),
    "not_modelled": _texts("terms left out because the chip's numbers are not known"),
    # how the model was trained
    "trained_epochs": _count("epochs run"),
    "best_epoch": _count("epoch whose weights were kept, chosen on validation"),
    "open_inputs": _count("inputs whose events the model's gate lets pass; null without a gate"),
    "training_spike_cost": _number("cost of spikes λ at the kept epoch, as loss per unit of spike density; 0 for none"),
    "validation_density": _number("spike density on the validation split at the kept epoch, as trained through"),
    "validation_energy_j": _number("energy of a validation sample at the kept epoch on the chip of its budget", "J"),
    "training_loss": _number("mean training loss of the kept epoch", least=-LARGEST),
    "validation_accuracy": _fraction("accuracy on the validation split at the kept epoch"),
    "training_loss_curve": _numbers("mean training loss of each epoch run", least=-LARGEST),
    "validation_accuracy_curve": _numbers("accuracy on the validation split after each epoch run", most=1.0),
    # how it answers
    "samples": _count("samples evaluated, of test or validation"),
    "accuracy": _fraction("correct / samples; undecided samples count as wrong"),
    "right_answers": _numbers(
        "which samples are right, in the order of the test split: a bit each, 8 a number, the first in its lowest bit",
        kind="ints",
        most=255,
    ),
    "float_accuracy": _fraction("accuracy of the same model and schedule with 32-bit weights; null where it has them"),
    "agreement": _fraction("share of samples answered as under layered inference with the same weights and input"),
    "drained_accuracy": _fraction("accuracy of the same execution once nothing waits; null where the queue is dropped"),
    "tied_fraction": _fraction("share of samples whose highest score is shared; lowest index wins"),
    "undecided_fraction": _fraction("share of samples without any output spike"),
    "spike_density": _number("emitted spikes per hidden neuron per sample (equation 10)"),
    "spike_density_quartiles": _numbers(
        "25th, 50th and 75th percentile over samples of a sample's spike density", length=3
    ),
    "activation_sparsity": _fraction("share of neurons and timesteps without a spike, the output layer's included"),
    "input_events": _number("input events per sample that reach the chip"),
    "input_macs": _number("those of synaptic_operations that multiply, because inputs are currents"),
    "layer_spikes": _numbers("spikes emitted per sample by each layer, the output layer's last"),
    "layer_operations": _numbers(
        "synaptic operations per sample into each layer, the first from the input", length=("layer_spikes",)
    ),
    "dense_operations": _number("synapses · timesteps run: synaptic operations per sample if everything always fired"),
    "forward_steps": _number("forward steps per sample until the stop, summed over timesteps"),
    "contention": _fraction("share of forward steps in which more neurons waited than could leave"),
    "latency_steps": _number(
        "forward steps of a pass up to that of its first output spike, mean over passes that have one"
    ),
    "latency_spikes": _number("spikes propagated in a pass before its first output spike, mean over the same passes"),
    "decision_timesteps": _number("timesteps of a sample until the answer is read; all, unless a margin is reached"),
    "decision_spikes": _number(
        "spikes propagated per sample until the answer is read; null where that is early in passes that go on"
    ),
    "decision_operations": _number(
        "synaptic operations per sample up to the first output spike of each pass, all in passes without one; null "
        "where outputs are potentials"
    ),
    "decided_pass_fraction": _fraction("share of forward passes with an output spike"),
    "spikes_per_pass": _number("spikes propagated per forward pass until the stop"),
    # energy: all synapses
    "synaptic_operations": _number("synaptic operations performed per sample, the input layer's included"),
    "energy_j": _number("energy per sample, all modelled terms; in a results file, of everything powered", "J"),
    "energy_cores_in_use_j": _number(
        "energy per sample of the cores in use: their share of the chips' static power and clock, and no host", "J"
    ),
    "core_share": _fraction("cores in use / all cores of the chips that the network occupies"),
    **{term.column: _number(term.meaning, "J") for term in COST_TERMS.values()},
    "energy_accounting": _word(
        "incremental", "all_in", more="incremental, or all_in: one number for everything spent in some measurement"
    ),
    "on_s": _number("time that a sample takes: until the stop, in real time at least as long as its stimulus", "s"),
    "energy_coverage": _texts(
        "terms that energy_j contains; only energies of equal coverage can be compared", words=(*COVERAGE, "all_in")
    ),
    "area_m2": _number("area of the chips that the network occupies; null where they had to be scaled", "m**2"),
    "area_low_m2": _number("lower end of its range", "m**2"),
    "area_high_m2": _number("upper end of its range", "m**2"),
    # energy: the paper's book
    "paper_synaptic_operations": _number(
        "spike density · hidden neurons · mean fan-out of the hidden layers, each layer counted once (Table 3)"
    ),
    "paper_energy_j": _number("paper_synaptic_operations · energy per synaptic operation", "J"),
    # time
    "latency_model": _name("which model latency_s comes from, or would if the chip gave enough times"),
    "latency_s": _number("time per sample until the stop, summed over timesteps", "s"),
    "interval_s": _number(
        "time from sample to sample without a pause between them; they overlap where the chip pipelines layers", "s"
    ),
    "latency_compute_s": _number("part of latency_s: cores at work", "s"),
    "latency_network_s": _number("part of latency_s: messages under way", "s"),
    "latency_synchronization_s": _number("part of latency_s: barriers, ticks and handshakes waited for", "s"),
    "latency_bound_s": _number("asynchronous: sum over steps of the busiest core, an upper bound", "s"),
    "decision_latency_s": _number(
        "last frame's arrival to its first output spike, mean over samples that have one, or to the end of its pass if "
        "potentials are read; in real time with the wait for frames before it",
        "s",
    ),
    "power_w": _number("energy_j / on_s, of the means: the mean power over the time of a sample", "W"),
    "energy_delay_js": _number("energy_j · latency_s, of the means", "J·s"),
    "core_utilization": _numbers("time at work / on_s of each core in use, in the order of their numbers"),
    "late_fraction": _fraction(
        "share of passes or hardware steps longer than a timestep; of a timer with several ticks in a timestep, "
        "share of timesteps; null for static inputs"
    ),
    "overloaded_ticks": _number("timer: ticks per sample in which a core or a link had more to do than fits"),
    "peak_link_load": _number("messages per sample over the busiest link within a chip"),
    # how sure: what happens if the chip's numbers lie elsewhere in their ranges
    "uncertain_numbers": _texts(
        "prices of the chip that have a range, by path; model.energy and model.latency: factors of the model's "
        "own error",
        longest=1000,
    ),
    "uncertain_low": _numbers(
        "lower end of each in SI units, of barriers with the most tiles; log-uniform in between; of the model's "
        "factors log-normal, one standard deviation",
        length=_PER_NUMBER,
        not_above="uncertain_value",
    ),
    "uncertain_value": _numbers("the number itself", length=_PER_NUMBER, not_above="uncertain_high"),
    "uncertain_high": _numbers("upper end of each", length=_PER_NUMBER),
    "energy_at_low_j": _numbers("energy_j with that number alone at its lower end", "J", length=_PER_NUMBER),
    "energy_at_high_j": _numbers("energy_j with that number alone at its upper end", "J", length=_PER_NUMBER),
    "latency_at_low_s": _numbers("latency_s with that number alone at its lower end", "s", length=_PER_NUMBER),
    "latency_at_high_s": _numbers("latency_s with that number alone at its upper end", "s", length=_PER_NUMBER),
    "on_at_low_s": _numbers(
        "on_s with that number alone at its lower end; the model's error in time is not part of it",
        "s",
        length=_PER_NUMBER,
    ),
    "on_at_high_s": _numbers("on_s with that number alone at its upper end, likewise", "s", length=_PER_NUMBER),
    "energy_draws_j": _numbers(
        "energy_j in joint draws of all; a draw is the same in all rows of a chip", "J", "draws", alike=True
    ),
    "latency_draws_s": _numbers("latency_s in the same draws", "s", "draws", alike=True),
    "on_draws_s": _numbers("on_s in the same draws, without the model's error in time", "s", "draws", alike=True),
    "uncertain_terms": _texts("terms of energy_j that differ between draws", words=tuple(COST_TERMS)),
    "term_scale_j": _numbers(
        "the largest value of each of them, at these ends and in these draws", "J", length=("uncertain_terms",)
    ),
    "term_at_low": _numbers(
        "each of them / its scale, one term after another, as energy_at_low_j",
        length=("uncertain_terms", "uncertain_numbers"),
    ),
    "term_at_high": _numbers(
        "each of them / its scale, one term after another, as energy_at_high_j",
        length=("uncertain_terms", "uncertain_numbers"),
    ),
    "term_draws": _numbers(
        "each of them / its scale, one term after another, as energy_draws_j",
        kind="draws",
        length=("uncertain_terms", "energy_draws_j"),
    ),
    # what half of each of the chip's numbers would do
    "halved_numbers": _texts(
        "energies, powers, times and rates of the chip, by path; each is taken alone at half its value, a rate at "
        "twice; without those of which cores would then drop more spikes",
        longest=1000,
    ),
    "energy_at_half": _numbers("energy_j then / energy_j", length=_PER_HALVED),
    "energy_cores_in_use_at_half": _numbers("energy_cores_in_use_j then / energy_cores_in_use_j", length=_PER_HALVED),
    "latency_at_half": _numbers("latency_s then / latency_s", length=_PER_HALVED),
    # distributions
    "latency_spikes_bins": _numbers("lower bin edges of latency_spikes_counts", kind="ints", ascending=True),
    "latency_spikes_counts": _numbers(
        "forward passes by spikes until their first output spike", kind="ints", length=("latency_spikes_bins",)
    ),
    "convergence_accuracy": _numbers("accuracy m steps after the first output spike, m = 0, 1, …", most=1.0),
    "currents_first_layer": _numbers("spikes by messages received before firing, first layer (256: more)", kind="ints"),
    "currents_other_layers": _numbers(
        "spikes by messages received before firing, other layers (256: more)", kind="ints"
    ),
    # how long it took: left out when contents are compared
    "train_wall_s": _number("wall time of the training job", "s"),
    "epoch_wall_s": _number(
        "wall time of the second training epoch without validation; of the only one if one ran", "s"
    ),
    "training_memory_bytes": _number("peak resident memory of training above what the process held before it", "B"),
    "execute_wall_s": _number("wall time of the execution job", "s"),
}
"""All fixed columns in file order. A sweep's axes add columns named `axis.<name>`, strings or floats, at the end."""

SIZES = ("neurons", "synapses", "weights", "weight_memory_bits", "cores_used", "core_share", "lanes", "area_m2")
"""Columns that are known before anything is trained, and so the same in every training."""

NUMERIC_COLUMNS = tuple(
    sorted(name for name, of in COLUMNS.items() if of.kind in ("int", "float") and not name.endswith("_seed"))
)
"""Columns that have a mean, for objectives, questions and charts. Not seeds, which are names in the form of numbers."""

VOLATILE_COLUMNS = ("train_wall_s", "epoch_wall_s", "training_memory_bytes", "execute_wall_s")
"""Columns that differ between two runs of the same sweep, and are ignored when contents are compared."""

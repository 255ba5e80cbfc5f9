"""Recipes: how a model is trained, with method, schedule, regularization and hyperparameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from codesign.documents import Spec
from codesign.network.neuron import OfLayers
from codesign.network.quantization import Quantization
from codesign.simulation.idle import IdleGradient
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import LAYERED, InputMode, Regularization, Schedule
from codesign.training.augmentation import Augmentation
from codesign.training.budget import TrainingBudget
from codesign.training.learn import Learn
from codesign.training.losses import LossChoice
from codesign.training.mixture import MixtureEntry
from codesign.training.model_file import ModelFileEntry
from codesign.training.policy_name import PolicyName, TimelessPolicyName
from codesign.units import Positive, Real

UNLAYERED_ONLY = ("policy", "group_size", "mixture", "input_mode", "refractory", "idle_gradient")
"""Parameters that do not apply to layered training."""
OF_ONE_SCHEDULE = ("policy", "group_size")
"""Those of them that a mixture refuses, since its entries have them."""
_OF_A_MODEL = {"method": "layered", "epochs": 1}
"""Required parameters of a recipe, for a model that is used without training."""

Probability = Annotated[Real, Field(ge=0, le=1)]
SpikeMultiplier = Annotated[Real, Field(ge=0, le=100)]


class Calibration(Spec):
    """A schedule for which a trained network's thresholds are scaled, layer by layer; see docs/design.md (Calibration).

    Attributes:
        policy, group_size, input_mode, refractory, stop, steps_after_output: the schedule, as in `Schedule`.
        criterion: `matching`: each layer emits as many spikes as under the schedule used in training. `cross_entropy`:
            from there, the answers of the samples become as sure and right as possible.
        samples: this many from the start of the training split, whose order mixes the classes.
    """

    policy: TimelessPolicyName = "random"
    group_size: Positive = 8
    input_mode: InputMode = "frame"
    refractory: bool = True
    stop: Literal["drained", "on_output"] = "on_output"
    steps_after_output: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 1
    criterion: Literal["matching", "cross_entropy"] = "cross_entropy"
    samples: Positive = 256

    @property
    def schedule(self) -> Schedule:
        """The forward pass that the network is calibrated for."""
        return Schedule(**self.model_dump(exclude={"criterion", "samples"}))

    @property
    def summary(self) -> str:
        """All settings in one line, for results and model cards."""
        stop = self.stop if self.stop == "drained" else f"{self.stop} + {self.steps_after_output}"
        schedule = f"{self.policy}, F = {self.group_size}, {stop}, input mode {self.input_mode}"
        schedule += "" if self.refractory else ", not refractory"
        return f"{self.criterion} for {schedule}, on {self.samples} training samples"


def _quantization(given: Any) -> Any:
    """Expand a number to symmetric weights with that many bits."""
    if isinstance(given, int) and not isinstance(given, bool):
        return {"bits": given}
    return None if given == "none" else given


class Recipe(Spec):
    """One way to train a network.

    Attributes:
        model: file of a model that is used without training; see `ModelFile`.
        from: file of a model whose weights training starts from.
        method: `layered` or `unlayered` backpropagation; `layered` for a `model`.
        policy, group_size, input_mode, refractory: the forward pass that unlayered backpropagation trains through, see
            `Schedule`; layered backpropagation always has a whole layer in each group, so it refuses them.
        chip: name of the sweep's chip whose cores and service times policies look at, and whose bits `quantization` may
            take, with the sweep's mapping but not its axes; policies that look at neither ignore it.
            Without a chip every layer is a core, and there are no service times, which `timed` needs.
        mixture: forward passes from which every sample draws one in every epoch, all with equal probability; entries
            have `policy` and `group_size`, or `method: layered`, and every layer is a core. The best epoch has the
            highest mean accuracy over the entries.
        idle_gradient: which silent neurons learn from a forward step whose group is not full: `all`, `spare` (as many
            as there is room for) or `none`; see docs/design.md (Gradient). Layered backpropagation has room for all.
        loss: cross-entropy of the output spikes summed over timesteps (`sum`, the paper's), or the mean of each
            timestep's own cross-entropy (`timestep`), both optionally with parameters, as in `{name: timestep,
            temperature: 0.25, label_smoothing: 0.05}`; or a loss from your own package (docs/extending.md). See
            `codesign.simulation.loss`.
        quantization: bits of weights and potentials in training: `chip`, those of the recipe's `chip`; a number, bits
            per weight, with the levels and scales of `Quantization`; or all of that. See `training.quantization`. None
            or `none` trains float32 weights.
        epochs: passes over the training split.
        patience: stop after this many epochs without a better one, but not before costs have risen and the gate is
            frozen; None trains all epochs.
        validation_margin: validate with samples that end when one output neuron is this many spikes ahead, as under
            stop `margin` of a schedule; density then counts what was run. None runs all timesteps, as updates do.
        batch_size, learning_rate, weight_decay: for Adam; the decay λ_W adds λ_W ‖W‖² to the loss.
        warm_up: updates over which the learning rate rises linearly to `learning_rate`; with 0 it starts there. Adam's
            first updates move all weights by the full rate, which can silence a network with many inputs for good.
        input_dropout, network_dropout, refractory_dropout, momentum_noise: see `Regularization`. A refractory dropout
            of 1 trains without refractoriness but picks the best epoch with it (the paper's ablation, section A.7);
            `refractory: false` does both without, and then there is nothing to drop.
        spike_cost: λ, added to the loss for each unit of spike density (spikes per hidden neuron in a sample); one
            number, or one for each hidden layer. See docs/design.md (What spikes cost).
        budget: the most that samples may use; λ is adjusted to keep to it, beginning at `spike_cost` or 0.01.
        spike_floor: spikes per neuron of a layer in a sample that cost nothing.
        cost_ramp: share of the epochs over which costs rise; the best epoch is one that ends with or after it.
        augmentation: random changes to training samples, such as shifts; None for none. See `Augmentation`.
        input_gate: whether a gate learns which inputs, or channels of a convolution, the network does not need; their
            events then no longer reach it. See docs/design.md (Which inputs a network can do without).
        input_cost: added to the loss if all input events pass the gate.
        learn: thresholds and time constants to learn; None for none.
        calibration: scales the thresholds of the trained network for another schedule, without training; None for none.
    """

    model_config = ConfigDict(populate_by_name=True)

    model: ModelFileEntry | None = None
    from_: Annotated[ModelFileEntry | None, Field(alias="from")] = None
    method: Literal["layered", "unlayered"]
    policy: PolicyName = "random"
    group_size: Positive = 8
    mixture: Annotated[tuple[MixtureEntry, ...], Field(min_length=1)] | None = None
    input_mode: InputMode = "frame"
    refractory: bool = True
    chip: Annotated[str, Field(min_length=1)] | None = None
    idle_gradient: IdleGradient = "all"
    loss: LossChoice = "sum"
    quantization: Annotated[
        Annotated[
            Annotated[Quantization, Tag("Quantization")] | Annotated[Literal["chip"], Tag("str")],
            Discriminator(lambda given: "str" if isinstance(given, str) else "Quantization"),
        ]
        | None,
        BeforeValidator(_quantization),
    ] = None
    epochs: Positive
    patience: Positive | None = None
    validation_margin: Positive | None = None
    batch_size: Positive = 256
    learning_rate: Annotated[Real, Field(gt=0)] = 5e-4
    warm_up: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 0
    weight_decay: Annotated[Real, Field(ge=0)] = 0.0
    input_dropout: Probability = 0.0
    network_dropout: Probability = 0.0
    refractory_dropout: Probability = 0.0
    momentum_noise: Annotated[Real, Field(ge=0)] = 0.0
    spike_cost: OfLayers[SpikeMultiplier] = 0.0
    budget: TrainingBudget | None = None
    spike_floor: Annotated[Real, Field(ge=0)] = 0.05
    cost_ramp: Probability = 0.4
    augmentation: Augmentation | None = None
    input_gate: bool = False
    input_cost: Annotated[Real, Field(ge=0)] = 0.02
    learn: Learn | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.model is not None:
            given = {name for name in self.model_fields_set if getattr(self, name) != _OF_A_MODEL.get(name)}
            if more := sorted(name.rstrip("_") for name in given - {"model"}):
                raise ValueError(f"a `model` is taken as it is: remove {', '.join(more)}, or train it by `from`")
        if self.method == "layered":
            given = self.model_fields_set.intersection(UNLAYERED_ONLY)
            if given:
                raise ValueError(
                    f"layered training has no schedule to choose: remove {', '.join(sorted(given))} "
                    "or set method to 'unlayered'"
                )
        elif self.mixture is not None:
            if given := self.model_fields_set.intersection(OF_ONE_SCHEDULE):
                remedy = f"remove {', '.join(sorted(given))}, or mixture"
                raise ValueError(f"a mixture's entries say what is trained through: {remedy}")
            if self.calibration is not None:
                raise ValueError("a calibration matches the one schedule trained through, and a mixture has several")
        elif self.chip is None and get_policy(self.policy).uses_service:
            raise ValueError(
                f"policy '{self.policy}' looks at a chip's service times: name one of the sweep's chips in 'chip'"
            )
        if self.quantization == "chip" and self.chip is None:
            python = "in Python, give quantization=cd.chip_quantization(chip)"
            raise ValueError(f"quantization 'chip' needs the name of one of the sweep's chips in `chip`; {python}")
        return self

    @property
    def cost_in_words(self) -> str | None:
        """The cost or budget of spikes as text; None without either."""
        if self.budget is not None:
            return self.budget.summary
        costs = self.spike_cost if isinstance(self.spike_cost, tuple) else (self.spike_cost,)
        return ", ".join(f"{cost:g}" for cost in costs) if any(costs) else None

    @property
    def schedule(self) -> Schedule:
        """The forward pass used in training, the first one of a mixture; always run until nothing waits (paper, Table
        1).

        Without cores and service times; policies that use them take them from the mapping on `chip`.
        """
        return self.schedules[0]

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """All forward passes used in training: one, or those of the mixture."""
        return tuple(self._through(entry) for entry in self.mixture or (self,))

    @property
    def noisy(self) -> bool:
        """Whether a policy used in training adds momentum noise."""
        return any(get_policy(schedule.policy).uses_noise for schedule in self.schedules)

    @property
    def as_trained(self) -> Recipe:
        """The recipe without momentum noise if no policy adds it, although a preset may give it."""
        return self if self.noisy else self.model_copy(update={"momentum_noise": 0.0})

    def _through(self, entry: MixtureEntry | Recipe) -> Schedule:
        if entry.method == "layered" or entry.policy is None:
            return LAYERED
        return Schedule(
            policy=entry.policy,
            group_size=entry.group_size,
            stop="drained",
            input_mode=self.input_mode,
            refractory=self.refractory,
        )

    def validated_under(self, schedule: Schedule) -> Schedule:
        """The schedule for validating a network that is trained with `schedule`."""
        margin = self.validation_margin
        return schedule if margin is None else replace(schedule, stop="margin", margin=margin)

    def risen(self, epochs: float) -> float:
        """How far the costs of spikes and inputs have risen after this many epochs, from 0 to 1."""
        return min(1.0, epochs / max(self.cost_ramp * self.epochs, 1e-9))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that apply to this training, by name, for pages; those with a summary in one line."""
        if self.model is not None:
            return {"model": self.model.summary}
        silent = UNLAYERED_ONLY if self.method == "layered" else OF_ONE_SCHEDULE if self.mixture is not None else ()
        shown = self.as_trained.model_dump(exclude=set(silent))
        if self.mixture is not None:
            shown["mixture"] = ", ".join(entry.summary for entry in self.mixture)
        if isinstance(self.loss, dict):
            options = [f"{name.replace('_', ' ')} {value}" for name, value in self.loss.items() if name != "name"]
            shown["loss"] = ", ".join([str(self.loss["name"]), *options])
        return shown | {name: value.summary for name, value in self if hasattr(value, "summary")}

    @property
    def regularization(self) -> Regularization:
        return Regularization(
            input_dropout=self.input_dropout,
            network_dropout=self.network_dropout,
            refractory_dropout=self.refractory_dropout if self.refractory else 0.0,
            momentum_noise=self.momentum_noise,
        )

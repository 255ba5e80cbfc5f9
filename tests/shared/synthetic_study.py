"""A made-up study small enough to work out by hand, and a large one for what a page must bear."""

from __future__ import annotations

import random
from dataclasses import replace

from synthetic_sweep import Row, loihi_row, synthetic_metadata

from codesign.analysis.results.metadata import (
    AxisFacts,
    Objective,
    ParameterFacts,
    ResultMetadata,
    Scalar,
    StudyFacts,
    TrialFacts,
)

OBJECTIVES = (
    Objective(column="accuracy", direction="maximize", reference=0.5),
    Objective(column="energy_j", direction="minimize", reference=2e-6),
    Objective(column="latency_s", direction="minimize", reference=2e-3),
)
SPACE = (
    ParameterFacts(name="recipe.group_size", kind="integer", low=1, high=4096, log=True),
    ParameterFacts(name="recipe.learning_rate", kind="float", low=1e-4, high=1e-2, log=True),
    ParameterFacts(name="schedule.policy", kind="categorical", choices=("random", "momentum")),
    ParameterFacts(
        name="schedule.steps_after_output",
        kind="integer",
        low=0,
        high=8,
        step=2,
        condition="schedule.stop is on_output",
    ),
    ParameterFacts(name="chip.loihi.hop_energy", unit="J", kind="float", low=1e-12, high=4e-12),
    ParameterFacts(name="chip.loihi.gated", kind="categorical", choices=("false", "true")),
)
COMMON: dict[str, Scalar] = {"recipe.learning_rate": 0.003, "chip.loihi.gated": True}

# Test values by trial and training seed. Differences to the baseline, in the direction of each objective:
# trial 0, accuracy: 2, 3 and 4 points; mean 3, half-width 4.3027 * 1 / sqrt(3) = 2.48
# trial 2, energy: 0.5, 0.6 and 0.4 µJ; mean 0.5, half-width 0.248. Accuracy: -0.5, 0 and -1 points; mean -0.5
# trial 7, latency: 0.5, -0.2 and 0.6 ms; mean 0.3, half-width 1.08
TESTED = {
    "baseline": ((0.89, 0.90, 0.91), (1.0e-6, 1.1e-6, 0.9e-6), (1e-3, 1e-3, 1e-3)),
    "0": ((0.91, 0.93, 0.95), (1.2e-6, 1.3e-6, 1.1e-6), (1.5e-3, 1.5e-3, 1.5e-3)),
    "2": ((0.885, 0.90, 0.90), (0.5e-6, 0.5e-6, 0.5e-6), (1e-3, 1e-3, 1e-3)),
    "7": ((0.80, 0.80, 0.80), (1.0e-6, 1.1e-6, 0.9e-6), (0.5e-3, 1.2e-3, 0.4e-3)),
}


def trial(number: int | None, values: tuple[float, ...] = (), **changes: object) -> TrialFacts:
    """A trial; complete if it has values, unless `changes` say otherwise."""
    count = len(OBJECTIVES)
    plain = TrialFacts(
        number=number,
        state="complete" if values else "failed",
        parameters=COMMON | {"recipe.group_size": 8, "schedule.policy": "random", "chip.loihi.hop_energy": 3e-12},
        values=values or (None,) * count,
        spreads=(0.01, 2e-8, 1e-5) if values else (None,) * count,
        level=1,
    )
    return replace(plain, **changes)


def small_study() -> StudyFacts:
    """Eight trials, three of them on the front.

    Boxes up to the references, in 1e-9: 0.44 * 0.8 * 0.5 = 0.176 for trial 0, 0.395 * 1.6 * 1.0 = 0.632 for trial 2,
    0.3 * 1.0 * 1.5 = 0.45 for trial 7; common to 0 and 2 0.158, to 0 and 7 0.12, to 2 and 7 0.3, to all three 0.12.
    Together 0.8, of which trials 0 and 2 have 0.65; the baseline alone 0.4 * 1.0 * 1.0 = 0.4.
    """
    momentum = COMMON | {"recipe.group_size": 4096, "schedule.policy": "momentum", "chip.loihi.hop_energy": 1e-12}
    later = momentum | {"schedule.steps_after_output": 2}
    return StudyFacts(
        sampler="TPE, 10 startup trials",
        seed=7,
        parameters=SPACE,
        constraints=("energy_j at most 3 µJ",),
        levels=("2 epochs, 1 training seed", "20 epochs, 3 training seeds"),
        baseline=trial(None, (0.90, 1e-6, 1e-3)),
        trials=(
            trial(0, (0.94, 1.2e-6, 1.5e-3), on_front=True, hypervolume=1.76e-10),
            trial(1, (0.60, 1e-6, 1e-3), state="dropped", level=0, spreads=(None, None, None), hypervolume=1.76e-10),
            trial(2, (0.895, 0.4e-6, 1e-3), on_front=True, hypervolume=6.5e-10, parameters=later),
            trial(3, state="infeasible", reason="layer 0 needs 147,968 synapses, the chip has 37,366"),
            trial(4, (0.99, 1e-3, 1e-3), state="infeasible", violations={"energy_j at most 3 µJ": 332.3}),
            trial(5, reason="TrainingDivergedError: the loss is not finite in epoch 3"),
            trial(6, (0.85, 0.5e-6, 1.2e-3), hypervolume=6.5e-10),
            trial(7, (0.80, 1e-6, 0.5e-3), on_front=True, hypervolume=8e-10, parameters=momentum),
        ),
        importances={
            "accuracy": {"recipe.group_size": 0.75, "schedule.policy": 0.25},
            "energy_j": {"chip.loihi.hop_energy": 0.625, "recipe.group_size": 0.375},
        },
        importance_method="fANOVA over complete trials",
    )


def study_metadata(study: StudyFacts | None = None) -> ResultMetadata:
    return replace(
        synthetic_metadata(),
        sweep="loihi_study",
        title="Which recipe suits Loihi",
        command="codesign search studies/loihi.yaml",
        objectives=OBJECTIVES,
        axes=(AxisFacts(name="trial"),),
        study=study or small_study(),
    )


def rows_on_test(tested: dict[str, tuple[tuple[float, ...], ...]] = TESTED) -> list[Row]:
    """One row a trial and training seed, on test."""
    rows = []
    for name, (accuracies, energies, latencies) in tested.items():
        for seed in range(3):
            row = loihi_row("layered", seed, 0) | {"sweep": "loihi_study", "axis.trial": name}
            row |= {"accuracy": accuracies[seed], "energy_j": energies[seed], "latency_s": latencies[seed]}
            rows.append(row | {"point": f"{name}/{seed}"})
    return rows


def large_study(count: int) -> tuple[StudyFacts, list[Row]]:
    """Many trials of many parameters, a tenth of them on the front and tested."""
    draw = random.Random(0)
    space = tuple(replace(SPACE[4], name=f"chip.loihi.energies.number_{n}") for n in range(20))
    of_states = {
        "complete": {"hypervolume": 1e-12},
        "dropped": {},
        "infeasible": {"reason": 40 * "words ", "violations": {"energy_j at most 1 µJ": 1e-7}},
    }
    trials = []
    for number in range(count):
        quality, state = draw.random(), draw.choice(("complete", "complete", *of_states))
        values = (0.6 + 0.3 * quality, 1e-6 * (0.2 + quality + draw.random()), 1e-3 * (0.2 + draw.random()))
        more = {"parameters": {p.name: 10 ** draw.uniform(-12, -9) for p in space}, **of_states[state]}
        on_front = state == "complete" and number % 10 == 0
        trials.append(trial(number, values, state=state, on_front=on_front, **more))
    facts = replace(
        small_study(),
        parameters=space,
        trials=tuple(trials),
        importances={o.column: {p.name: 0.05 for p in space} for o in OBJECTIVES},
        baseline=trial(None, (0.8, 1e-6, 1e-3), parameters={p.name: 1e-12 for p in space}),
    )
    tested = {str(t.number): tuple((v, v * 0.99, v * 1.01) for v in t.values if v) for t in trials if t.on_front}
    return facts, rows_on_test({"baseline": TESTED["baseline"], **tested})

"""A made-up sweep with the shape of a real one, and the paper's N-MNIST means (Table 2) in its middle seed."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.metadata import (
    AxisFacts,
    ChipFacts,
    ChipNumber,
    Objective,
    ResultMetadata,
    WorkloadFacts,
)
from codesign.analysis.results.points import Point, gather
from codesign.analysis.results.table import frame_of
from codesign.hardware.terms import BOOKS, COST_TERMS, weight
from codesign.reporting.html import render_report
from codesign.reporting.pieces import Table
from codesign.reporting.terminal import print_summary

Row = dict[str, Any]

HIDDEN, FAN_OUT, SYNAPTIC_OPERATION_J = 192, 46, 26e-12
RECIPES = {
    "layered": ("layered", None, None),
    "unlayered_rs": ("unlayered", "random", 8),
    "unlayered_ms": ("unlayered", "momentum", 8),
}
# (accuracy, spike density, spikes until output) by recipe and inference; Table 2 where the paper has them.
ANSWERS = {
    ("layered", "layered"): (0.949, 3.987, 60.0),
    ("layered", "random"): (0.625, 3.652, 45.0),
    ("layered", "momentum"): (0.655, 3.601, 43.0),
    ("unlayered_rs", "layered"): (0.931, 1.702, 33.0),
    ("unlayered_rs", "random"): (0.956, 1.504, 19.0),
    ("unlayered_rs", "momentum"): (0.951, 1.493, 18.5),
    ("unlayered_ms", "layered"): (0.934, 1.688, 32.0),
    ("unlayered_ms", "random"): (0.948, 1.489, 18.0),
    ("unlayered_ms", "momentum"): (0.963, 1.476, 15.0),
}
SHIFT = {0: -0.004, 1: 0.0, 2: 0.004}
SPREAD = {"layered": 1.0, "random": 1.5, "momentum": 0.5}


def base_row(recipe: str, chip: str, schedule: str, training_seed: int, evaluation_seed: int, **changes: object) -> Row:
    method, policy, group_size = RECIPES[recipe]
    row: Row = {
        "sweep": "synthetic",
        "status": "ok",
        "workload": "nmnist",
        "topology": "2312-64-64-64-10",
        "recipe": recipe,
        "training_method": method,
        "training_policy": policy,
        "training_group_size": group_size,
        "training_seed": training_seed,
        "evaluation_seed": evaluation_seed,
        "chip": chip,
        "schedule": schedule,
        **changes,
    }
    text = "/".join(str(row.get(key)) for key in ("recipe", "chip", "capacity", "schedule"))
    row["point"] = hashlib.sha256(f"{text}/{training_seed}/{evaluation_seed}".encode()).hexdigest()[:16]
    return row


def answers(recipe: str, inference: str, training_seed: int, evaluation_seed: int) -> Row:
    accuracy, density, spikes = ANSWERS[recipe, inference]
    shift = SPREAD[inference] * SHIFT[training_seed] + (0.001 if evaluation_seed else -0.001) * (inference != "layered")
    accuracy, density = accuracy + shift, density * (1 - 4 * shift)
    layered = inference == "layered"
    return {
        "trained_epochs": 20,
        "best_epoch": 17,
        "training_loss": 0.3,
        "validation_accuracy": accuracy - 0.002,
        "inference": "layered" if layered else "asynchronous",
        "policy": None if layered else inference,
        "group_size": None if layered else 8,
        "stop": "drained" if layered else "on_output",
        "steps_after_output": None if layered else 1,
        "input_mode": "frame",
        "equivalent_to_layered": layered,
        "samples": 60,
        "accuracy": accuracy,
        "float_accuracy": accuracy + 0.01,
        "agreement": 1.0 if layered else 0.875,
        "tied_fraction": 0.01,
        "undecided_fraction": 0.002,
        "spike_density": density,
        "input_events": 4200.0,
        "input_macs": 6.0,
        "dense_operations": 5000.0,
        "weights": 3000,
        "contention": 0.0 if layered else 0.75,
        "forward_steps": 120.0 if layered else 150.0 * density / 2,
        "latency_steps": 4.0 if layered else spikes / 7,
        "latency_spikes": spikes,
        "decided_pass_fraction": 0.97,
        "spikes_per_pass": spikes * 1.2,
        "latency_spikes_bins": list(range(0, 100, 10)),
        "latency_spikes_counts": [max(0, int(600 - 0.5 * (10 * k + 5 - spikes) ** 2)) for k in range(10)],
        "convergence_accuracy": None if layered else [accuracy + 0.004 * m - 0.0004 * m * m for m in range(8)],
        "currents_first_layer": [0, 5, 20, 60, 30, 10],
        "currents_other_layers": [0, 10, 20, 40, 80, 160] if layered else [0, 300, 120, 40, 10, 3],
    }


def energies(density: float, terms: dict[str, float], coverage: list[str]) -> Row:
    paper = density * HIDDEN * FAN_OUT
    performed = 4200.0 * 64 + 0.95 * paper
    row: Row = {f"energy_{name.removesuffix('_message')}_j": value for name, value in terms.items()}
    row["energy_synaptic_operation_j"] = performed * terms["synaptic_operation"]
    all_in = coverage == ["all_in"]
    counted = [
        weight(COST_TERMS[name], BOOKS["cores_in_use"], 1 / 32) * energy
        for name, energy in terms.items()
        if name != "synaptic_operation"
    ]
    return {
        **row,
        "energy_accounting": "all_in" if all_in else "incremental",
        "synaptic_operations": performed,
        "energy_j": row["energy_synaptic_operation_j"] + sum(v for k, v in terms.items() if k != "synaptic_operation"),
        "energy_cores_in_use_j": row["energy_synaptic_operation_j"] + sum(counted),
        "energy_coverage": coverage,
        "paper_synaptic_operations": paper,
        "paper_energy_j": paper * terms["synaptic_operation"],
    }


def mubrain_row(recipe: str, inference: str, training_seed: int, evaluation_seed: int) -> Row:
    schedule = "layered" if inference == "layered" else f"async_{inference}"
    said = answers(recipe, inference, training_seed, evaluation_seed)
    priced = energies(said["spike_density"], {"synaptic_operation": SYNAPTIC_OPERATION_J}, ["synaptic_operation"])
    return base_row(
        *(recipe, "mubrain", schedule, training_seed, evaluation_seed),
        chip_title="µBrain",
        synchronization="asynchronous",
        capacity="scaled",
        operation="accelerated",
        weight_bits=4,
        assumptions=["capacity scaled: 147,968 synapses where the chip has 37,366", "F = 8: not stated for the chip"],
        not_modelled=["static energy: no latency to multiply it with", "latency: circuit times not published"],
        **said,
        **priced,
    )


def accuracies(values: dict[tuple[str, str], tuple[float, ...]]) -> list[Row]:
    """Rows of µBrain with these accuracies by training and inference, one a training seed."""
    return [
        mubrain_row(*pair, seed, 0) | {"accuracy": accuracy}
        for pair, seeds in values.items()
        for seed, accuracy in enumerate(seeds)
    ]


def loihi_row(recipe: str, training_seed: int, evaluation_seed: int) -> Row:
    said = answers(recipe, "layered", training_seed, evaluation_seed)
    terms = {
        "synaptic_operation": 23.6e-12,
        "neuron_update": 1.1e-6 * said["spike_density"] / 4,
        "spike": 0.3e-7,
        "hop": 0.2e-7,
        "barrier_message": 0.4e-7,
        "static_chip": 0.9e-6,
    }
    return base_row(
        *(recipe, "loihi", "chip", training_seed, evaluation_seed),
        chip_title="Loihi",
        synchronization="barrier",
        capacity="published",
        operation="accelerated",
        weight_bits=8,
        on_s=2.1e-4 + 2e-5 * said["spike_density"],
        core_utilization=[0.5, 0.25, 0.125, 0.0625],
        peak_link_load=40.0,
        latency_model="barrier per timestep, pipelined",
        latency_s=2.1e-4 + 2e-5 * said["spike_density"],
        latency_compute_s=1.1e-4,
        latency_network_s=2e-5,
        latency_synchronization_s=8e-5,
        decision_latency_s=3e-5,
        assumptions=["stop: the chip cannot flush; energy of the drained pass"],
        **said,
        core_share=1 / 32,
        **energies(said["spike_density"], terms, [COST_TERMS[name].covered_as for name in terms]),
    )


def truenorth_row(recipe: str, training_seed: int, evaluation_seed: int) -> Row:
    said = answers(recipe, "layered", training_seed, evaluation_seed) | {"equivalent_to_layered": False}
    said |= {"inference": "asynchronous", "policy": "random", "group_size": 8, "stop": "drained"}
    priced = energies(said["spike_density"], {"synaptic_operation": 27e-12}, ["all_in"])
    return base_row(
        *(recipe, "truenorth", "chip", training_seed, evaluation_seed),
        chip_title="TrueNorth",
        synchronization="timer",
        capacity="scaled",
        operation="accelerated",
        weight_bits=2,
        latency_model="timer",
        on_s=33e-3,
        latency_s=33e-3,
        overloaded_ticks=0.5 if recipe == "layered" else 0.0,
        latency_synchronization_s=32e-3,
        decision_latency_s=4e-3,
        **said,
        **priced,
    )


def with_ranges(row: Row, **numbers: tuple[str, float, float]) -> Row:
    """A row whose energy terms move in proportion to one number each.

    Args:
        numbers: by energy term, the path of its number and the factors of the range's ends.
    """
    changes: Row = {"uncertain_numbers": [], "uncertain_terms": list(numbers), "term_draws": []}
    for name in ("uncertain_low", "uncertain_value", "uncertain_high", "energy_at_low_j", "energy_at_high_j"):
        changes[name] = []
    total, terms = np.full(128, row["energy_j"]), {name: row[f"energy_{name}_j"] for name in numbers}
    for name, (path, low, high) in numbers.items():
        seed = int.from_bytes(hashlib.sha256(f"{row['chip_title']}{path}".encode()).digest()[:8], "big")
        place = (np.random.default_rng(seed).permutation(128) + 0.5) / 128
        draws = terms[name] * low * (high / low) ** place
        total = total + draws - terms[name]
        changes["uncertain_numbers"].append(path)
        for end, value in (("low", low), ("value", 1.0), ("high", high)):
            changes[f"uncertain_{end}"].append(value * 1e-11)
        changes["energy_at_low_j"].append(row["energy_j"] + terms[name] * (low - 1))
        changes["energy_at_high_j"].append(row["energy_j"] + terms[name] * (high - 1))
        changes["term_draws"] += (draws / (terms[name] * high)).tolist()
    for end, column in enumerate(("term_at_low", "term_at_high"), start=1):
        changes[column] = [
            (numbers[name][end] if name == other else 1.0) / numbers[name][2] for name in numbers for other in numbers
        ]
    changes["term_scale_j"] = [terms[name] * numbers[name][2] for name in numbers]
    return row | changes | {"energy_draws_j": total.tolist()}


def synthetic_rows(seeds: tuple[int, ...] = (0, 1, 2)) -> list[Row]:
    rows = []
    for run in product(RECIPES, seeds, (0, 1)):
        recipe, *drawn = run
        rows += [mubrain_row(recipe, inference, *drawn) for inference in ("layered", "random", "momentum")]
        rows += [loihi_row(*run), truenorth_row(*run)]
    small = base_row("layered", "mubrain", "async_random", 0, 0, capacity="published")
    small |= {"status": "infeasible", "reason": "layer 0 needs 147,968 synapses, the chip has 37,366"}
    lost = base_row("unlayered_ms", "loihi", "barrier_long", 0, 0, capacity="published")
    lost |= {"status": "failed", "reason": "TrainingDivergedError: the loss is not finite in epoch 3"}
    return [*rows, small | {"synchronization": "asynchronous", "operation": "accelerated"}, lost]


def synthetic_metadata(**questions: dict[str, Any]) -> ResultMetadata:
    """With the questions of a file, by name."""
    stuijt, davies = "Stuijt et al. 2021", "Davies et al. 2018"
    measured = {"confidence": "measured", "source": f"{stuijt}, https://doi.org/10.3389/fnins.2021.664208"}
    energy = ChipNumber(name="energy per synaptic operation", value_si=26e-12, unit="J", text="26 pJ", **measured)
    assumed = {"text": "", "confidence": "assumed", "source": ""}
    unknown = ChipNumber(name="time per synaptic operation", value_si=None, unit="s", **assumed)
    stated = {"text": "30 mW", "confidence": "stated", "source": davies}
    static = ChipNumber(name="static_power.chip", value_si=0.03, unit="W", low_si=0.02, high_si=0.04, **stated)
    return ResultMetadata(
        sweep="synthetic",
        title="µBrain against Loihi and TrueNorth",
        question="What does it cost to do without layer synchronization?",
        description="A made-up sweep.",
        config_hash="5f2c0d6a91",
        command="codesign sweep sweeps/synthetic.yaml --output reports/synthetic",
        static_book="board",
        versions={"codesign": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
        workload=WorkloadFacts(
            name="nmnist",
            coverage="300 of 70,000 recordings are here: accuracies are those of a small sample",
            train=200,
            validation=40,
            test=60,
            classes=10,
            timesteps=31,
            timestep_s=0.01,
            commonest=0.1,
        ),
        topology="2312-64-64-64-10",
        neuron={"threshold": 0.3, "time_constant_s": 1e-3, "reset": "zero"},
        recipes={
            name: {"method": method, "policy": policy, "group_size": group_size, "epochs": 20}
            for name, (method, policy, group_size) in RECIPES.items()
        },
        schedules={"layered": {"stop": "drained"}, "async_random": {"policy": "random", "group_size": 8}},
        objectives=(
            Objective(column="accuracy", direction="maximize", reference=0.0),
            Objective(column="energy_j", direction="minimize", reference=1e-4),
            Objective(column="latency_s", direction="minimize", reference=1.0),
        ),
        chips={
            "mubrain": ChipFacts(
                title="µBrain",
                citation="Stuijt et al., µBrain: an event-driven and fully synthesizable architecture, 2021",
                synchronization="asynchronous",
                notes=("Static power is known (73 µW), but there is no latency to multiply it with.",),
                numbers=(energy, unknown),
            ),
            "loihi": ChipFacts(
                title="Loihi",
                citation=davies,
                synchronization="barrier",
                operating_point="0.75 V, 20 °C",
                gating="unused cores on, between inputs not known",
                validation_summary="5 of 7 published measurements recomputed; errors −0.5 % to +72 %, median 9 %",
                numbers=(static,),
            ),
            "truenorth": ChipFacts(title="TrueNorth", citation="Merolla et al. 2014", synchronization="timer"),
        },
        axes=(AxisFacts(name="vector_width"),),
        questions=questions,
    )


def table_of(rows: list[Row], metadata: ResultMetadata | None = None) -> AnsweredTable:
    """The rows as a file of them is read, without the file."""
    axes = sorted({name for row in rows for name in row if name not in COLUMNS})
    assert all(name.startswith("axis.") for name in axes), axes
    names = ("sweep", "workload", "chip", "capacity", "operation", "schedule", *axes)
    keys = (*names, "recipe", "training_seed", "evaluation_seed", "point")
    ordered = sorted(rows, key=lambda row: [(row.get(key) is not None, row.get(key)) for key in keys])
    facts = ResultMetadata.from_json((metadata or synthetic_metadata()).to_json())
    return AnsweredTable(frame=frame_of(ordered, [*COLUMNS, *axes]), metadata=facts)


def points_of(rows: list[Row], metadata: ResultMetadata | None = None) -> tuple[Point, ...]:
    return gather(table_of(rows, metadata))


def page_of(rows: list[Row], metadata: ResultMetadata | None = None) -> str:
    return render_report(table_of(rows, metadata))


@cache
def synthetic() -> AnsweredTable:
    """The whole sweep, whose points and answers are worked out once."""
    return AnsweredTable.of(table_of(synthetic_rows()))


@cache
def synthetic_page() -> str:
    return render_report(synthetic())


def printed(table: AnsweredTable) -> str:
    """The summary on a terminal, which fits eighty columns whatever it holds."""
    console = Console(file=io.StringIO(), width=80, color_system=None, force_terminal=True)
    print_summary(table, Path("report.html"), Path("results.parquet"), console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    return text


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def columns(table: Table, *names: str) -> list[tuple[str, ...]]:
    """What each row says under these headings."""
    places = [[heading.text for heading in table.headings].index(name) for name in names]
    return [tuple(row[place].text for place in places) for row in table.rows]

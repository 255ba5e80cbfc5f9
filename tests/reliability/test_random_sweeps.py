"""Random sweeps of everything that a file can say, each run to its page: the file is refused, or the page has no NaN,
infinity or undefined value, and no job fails except by training that diverges.

Would catch a combination of features that nobody tried: those that were found ended runs that had taken minutes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from neuron_values import OF_NETWORKS
from parameter_values import BESIDE, VALUES

import codesign as cd

pytestmark = [pytest.mark.thorough, pytest.mark.fuzz]

CONVOLUTION = {"kind": "conv2d", "channels": 4, "kernel": 3, "stride": 2}
OUTPUT = {"kind": "linear", "neurons": 10}
LAYERS = [
    [CONVOLUTION, {"kind": "average_pool", "kernel": 2}, OUTPUT],
    [CONVOLUTION, {"kind": "max_pool", "kernel": 2}, {"kind": "linear", "neurons": 16}, OUTPUT],
    [{"kind": "sum_pool", "kernel": 2}, {"kind": "linear", "neurons": 16}, {"kind": "linear", "neurons": 12}, OUTPUT],
]
AXES: dict[str, list[Any]] = {
    "chip.{chip}.vector_width": [4, 8],
    "chip.{chip}.synchronization": ["asynchronous", "barrier"],
    "chip.{chip}.spread": [1, 2],
    "chip.{chip}.energies.synaptic_operation": ["1 pJ", "10 pJ"],
    "schedule.mine.group_size": [1, 8],
    "schedule.mine.policy": ["random", "momentum"],
    "recipe.first.learning_rate": [1e-3, 3e-3],
    "network.width": [8, 16],
    "neuron.time_constant": ["5 ms", "20 ms"],
    "workload.timestep": ["5 ms", "10 ms"],
}
CLAIMS: list[dict[str, Any]] = [
    {"more": {"recipe": "first"}, "less": {"recipe": "second"}, "about": "2 x"},
    {"more": {"schedule": "mine"}, "less": {"schedule": "layered"}},
    {"along": "group_size", "direction": "falls"},
]
LIMITS = ["accuracy within 20 points of best", "energy_j < 1 uJ", "latency_s within 50 % of best"]
COLUMNS = ["energy_j", "latency_s", "energy_delay_js", "power_w", "area_m2", "spike_density", "accuracy"]


def chosen(draw: random.Random, block: str, parameters: int) -> dict[str, Any]:
    """Values of about this many parameters of a block, with what they need to matter."""
    fields: dict[str, Any] = {}
    for name, values in VALUES[block].items():
        if draw.random() < parameters / len(VALUES[block]):
            fields |= {**BESIDE.get(name, {}), name: draw.choice(values)}
    return fields


def a_file(draw: random.Random) -> dict[str, Any]:
    """Of a sweep, with a part of everything."""
    network: dict[str, Any] = {"hidden": draw.choice(["24", "20-12", "16r"])}
    if draw.random() < 0.4:
        network = {"layers": draw.choice(LAYERS)}
        if draw.random() < 0.3:
            network["delayed"] = [
                draw.choice([{"from": 1, "to": 0, "delay": 2}, {"from": 0, "to": 0, "within": "pass"}])
            ]
        if draw.random() < 0.3:
            network["skips"] = [{"from": draw.choice(["input", 0]), "to": draw.choice([1, 2]), "kind": "linear"}]
    layers = {"24": 2, "16r": 2, "20-12": 3}.get(network.get("hidden", ""), 3)
    neuron = {
        name: [value] * layers if name not in OF_NETWORKS and draw.random() < 0.2 else value
        for name, value in chosen(draw, "neuron", 3).items()
    }
    chips = draw.sample(cd.chip_names(), draw.choice([1, 2, 3]))
    recipes = {
        name: {"method": draw.choice(["layered", "unlayered"]), **chosen(draw, "recipe", 1)}
        for name in ("first", "second")
    }
    file: dict[str, Any] = {
        "name": "random",
        "workload": {"name": "digits", "train": 60, "validation": 20, "test": draw.choice([12, 40])},
        "network": {**network, "neuron": neuron},
        "preset": "nmnist",
        "recipe_defaults": {"epochs": 1, "batch_size": 32},
        "recipes": recipes,
        "schedules": {"mine": {"policy": draw.choice(cd.policy_names()), **chosen(draw, "schedule", 2)}},
        "chips": {
            name: {"capacity": "scaled", "can_flush": draw.choice(["yes", "no"]), **chosen(draw, "chip", 1)}
            for name in chips
        },
        "seeds": {"training": list(range(draw.choice([1, 2])))},
        "static_book": draw.choice(["board", "cores_in_use"]),
    }
    if draw.random() < 0.5:
        least = draw.choice(COLUMNS[:5])
        file["objectives"] = [
            {"column": "accuracy", "direction": "maximize"},
            {"column": least, "direction": "minimize"},
        ]
        file["questions"] = {
            "best": {"choose": draw.choice(["chip", "schedule", "recipe"]), "least": draw.choice(COLUMNS)}
        }
        file["questions"]["claim"] = {"claim": "It holds.", "column": draw.choice(COLUMNS), **draw.choice(CLAIMS)}
        file["questions"]["target"] = {"target": draw.sample(LIMITS, 2)}
        if chips[1:]:
            file["questions"]["two"] = {"compare": chips[:2], "columns": draw.sample(COLUMNS, 2), "where": LIMITS[:1]}
    return file


def swept(draw: random.Random, file: dict[str, Any]) -> dict[str, Any]:
    chip = draw.choice(list(file["chips"]))
    axes = {path.format(chip=chip): values for path, values in AXES.items() if draw.random() < 0.1}
    return {**file, "axes": axes}


def faults(results: cd.SweepResults, page: str) -> Iterator[str]:
    """What no page may hold, and why jobs failed."""
    text = re.sub("<[^>]+>", " ", re.sub("<script.*?</script>", "", page, flags=re.DOTALL))
    yield from re.findall(r".{0,40}\b(?:nan|NaN|undefined|inf|Infinity)\b.{0,40}", text)
    failed = results.frame.loc[results.frame["status"] == "failed", "reason"]
    yield from (reason for reason in failed.unique() if not reason.startswith("TrainingDivergedError"))


@pytest.mark.filterwarnings("ignore::codesign.SilentNetworkWarning")
def test_a_random_sweep_is_refused_or_has_a_page(tmp_path: Path, cache_root: Path, monkeypatch) -> None:
    monkeypatch.setenv("CODESIGN_CACHE", str(cache_root))
    seed, ended = random.SystemRandom().randrange(2**32), 0
    draw = random.Random(seed)
    for number in range(60):
        file = swept(draw, a_file(draw))
        print(f"seed {seed}, number {number}")  # shown where it fails
        output = tmp_path / str(number)
        try:
            results = cd.run_sweep(file, store=tmp_path / "store", output=output, executor="serial")
        except cd.InputError:
            continue
        ended += 1
        assert not list(faults(results, (output / "report.html").read_text(encoding="utf-8"))), file
    assert ended > 10

"""The model's own error: from measurements to a factor, and from the factor into draws."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from handmade_hardware import ASYNCHRONOUS, HEAD, MESH_CORES, TIMES, chip_from, cost_of, group, near, number
from test_validation import CHIP, COUNT, several

from codesign.analysis.results.books import in_book
from codesign.errors import DocumentError
from codesign.exploration.jobs.jobs import chip_digest
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.cost.uncertainty import uncertainty_columns
from codesign.hardware.draws import draws_of
from codesign.hardware.library import chip_names, chip_variant, find_chip, load_chip
from codesign.hardware.terms import COST_TERMS
from codesign.hardware.validation.model_error import LIBRARY, library_error, measured_error
from codesign.simulation.execution import Execution

ERROR = "model_error: {energy: 2, latency: 3, note: made up}\n"


def test_only_measurements_that_test_the_model_count_each_at_its_farther_end() -> None:
    chip = several(
        ("energy: 2 nJ", COUNT % ""),  # off by 2
        ("energy: 4 nJ", "{kind: counts, events: {synaptic_operation: [1000, 30e3]}}"),  # by 4 and by 7.5
        ("energy: 1 nJ", COUNT % ""),
        # 1 nJ and 1 µW in 1 ms: 1 µW and as much again at work, and a power beside its energy counts once
        ("power: 8 uW", COUNT % ", duration: 1 ms"),
        ("energy: 2 nJ\n    power: 8 uW", COUNT % ", duration: 1 ms"),  # exact
        # none of these
        ("power: 9 uW", "{kind: counts, duration: 1 ms}"),
        ("energy: 40 nJ", COUNT % ", fitted: [energies.synaptic_operation]"),
        ("energy: 40 nJ", COUNT % ", bound: lower"),
        ("energy: 40 nJ\n    accuracy: 0.5", "{kind: none, reason: not counted}"),
        ("latency: 40 s", COUNT % ""),
    )
    found = measured_error(chip)
    logarithms = [math.log(factor) for factor in (2, 7.5, 1, 4, 1, LIBRARY.energy)]
    assert found.energy == near(math.exp(math.sqrt(sum(one**2 for one in logarithms) / 6)), rel=0.005)
    assert found.latency == LIBRARY.latency
    assert "from 5 measurements of energy and 0 of time" in found.note


def test_the_library_s_own_factors_are_those_in_the_code() -> None:
    energy, latency = library_error(map(find_chip, chip_names()))
    assert (f"{energy:.2g}", f"{latency:.2g}") == (f"{LIBRARY.energy:.2g}", f"{LIBRARY.latency:.2g}")


def test_what_a_file_says_wins_and_whatever_is_changed_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(HEAD + CHIP + ERROR)
    stated = load_chip(path)
    assert (stated.model_error.energy, stated.model_error.latency) == (2, 3)
    loihi = find_chip("loihi_sanafe")
    assert loihi.model_error == measured_error(loihi)
    changed = with_parameter(loihi, "energies.synaptic_operation", "1 pJ")
    assert changed.model_error == loihi.model_error
    assert measured_error(changed) != loihi.model_error  # it would be another's
    surer = stated.model_copy(update={"model_error": stated.model_error.model_copy(update={"latency": 2.9})})
    assert chip_digest(surer) != chip_digest(stated)
    path.write_text(HEAD + CHIP + "model_error:\n  energy: 0.5\n  latency: 3\n  note: made up\n")
    with pytest.raises(DocumentError, match=r"tiny\.yaml:\d+: model_error\.energy: .*greater than or equal to 1"):
        load_chip(path)


def test_a_variant_keeps_the_error_of_its_base_until_it_is_measured_itself(tmp_path: Path) -> None:
    loihi = find_chip("loihi_davies2018")
    assert loihi.model_error.energy != LIBRARY.energy
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nextends: loihi_davies2018\nvector_width: 4\n")
    mine = load_chip(path)
    (tmp_path / "theirs.yaml").write_text("name: theirs\nextends: ./mine.yaml\n")
    inline = chip_variant("loihi_davies2018", {"vector_width": 4})
    assert (
        mine.model_error == load_chip(tmp_path / "theirs.yaml").model_error == inline.model_error == loihi.model_error
    )
    measured = "{name: run, workload: none, energy: 1 J, confidence: measured, source: davies2018}"
    path.write_text(f"name: mine\nextends: loihi_davies2018\nvalidation: [{measured}]\n")
    assert load_chip(path).model_error.energy == LIBRARY.energy


@pytest.mark.parametrize("all_in", [False, True])
def test_draws_are_those_without_it_times_a_log_normal_factor(two_timesteps: Execution, all_in: bool) -> None:
    synaptic = {"all_in": "true", "operation": "accelerated"} if all_in else {"all_in": "false"}
    body = MESH_CORES + ASYNCHRONOUS + TIMES + group("energies", synaptic_operation=number("1 pJ", **synaptic))
    body += "" if all_in else f"static_power: {{chip: {number('1 uW')}}}\n"
    without, cost = (cost_of(two_timesteps, chip_from(body + more)) for more in ("", ERROR))
    before, after = uncertainty_columns(without), uncertainty_columns(cost)
    assert after["uncertain_numbers"] == [*before["uncertain_numbers"], "model.energy", "model.latency"]
    assert (after["uncertain_low"][-2:], after["uncertain_high"][-2:]) == (near([1 / 2, 1 / 3]), [2, 3])
    assert after["energy_at_low_j"][-2:] == near([cost.energy_j / 2, cost.energy_j], rel=1e-5)
    assert after["latency_at_high_s"][-2:] == near([cost.latency_s, cost.latency_s * 3], rel=1e-5)
    for path, factor, column in (("energy", 2, "energy_draws_j"), ("latency", 3, "latency_draws_s")):
        quantiles = [NormalDist().inv_cdf(place) for place in draws_of("tiny", f"model.{path}")]
        assert after[column] == near((np.array(before[column]) * factor ** np.array(quantiles)).tolist(), rel=1e-4)
        assert np.std(quantiles) == near(1, rel=0.03)
    assert after["on_draws_s"] == before["on_draws_s"]  # part of the energy's error
    row: dict[str, Any] = {**{term.column: None for term in COST_TERMS.values()}, **cost.columns(), **after}
    share = in_book(pd.DataFrame([row]), "cores_in_use")
    ratios = np.array(share["energy_draws_j"][0]) / np.array(after["energy_draws_j"])
    nominal = cost.energy_cores_in_use_j / cost.energy_j
    assert np.median(ratios) == near(nominal, rel=0.1)
    assert ratios.tolist() == near([nominal] * len(ratios), rel=0.2)

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import torch

import codesign as cd
from codesign.analysis.results.columns import COLUMNS
from codesign.models.page import model_page


def card() -> cd.ModelCard:
    network = cd.SpikingNetwork(cd.parse_topology("6-5-3"), cd.NeuronSpec(), timestep_s=0.01)
    return cd.describe_model(network, name="mine")


def test_a_card_of_which_nothing_is_known_says_so():
    page = model_page(card(), "mine.safetensors")
    assert "8 neurons that tells 3 classes apart" in page
    assert "| network | 6-5-3: 45 synapses, 45 weights of 32 bits |" in page
    assert "## How it was trained\n\nNot known." in page
    assert "## What it scores\n\nNot evaluated." in page
    assert "Nothing is claimed about the licence of its data" in page
    assert "Nothing here was measured on silicon" in page


def test_numbers_that_differ_between_neurons_are_shown_with_their_range(tmp_path: Path):
    network = cd.SpikingNetwork("6-5-3", cd.NeuronSpec(time_constant="5 ms"), timestep_s=1e-3)
    with torch.no_grad():
        network.threshold.copy_(torch.linspace(0.2, 0.97, 8))
        network.time_constant[2] = math.inf
    cd.save_model(tmp_path / "mine.safetensors", network, cd.describe_model(network, name="mine"))
    assert "| neuron | threshold 0.2 to 0.97, time constant 5 ms to infinite, reset zero" in (
        tmp_path / "mine.md"
    ).read_text("utf-8")
    loaded = cd.load_model(tmp_path / "mine.safetensors")
    for shown in (repr(network), repr(loaded.network)):
        assert "threshold=0.2 to 0.97, time_constant=5 ms to infinite" in shown
    assert "threshold=0.3, time_constant=0.005\n" in repr(cd.SpikingNetwork("6-3", network.neuron, timestep_s=1e-3))


def test_what_each_layer_has_stands_in_one_cell_with_its_unit():
    each = {"threshold": [0.1, 0.2], "time_constant": ["5 ms", "infinite"], "reset": ["zero", "subtract"]}
    neuron = cd.NeuronSpec(**each, synaptic_time_constant=["10 ms", None], floor=[-0.5, None])
    (row,) = [line for line in model_page(replace(card(), neuron=neuron), "x").splitlines() if "| neuron" in line]
    assert row.startswith(
        "| neuron | threshold 0.1 / 0.2, time constant 5 ms / infinite, reset zero / subtract, floor -0.5 / none,"
    )
    assert "synaptic time constant 10 ms / none" in row
    assert row.count("|") == 3


def test_scores_stand_under_their_schedule():
    quantized = cd.ModelEvaluation(
        chip="a",
        schedule="fast",
        axes={"chip.a.lanes": 4.0},
        inference="asynchronous",
        policy="random",
        group_size=8,
        stop="on_output",
        weight_bits=4,
        samples=1200,
        accuracy=0.5,
        float_accuracy=0.75,
        spike_density=1.5,
        energy_j=2e-9,
        not_modelled=("latency: a gives no times",),
    )
    layered = replace(quantized, schedule="layered", axes={}, inference="layered", weight_bits=None, not_modelled=())
    failed = cd.ModelEvaluation(chip="b", schedule="chip", status="infeasible", reason="too large")
    page = model_page(replace(card(), evaluations=(quantized, layered, failed), evaluations_left_out=7), "x")
    assert "| spike density | energy of the whole board per sample | latency | seed |" in page
    rows = [line for line in page.splitlines() if line.startswith(("| a |", "| b |"))]
    assert rows == [
        "| a | fast, lanes = 4 | asynchronous random, F = 8, early | 4-bit | 50.0 % | 75.0 % | 1.500 | 2 nJ | – | 0 |",
        "| a | layered | layered | 32-bit | 50.0 % | 50.0 % | 1.500 | 2 nJ | – | 0 |",
        "| b | chip | – | 32-bit | infeasible | – | – | – | – | 0 |",
    ]
    assert "On up to 1,200 samples of the test split." in page
    assert "Left out here, and in the results: 7." in page
    assert "- latency: a gives no times (a)" in page
    assert "- too large (b)" in page


def test_what_is_said_of_several_chips_names_all_of_them():
    runs = [cd.ModelEvaluation(chip=chip, schedule="s", assumptions=("old: one", "both")) for chip in ("old", "new")]
    page = model_page(replace(card(), evaluations=(*runs, replace(runs[0], assumptions=("old: two",)))), "x")
    assert "- old: one (old and new)\n- both (old and new)\n- old: two (old)\n" in page
    assert "samples of the" not in page  # no evaluation says how many


def test_calibrated_weights_are_not_those_of_an_epoch():
    calibration = {"policy": "random", "group_size": 8}
    whole = replace(card(), recipe_name="it")
    for given, ends in (({}, "on validation data."), ({"calibration": calibration}, "data, calibrated after it.")):
        page = model_page(replace(whole, recipe=cd.Recipe(method="layered", epochs=1, **given)), "x")
        assert f"{ends}\n" in page


def test_texts_of_others_are_text():
    hostile = "<script>alert(1)</script> | cell\n# heading [link](http://x) `code` *bold* _em_ snake_case"
    origin = cd.ModelOrigin(name="s", title=hostile, command="codesign sweep 'a\nb'", config_hash="", training_key="")
    page = model_page(replace(card(), name=hostile, description=hostile, origin=origin), "x")
    assert "    codesign sweep 'a b'\n" in page
    assert "<script" not in page
    assert not re.search(r"^# heading", page, flags=re.MULTILINE)
    assert r"\| cell \# heading \[link\](http://x) \`code\` \*bold\* \_em\_ snake_case" in page
    assert page.splitlines()[0].startswith("# &lt;script&gt;")


def test_nothing_in_a_page_steers_a_terminal_or_turns_text_around():
    steering = "\x00\x07\x1b\x7f\x9b\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
    evaluation = cd.ModelEvaluation(chip=steering, schedule=steering, accuracy=0.5, assumptions=(steering,))
    origin = cd.ModelOrigin(name="s", title=steering, command=steering, config_hash="c", training_key="k")
    full = replace(card(), name=steering, description=steering, evaluations=(evaluation,), origin=origin)
    page = model_page(full, steering)
    assert not set(steering) & set(page)
    assert "\\x1b" in page
    assert "\\u202e" in page


def test_evaluations_have_the_names_of_columns():
    beside = {"axes", "split"}
    assert set(cd.ModelEvaluation.__dataclass_fields__) - beside <= set(COLUMNS)

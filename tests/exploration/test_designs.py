"""Axes on network, neuron and workload: each combination of values is the sweep that a file with them would be."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from mistakes_found import mistakes_of
from tiny_sweeps import axes, beside, problems, run, text_of, tiny

import codesign as cd
from codesign.analysis.results.limits import MOST_AXES
from codesign.analysis.results.table import read_results
from codesign.exploration.definition.variants import design_points
from codesign.exploration.plan import Plan
from codesign.exploration.sweep import plan_sweep

NETWORK = 'network: {hidden: "12-8"}'
WORKLOAD = "workload: {name: digits, timesteps: 3,"


def jobs_of(plan: Plan) -> set[str]:
    return {key for jobs in plan.jobs for key in jobs.keys}


@pytest.mark.parametrize(
    ("axis", "changed"),
    [
        ("network.width: [16]", 'hidden: "16-16"'),
        ("network.depth: [3]", 'hidden: "12-8-8"'),
        ('network.hidden: ["9r-7"]', 'hidden: "9r-7"'),
        ("neuron.reset: [subtract]", 'hidden: "12-8", neuron: {reset: subtract}'),
    ],
)
def test_a_value_is_that_of_the_file(axis: str, changed: str):
    same = tiny((NETWORK, f"network: {{{changed}}}"))
    assert jobs_of(plan_sweep(tiny(axes(axis)))) == jobs_of(plan_sweep(same))


def test_what_the_file_says_of_the_workload_stays():
    """Its quantities are held in SI units; a file could not give them so."""
    written = (WORKLOAD, "workload: {name: digits, timestep: 5 ms,")
    same = (WORKLOAD, f"{WORKLOAD} timestep: 5 ms,")
    assert jobs_of(plan_sweep(tiny(written, axes("workload.timesteps: [3]")))) == jobs_of(plan_sweep(tiny(same)))


def test_layers_and_connections_are_axes_too():
    layers = "layers: [{kind: linear, neurons: 12}, {kind: linear, neurons: 8}, {kind: linear, neurons: 10}]"

    def network(source: str) -> tuple[str, str]:
        return NETWORK, f"network: {{{layers}, skips: [{{from: {source}, to: 2, kind: linear}}]}}"

    axis = axes("network.skips.0.from: [0]")
    assert jobs_of(plan_sweep(tiny(network("input"), axis))) == jobs_of(plan_sweep(tiny(network("0"))))
    layers = "{kind: conv2d, channels: 2, kernel: 3}, {kind: linear, neurons: 10}"
    spec = tiny((NETWORK, f"network: {{layers: [{layers}]}}"), axes("network.layers.0.channels: [2, 4]"))
    assert {point.columns["topology"] for point in plan_sweep(spec).points} == {"512-392-10", "512-784-10"}


@pytest.mark.pages
def test_results_models_and_answers_tell_them_apart(tmp_path: Path, cache_root: Path):
    spec = tiny(axes("network.width: [12, 24]", "workload.timestep: [20 ms, 50 ms]"))
    outcome, progress = run(spec, tmp_path, cache_root, models=True)
    table = read_results(outcome.results)
    rows = table.frame[table.frame["schedule"] == "layered"]
    assert sorted(zip(rows["axis.network.width"], rows["topology"], strict=True)) == [
        *[(12, "512-12-12-10")] * 2,
        *[(24, "512-24-24-10")] * 2,
    ]
    assert {axis.name: axis.unit for axis in table.metadata.axes} == {"network.width": "", "workload.timestep": "s"}
    assert table.metadata.topology == "512-12-12-10 or 512-24-24-10"
    assert "layered, width 12, timestep 20 ms seed 0" in " ".join(progress.ran)
    for width, timestep in product((12, 24), (0.02, 0.05)):
        name = f"layered-network.width-{width}-workload.timestep-{timestep}-seed0.safetensors"
        loaded = cd.load_model(tmp_path / "out/models" / name)
        assert loaded.network.shape.layer_sizes == (width, width, 10)
        assert loaded.network.timestep_s == loaded.card.data.options.timestep == timestep
        here = rows[(rows["axis.network.width"] == width) & (rows["axis.workload.timestep"] == timestep)]
        workload = cd.load_workload(loaded.card.data.options, cache_root=cache_root)
        assert cd.evaluate(loaded.network, workload.test, cd.LAYERED).accuracy == here["float_accuracy"].item()


MANY = [*range(1, 400)]


def test_more_axes_than_a_table_may_have_are_refused():
    many = axes(*(f"recipe.layered.spike_cost.{i}: [1]" for i in range(MOST_AXES + 1)))
    assert any(said.startswith(f"axes: must have at most {MOST_AXES} ") for _, said in problems(text_of(many)))


def test_more_design_points_than_a_sweep_may_have_are_told_at_the_axes():
    many = axes(f"network.width: {MANY}", f"neuron.threshold: {MANY}")
    ((line, told),) = mistakes_of(plan_sweep, tiny(many))
    assert line == 15
    assert told.startswith("axes: 477,603 design points are more than a sweep may have")


def test_a_given_model_is_one_whatever_the_seeds():
    seeds = ("training: [0]", "training: [0, 1, 2], evaluation: [0, 1]")
    assert design_points(tiny(seeds, beside("given: {model: mine.safetensors}"))) == (3 + 1) * 3 * 2


def test_all_that_does_not_go_together_is_told_at_once():
    depths = axes("network.depth: [1, 2, 3]", "network.hidden.3: [8, 9]")
    assert mistakes_of(plan_sweep, tiny(depths)) == [
        (17, "axes.network.hidden.3: network.depth = 1, network.hidden.3 = 8: the network has 1 hidden layer"),
        (17, "axes.network.hidden.3: network.depth = 2, network.hidden.3 = 8: the network has 2 hidden layers"),
    ]

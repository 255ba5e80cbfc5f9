"""Keys are the names under which stores already hold results: they may change only where results do.

The plan below touches every kind of job, and chips written out here, so that no correction of a shipped chip's numbers
moves its keys. Where a digest changes for a good reason, raise
the matching `*_VERSION` in `codesign/exploration/jobs/jobs.py` and take the new digests over.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from tiny_sweeps import OWN_CHIP, OWN_WEIGHTS, outline

from codesign.documents import parse_document
from codesign.errors import InputError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import design_points
from codesign.exploration.jobs.encoding import canonical_json, digest
from codesign.exploration.jobs.jobs import OF_RECIPES
from codesign.exploration.plan import Plan
from codesign.exploration.planning import build_plan
from codesign.simulation.policies import Policy

ENERGY = """\
energies: {synaptic_operation: {value: 1 pJ, all_in: false, range: [0.5 pJ, 3 pJ], confidence: stated, source: made_up}}
"""
ERROR = "model_error: {energy: 2, latency: 3, note: made up}\n"
OWN = OWN_CHIP + OWN_WEIGHTS + ENERGY + ERROR

BARRIER = """\
name: barrier
title: Also made up
description: for a test
citation: made_up
operating_point: on paper
sources: {made_up: {citation: made up}}
cores: {value: 40, confidence: stated, source: made_up}
layers_share_core: false
neurons_per_core: {value: 9, confidence: stated, source: made_up}
can_flush: "yes"
synchronization:
  kind: barrier
  scope: timestep
  times: {by_tiles: {1: 113 ns, 32: 465 ns}, confidence: derived, source: made_up}
static_power: {chip: {value: 0.5 mW, confidence: measured, source: made_up}}
model_error: {energy: 1, latency: 1, note: made up}
"""

SWEEP = """\
name: keys
workload: {{name: digits, timesteps: 3}}
network: {{hidden: "12-8"}}
preset: nmnist
recipe_defaults: {{epochs: 2, batch_size: 30, learning_rate: 5.0e-3}}
recipes:
  layered: {{method: layered}}
  random: {{method: unlayered, policy: random, group_size: 4}}
  timed: {{method: unlayered, policy: timed, group_size: 4, chip: own}}
chips:
  own: {{extends: {own}, capacity: scaled, schedules: [layered, asynchronous, timed]}}
  barrier: {{extends: {barrier}, weight_bits: 4}}
schedules:
  asynchronous: {{policy: random, group_size: 4}}
  timed: {{policy: timed, group_size: 4}}
seeds: {{training: [0, 1], evaluation: [0, 1]}}
axes:
  recipe.random.learning_rate: [1.0e-3, 2.0e-3]
  chip.own.vector_width: [1, 2]
  chip.own.energies.synaptic_operation: [1 pJ, 2 pJ]
  schedule.asynchronous.group_size: [4, 5]
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("chips")
    paths = {}
    for name, text in (("own", OWN), ("barrier", BARRIER)):
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(text, encoding="utf-8")
    spec = parse_document(SWEEP.format(**paths), "keys.yaml", SweepSpec)
    return build_plan(spec, outline(input_grid=(2, 4, 4), classes=3))


def hashed(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_keys_stay_the_same(plan):
    found = {
        "train": [job.execution.model.key for job in plan.jobs],
        "execute": [one.execution.key for job in plan.jobs for one in job.evaluations],
        "summary": [one.summary.key for job in plan.jobs for one in job.evaluations],
        "cost": [job.cost.key for job in plan.jobs],
    }
    assert {kind: len(set(keys)) for kind, keys in found.items()} == {
        "train": 8,  # 2 seeds of: layered, 2 learning rates, timed
        "execute": 136,
        "summary": 136,
        "cost": 200,
    }
    assert {kind: hashed(keys) for kind, keys in found.items()} == {
        "train": "efcec3cb21f9109d",
        "execute": "8faf1fffa3915589",
        "summary": "2cfa40ffa68b0cdf",
        "cost": "948b202b7de051b9",
    }
    assert plan.config_hash[:16] == "5109613f45ae1328"  # a field that is not named in `added` changes it, too


def test_a_policy_that_is_not_registered_has_no_key(plan):
    """Another one of its name would be given its results."""
    execution = plan.jobs[0].execution
    mine = replace(execution.schedule, policy=Policy(name="random", priority=lambda waiting: waiting.layer))
    for job in (replace(execution, schedule=mine), replace(execution.model, schedule=mine)):
        with pytest.raises(InputError, match="policy 'random': keys name policies, and this one is not registered"):
            _ = job.key


def test_what_few_recipes_have_is_versioned_for_them_alone(plan, monkeypatch):
    model = plan.jobs[0].execution.model
    gated = model.recipe.model_copy(update={"input_gate": True})

    def keys():
        return replace(model, seed=5).key, replace(model, recipe=gated).key

    plain, with_gate = keys()
    monkeypatch.setitem(OF_RECIPES, "input_gate", 99)
    assert keys()[0] == plain
    assert keys()[1] != with_gate


def test_columns_stay_the_same(plan):
    unkeyed = [{name: value for name, value in point.columns.items() if name != "point"} for point in plan.points]
    rows = [json.dumps(columns) for columns in unkeyed]  # in the order of the columns, too
    assert len(rows) == design_points(plan.spec) == 8 * (4 * (1 + 2 + 1) + 1) * 2
    assert hashed(rows) == "08929da82ed0f416"


def test_a_digest_is_that_of_the_canonical_json(plan):
    """Whatever is encoded once for many keys."""
    job = plan.jobs[0]
    chip, model = job.cost.placement.chip, job.execution.model
    mapping = {
        "b": model.schedule,
        "a": chip,
        "c": [1, None, 2.5, -0.0, True, 'é\n"'],
        "d": None,
        "é": {"y": 1, "x": 2},
    }
    for value in (mapping, dict(reversed(mapping.items()))):
        for _ in range(2):
            assert digest(value) == hashlib.sha256(canonical_json(mapping).encode()).hexdigest()
    for name, one in {"true": True, "1": 1, "1.0": 1.0, "0.0": 0.0, "-0.0": -0.0, "null": None, '"1"': "1"}.items():
        assert digest({"a": one}) == hashlib.sha256(f'{{"a":{name}}}'.encode()).hexdigest()


def test_equal_chips_have_the_keys_of_their_own_content(plan):
    """Chips are told apart by identity; what is remembered of one must not be given for another."""
    jobs = plan.jobs[0]
    chip = jobs.cost.placement.chip
    other, again = chip.model_copy(update={"name": "other"}), chip.model_copy(deep=True)
    assert replace(jobs.cost, placement=jobs.cost.placement.on(again)).key == jobs.cost.key
    assert replace(jobs.cost, placement=jobs.cost.placement.on(other)).key != jobs.cost.key


def test_points_share_what_they_have_in_common(plan):
    """So that a plan's memory, and the time to make its keys, follow what differs."""
    for kind, found in {
        "executions": [one.execution for job in plan.jobs for one in job.evaluations],
        "models": [job.execution.model for job in plan.jobs],
        "parts": [job.cost.placement.parts for job in plan.jobs],
    }.items():
        values = {canonical_json(one) for one in found}
        assert len({id(one) for one in found}) == len(values), kind

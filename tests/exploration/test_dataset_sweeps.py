"""A sweep on a small copy of a dataset without time, from its files to the report."""

from __future__ import annotations

import pytest
from tiny_sweeps import run
from workload_files import write_cifar10

from codesign.analysis.results.table import read_results
from codesign.documents import parse_document
from codesign.exploration.definition.spec import SweepSpec

CIFAR10 = """\
name: images
workload: {name: cifar10, train: 16, validation: 8, test: 8}
network:
  layers:
    - {kind: conv2d, channels: 2, kernel: 3, stride: 2}
    - {kind: sum_pool, kernel: 3}
    - {kind: linear, neurons: 10}
  neuron: {readout: potential}
preset: cifar10
recipe_defaults: {epochs: 1, batch_size: 8, group_size: 64}
recipes:
  layered: {method: layered}
  asynchronous: {method: unlayered, policy: random}
schedules:
  random: {policy: random, group_size: 16}
chips:
  mubrain: {capacity: scaled, weight_bits: none, schedules: [layered, random]}
seeds: {training: [0]}
"""


@pytest.mark.pages
def test_static_images_go_through_a_convolution_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CODESIGN_DATA", str(write_cifar10(tmp_path / "data")))
    outcome, _ = run(parse_document(CIFAR10, "sweep.yaml", SweepSpec), tmp_path, tmp_path / "cache")
    table, report = read_results(outcome.results), outcome.report.read_text(encoding="utf-8")
    facts = table.metadata.workload
    assert (facts.timesteps, facts.timestep_s, facts.classes) == (1, 0.0, 10)
    assert facts.coverage == "40 of 50,000 training and 10 of 10,000 test images"
    assert table.metadata.neuron["time_constant"] == "infinite"
    rows = table.frame
    assert len(rows) == outcome.ok == 4
    assert set(rows["topology"]) == {"3072-450-10"}  # 2 channels of 15x15; pools have no neurons
    assert rows["late_fraction"].isna().all()
    assert rows["float_accuracy"].isna().all()  # there are no bits to lose
    assert (rows["energy_j"] > 0).all()
    assert rows["accuracy"].between(0, 1).all()
    assert all(any("input multiply-accumulates" in text for text in texts) for texts in rows["not_modelled"])
    assert "a static input" in report
    assert "timesteps of" not in report

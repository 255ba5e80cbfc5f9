"""Sweeps on small copies of the paper's other datasets, from their files to the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_sounds import write_audio
from tiny_sweeps import run, tiny
from workload_files import write_cifar10

from codesign.analysis.results.table import ResultTable, read_results
from codesign.documents import parse_document
from codesign.exploration.definition.spec import SweepSpec

pytestmark = pytest.mark.pages

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


def ran(spec: SweepSpec, root: Path, folder: Path) -> tuple[ResultTable, str]:
    """Results and report of a sweep on the data below a root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODESIGN_DATA", str(root))
        outcome, _ = run(spec, folder, folder / "cache")
    assert outcome.ok == len(outcome.table.frame)
    return read_results(outcome.results), outcome.report.read_text(encoding="utf-8")


def test_static_images_go_through_a_convolution_once(tmp_path):
    table, report = ran(parse_document(CIFAR10, "sweep.yaml", SweepSpec), write_cifar10(tmp_path / "data"), tmp_path)
    facts = table.metadata.workload
    assert (facts.timesteps, facts.timestep_s, facts.classes) == (1, 0.0, 10)
    assert facts.coverage == "40 of 50,000 training and 10 of 10,000 test images"
    assert table.metadata.neuron["time_constant"] == "infinite"
    rows = table.frame
    assert len(rows) == 4
    assert set(rows["topology"]) == {"3072-450-10"}  # 2 channels of 15x15; pools have no neurons
    assert rows["late_fraction"].isna().all()
    assert rows["float_accuracy"].isna().all()  # there are no bits to lose
    assert (rows["energy_j"] > 0).all()
    assert rows["accuracy"].between(0, 1).all()
    assert all(any("input multiply-accumulates" in text for text in texts) for texts in rows["not_modelled"])
    assert "a static input" in report
    assert "timesteps of" not in report


def test_words_are_learnt_of_a_voice_that_was_never_heard(tmp_path):
    """A folder of recordings: wav files in, a table of results out."""
    spec = tiny(
        ("{name: digits, timesteps: 3, train: 60, validation: 20, test: 20}", "{name: audio, split: speaker}"),
        ('{hidden: "12-8"}', '{hidden: "24"}'),
        ("preset: nmnist", "preset: shd"),
        ("epochs: 1, batch_size: 30", "epochs: 12, batch_size: 8"),
        ("  truenorth: {}\n", ""),
    )
    table, report = ran(spec, write_audio(tmp_path), tmp_path)
    workload = table.metadata.workload
    assert (workload.name, workload.timesteps) == ("audio", 100)
    assert workload.coverage == "60 recordings of 5 labels by 3 speakers"
    assert "100 timesteps of 10 ms" in report
    assert table.frame["accuracy"].dropna().max() > 0.5  # of 5 words

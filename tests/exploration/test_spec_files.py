"""Files that a sweep names are looked for beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_sweeps import TINY
from workload_files import write_arrays

import codesign
from codesign.errors import DataError, DocumentError
from codesign.exploration.definition.library import load_sweep
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.sweep import plan_sweep
from codesign.exploration.workloads import Workloads
from codesign.files.once import reading_once

CHIPS = Path(codesign.__file__).parent.parent / "chips"


def test_a_chip_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    chip = (CHIPS / "mubrain.yaml").read_text(encoding="utf-8")
    for folder in ("here", "deep/down"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "here/my_chip.yaml").write_text(chip.replace("vector_width: {value: all", "vector_width: {value: 500"))
    text = TINY.replace("  mubrain: {", "  mubrain: {extends: ./my_chip.yaml, ")
    (tmp_path / "here/base.yaml").write_text(text)
    (tmp_path / "deep/down/mine.yaml").write_text("extends: ../../here/base.yaml\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    for place in ("here/base.yaml", tmp_path / "here/base.yaml", "deep/down/mine.yaml"):
        assert base_chip(load_sweep(place), "mubrain").vector_width.value == 500
    monkeypatch.chdir(tmp_path / "here")
    assert base_chip(load_sweep("base.yaml"), "mubrain").vector_width.value == 500
    (tmp_path / "deep/base.yaml").write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_sweep("../deep/base.yaml")
    said = "chips.mubrain.extends: ../deep/my_chip.yaml: cannot be read: No such file or directory"
    assert str(caught.value) == f"../deep/base.yaml:10: {said}"


def test_data_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    """And is the same data, and the same plan, wherever both lie; once planned with, it may not change."""
    text = re.sub("workload: .*", "workload: {name: arrays, file: mine.npz}", TINY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(DocumentError, match=r"mine.yaml:.*: workload.file: there is no file mine.npz$"):
        load_sweep("mine.yaml")
    plans = []
    for folder in ("here", "there"):
        (write_arrays(tmp_path / folder) / "mine.yaml").write_text(text)
        (tmp_path / folder / "arrays" / "mine.npz").rename(tmp_path / folder / "mine.npz")
        plans.append(plan_sweep(load_sweep(f"{folder}/mine.yaml")))
    assert plans[0].config_hash == plans[1].config_hash
    workloads, spec = Workloads(cache_root=tmp_path / "cache"), load_sweep("here/mine.yaml")
    with reading_once():
        fingerprint = workloads.outline(spec).fingerprint
        assert {fingerprint} == {*plans[0].workloads} == {*plans[1].workloads}
        (write_arrays(tmp_path, timestep_s=0.02) / "arrays" / "mine.npz").rename(tmp_path / "here" / "mine.npz")
        with pytest.raises(DataError, match="its files changed since the run began"):
            workloads.load(fingerprint)
        with pytest.raises(DataError, match="its files changed since the run began"):  # in a study's later trial
            workloads.outline(spec.of_design({"workload.train": 9}))

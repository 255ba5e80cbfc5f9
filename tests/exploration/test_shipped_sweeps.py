"""Every file under `sweeps`, at every dataset and scale that it has, is without mistakes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from priced_sweeps import space_of

import codesign
from codesign.exploration.definition.composition import Chosen, load_chosen
from codesign.exploration.definition.library import sweep_names
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.pricing.models import axis_mistakes
from codesign.exploration.pricing.spec import load_prices
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.sweep import plan_sweep

FOLDER = Path(codesign.__file__).parent.parent / "sweeps"
FILES = sorted(FOLDER.rglob("*.yaml"))
LISTED = [path for path in FILES if not any(part.startswith("_") for part in path.relative_to(FOLDER).parts)]
EMBEDDED = "digits"


CONTENTS: dict[Path, dict[str, Any]] = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
PRICES = [path for path in LISTED if "sweep" in CONTENTS[path]]
RUNNABLE = [path for path in LISTED if path not in PRICES]


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def choices(path: Path) -> Iterator[Chosen[SweepSpec]]:
    """The file at each of its datasets and scales."""
    model = StudySpec if "space" in CONTENTS[path] else SweepSpec
    for dataset in load_chosen(path, model).datasets or (None,):
        first = load_chosen(path, model, dataset=dataset)
        yield first
        for scale in first.scales[1:]:
            yield load_chosen(path, model, dataset=dataset, scale=scale)


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_shipped_file_has_no_mistakes_at_any_dataset_and_scale(path):
    for chosen in choices(path):
        assert chosen.spec.name == "_".join([path.stem, *chosen.options.values()])
        if chosen.spec.workload.name == EMBEDDED:
            assert plan_sweep(chosen.spec).points


@pytest.mark.parametrize("path", PRICES, ids=name_of)
def test_a_shipped_price_file_has_no_mistakes(path):
    spec = load_prices(path)
    assert spec.name == path.stem
    assert not list(axis_mistakes(space_of(spec), "random"))


def test_all_are_found_by_name_and_have_a_folder_of_their_own():
    assert {name_of(path) for path in LISTED} <= set(sweep_names())
    assert max(Counter(path.stem for path in RUNNABLE).values()) == 1  # names of datasets and scales are appended


def test_a_pipe_among_them_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweeps").mkdir()
    os.mkfifo(tmp_path / "sweeps" / "mine.yaml")
    monkeypatch.chdir(tmp_path)
    assert "mine" in sweep_names()


def test_every_base_is_extended():
    extended = {
        (path.parent / content["extends"]).resolve() for path, content in CONTENTS.items() if "extends" in content
    }
    chips = ((path, entry or {}) for path, content in CONTENTS.items() for entry in content.get("chips", {}).values())
    extended |= {(path.parent / entry["extends"]).resolve() for path, entry in chips if "extends" in entry}
    assert {path.resolve() for path in FILES if path not in LISTED} <= extended

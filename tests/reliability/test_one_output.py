"""Two processes that write one output.

Thorough, since they start the program forty times: they would catch a page, results and an answer on the terminal of
which one comes from another process than the rest.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from program import end
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed, completed, sweep

from codesign.analysis.results.table import read_results
from codesign.reporting.html import render_report

ROUNDS = 20


@pytest.mark.thorough
def test_two_sweeps_at_once_do_not_mix(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "tiny.yaml").write_text(TINY.replace("title: Tiny", "title: Other"), encoding="utf-8")
    shutil.copytree(undisturbed.store, folder / "store")
    completed(sweep(other, cache_root, store=folder / "store"))
    for _ in range(ROUNDS):
        started = [sweep(place, cache_root, store=folder / "store", output=folder / "out") for place in (folder, other)]
        ended = dict(zip(("Tiny", "Other"), map(end, started), strict=True))
        winners = [title for title, one in ended.items() if one.code == 0]
        results = read_results(folder / "out" / "results.parquet")
        assert results.metadata.title in winners
        assert (folder / "out" / "report.html").read_text(encoding="utf-8") == render_report(results)
        for title, one in ended.items():
            if title in winners:
                assert one.out.startswith(f"{title}: ")
            else:
                assert one.code == 2
                assert "out/.lock: is held by " in one.err

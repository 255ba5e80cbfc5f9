"""Sweeps whose store and output are at URLs."""

from __future__ import annotations

from uuid import uuid4

import pytest
from program import run_here
from tiny_sweeps import TINY, Recording, run, tiny

from codesign.analysis.results.table import contents_equal, read_results
from codesign.errors import InputError, StoreError
from codesign.exploration.jobs.store import Store
from codesign.exploration.pricing.pricing import check_output
from codesign.exploration.running import RunArguments
from codesign.exploration.sweep import run_sweep
from codesign.files import open_folder, read_file


@pytest.fixture
def location() -> str:
    """A place that is no path of this machine."""
    return f"memory://{uuid4().hex}"


@pytest.mark.pages
def test_a_sweep_at_a_url_is_the_same_and_goes_on_from_there(finished_sweep, location, cache_root):
    outcome, _ = run(tiny(), location, cache_root, models=True)
    out, here = f"{location}/out", finished_sweep / "out"
    files = (f"{out}/results.parquet", f"{out}/report.html", f"{out}/models")
    assert (outcome.results, outcome.report, outcome.models.folder) == files
    assert contents_equal(read_results(outcome.results), read_results(here / "results.parquet"))
    names = [name for name in open_folder(out).names() if name != ".lock"]
    models = [f"models/{name}" for name in ("layered-seed0.md", "layered-seed0.safetensors")]
    assert names == [*models, "report.html", "results.parquet", "run.json"]
    for name in models:
        assert read_file(f"{out}/{name}") == (here / name).read_bytes()

    again, progress = run(tiny(), location, cache_root, output="again")
    assert (progress.ran, progress.executor) == ([], "none needed")
    assert contents_equal(read_results(again.results), read_results(outcome.results))


@pytest.mark.pages
def test_the_commands_take_urls(location, tmp_path, cache_root):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")

    def said(*words: str) -> str:
        return run_here(*words, folder=tmp_path, environment={"CODESIGN_CACHE": cache_root}).out

    places = ["--store", f"{location}/store", "--output", f"{location}/out"]
    told = said("sweep", "tiny.yaml", *places, "--executor", "serial")
    assert f"results  {location}/out/results.parquet" in told
    assert ": 0 jobs" in said("sweep", "tiny.yaml", "--dry-run", *places[:2])
    assert not (tmp_path / "reports").exists()

    results = f"{location}/out/results.parquet"
    first = read_file(f"{location}/out/report.html")
    for place, report in ((results, "results.html"), (f"{location}/out", "report.html")):
        assert f"report   {location}/out/{report}" in said("report", place)
        assert read_file(f"{location}/out/{report}") == first
    said("report", results, "-o", "here.html")
    assert (tmp_path / "here.html").read_bytes() == first
    said("report", results, "-o", "here.html", "--static-book", "cores_in_use")
    pages = (first, (tmp_path / "here.html").read_bytes())
    assert [b'"book":"cores_in_use"' in page for page in pages] == [False, True]


def test_what_is_wrong_with_a_place_is_said_before_anything_is_run(tmp_path, cache_root):
    (tmp_path / "file").touch()
    output, progress = tmp_path / "file" / "out", Recording()
    with pytest.raises(InputError, match="out: cannot be written: "):
        run_sweep(tiny(), RunArguments(store=Store(tmp_path / "store"), output=output, progress=progress))
    assert progress.ran == []
    with pytest.raises(StoreError, match=r"store: cannot be written: .*; choose another store"):
        Store(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match=r"file: cannot be written: is a file, not a folder; choose another store"):
        Store(tmp_path / "file")


def test_points_of_a_pricing_need_a_folder_of_this_machine():
    with pytest.raises(InputError, match=r"^s3://bucket/x: the points of a pricing need a local folder"):
        check_output("s3://bucket/x")

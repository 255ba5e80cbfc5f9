"""Sweeps whose store and output are at URLs."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tiny_sweeps import TINY, Recording, run, tiny
from typer.testing import CliRunner

from codesign.analysis.results.table import contents_equal, read_results
from codesign.cli.main import app
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
def test_the_commands_take_urls(location, tmp_path, cache_root, monkeypatch):
    monkeypatch.setenv("CODESIGN_CACHE", str(cache_root))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    places = ["--store", f"{location}/store", "--output", f"{location}/out"]
    ended = CliRunner().invoke(app, ["sweep", "tiny.yaml", *places, "--executor", "serial"])
    assert ended.exit_code == 0, ended.output
    assert f"results  {location}/out/results.parquet" in ended.stdout
    assert ": 0 jobs" in CliRunner().invoke(app, ["sweep", "tiny.yaml", "--dry-run", *places[:2]]).stdout
    assert not (tmp_path / "reports").exists()

    results = f"{location}/out/results.parquet"
    first = read_file(f"{location}/out/report.html")
    for place, report in ((results, "results.html"), (f"{location}/out", "report.html")):
        ended = CliRunner().invoke(app, ["report", place])
        assert ended.exit_code == 0, ended.output
        assert f"report   {location}/out/{report}" in ended.stdout
        assert read_file(f"{location}/out/{report}") == first
    ended = CliRunner().invoke(app, ["report", results, "-o", str(tmp_path / "here.html")])
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "here.html").read_bytes() == first
    words = ["report", results, "-o", str(tmp_path / "here.html"), "--static-book", "cores_in_use"]
    assert CliRunner().invoke(app, words).exit_code == 0
    pages = (first, (tmp_path / "here.html").read_bytes())
    assert [b'"book":"cores_in_use"' in page for page in pages] == [False, True]


def test_what_is_wrong_with_a_place_is_said_before_anything_is_run(tmp_path, cache_root):
    (tmp_path / "file").touch()
    for output in (tmp_path / "file" / "out", (tmp_path / "file" / "out").as_uri()):
        progress = Recording()
        with pytest.raises(InputError, match="out: cannot be written: "):
            run_sweep(tiny(), RunArguments(store=Store(tmp_path / "store"), output=output, progress=progress))
        assert progress.ran == []
    with pytest.raises(StoreError, match=r"store: cannot be written: .*; choose another --store"):
        Store((tmp_path / "file" / "store").as_uri())


def test_points_of_a_pricing_need_a_folder_of_this_machine():
    with pytest.raises(InputError, match=r"^s3://bucket/x: the points of a pricing need a local folder"):
        check_output("s3://bucket/x")

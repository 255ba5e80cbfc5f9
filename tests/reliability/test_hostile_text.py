"""Texts of others in reports and on terminals: shown, never obeyed."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from one_process import run_all
from program import ROOT, end, run_here, start
from tiny_sweeps import PRICES
from undisturbed_sweep import Undisturbed

from codesign.analysis.metadata import AxisFacts, ResultMetadata
from codesign.analysis.table import read_results, write_results
from codesign.console import PrintableConsole
from codesign.exploration.executors.base import Failure
from codesign.exploration.runs.progress import Progress
from codesign.exploration.runs.shown import LogView, TerminalView

pytestmark = pytest.mark.slow

MARK = "data-owned"
WHOLE = "document.documentElement.outerHTML"
RUN = f"document.documentElement.setAttribute('{MARK}',1)"
HOSTILE = (
    f"</title></style></svg></textarea></script><script>{RUN}</script><img src=x onerror={RUN}>"
    f"<a href=javascript:{RUN}>\"'` onmouseover={RUN} x='<svg onload={RUN}>'{{{{7*7}}}}<!--&lt;]]>"
    f' http://example.org/"onfocus="{RUN} javascript:{RUN} &#x3c;script&#x3e;{RUN}'
)
HARMLESS = "x" * HOSTILE.index(" http:") + " http://example.org/" + "x" * 40
ENUMERATED = {"column", "direction", "unit", "confidence", "kind", "state", "synchronization", "sweep", "static_book"}
"""Fields of the metadata whose words mean something to the report."""
KEPT_COLUMNS = {
    "sweep",
    "status",
    "inference",
    "stop",
    "capacity",
    "mapping",
    "operation",
    "synchronization",
    "training_method",
}
KEPT_COLUMNS |= {"energy_accounting", "energy_coverage", "uncertain_terms", "policy", "training_policy", "input_mode"}


class Page(HTMLParser):
    """Every element with the names of its attributes, addresses, and what scripts and styles say."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.addresses: list[str] = []
        self.code: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("href", "xlink:href", "src", "action")]
        self._inside = "" if ("type", "application/json") in attrs else tag  # data, which nothing runs

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            self.code.append(data)
        else:
            self.text += data

    @property
    def tags(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (tag, _), number in self.elements.items():
            counts[tag] += number
        return counts


def check_obeys_nothing(hostile: Path, harmless: Path) -> None:
    """The page of hostile texts has the elements, attributes, scripts and kinds of addresses of the other one."""
    page, other = (Page(path.read_text(encoding="utf-8")) for path in (hostile, harmless))
    assert "onerror=" in page.text  # the texts are there, as texts
    assert set(page.elements) == set(other.elements)
    for tag in ("script", "style", "a", "img", "image", "iframe", "object", "embed", "form", "input", "base", "meta"):
        assert page.tags[tag] == other.tags[tag], tag
    assert page.tags["link"] == page.tags["iframe"] == 0
    assert not any(name.startswith("on") for _, names in page.elements for name in names)
    assert page.code == other.code
    schemes = {address.partition(":")[0] for address in page.addresses if not address.startswith("#")}
    assert schemes <= {"http", "https", "data"}


def changed(value: Any, more: str, name: str = "") -> Any:
    """Metadata with `more` behind every text and every name, but where words mean something."""
    if isinstance(value, dict):
        renamed = name in ("recipes", "schedules", "chips")
        return {
            key + more if renamed else key: changed(part, more, name if name in ("neuron", "versions") else key)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [changed(part, more, name) for part in value]
    return value + more if isinstance(value, str) and name not in ENUMERATED else value


def write_changed(undisturbed: Undisturbed, path: Path, more: str) -> None:
    """The results of the tiny sweep with `more` behind everything that people write."""
    rows = []
    for number, row in enumerate(pq.read_table(undisturbed.folder / "out" / "results.parquet").to_pylist()):
        new = {"axis.recipe.layered.policy": f"{number}"}
        for column, value in row.items():
            if column not in KEPT_COLUMNS and isinstance(value, str):
                value += more
            elif column not in KEPT_COLUMNS and isinstance(value, list) and value and isinstance(value[0], str):
                value = [text + more for text in value]
            new[column] = value
        new["axis.recipe.layered.policy"] += more
        rows.append(new)
        if row["status"] == "infeasible":
            rows.append({**new, "status": "failed", "reason": f"Error: {more}", "point": f"failed{more}"})
    metadata = undisturbed.results.metadata
    texts = changed(json.loads(metadata.to_json()), more)
    texts["workload"]["coverage"] = f"some of it{more}"
    texts["question"], texts["description"] = f"why{more}", f"so{more}"
    texts["platform"] = [f"1 jobs failed{more}"]
    texts["axes"] = [asdict(AxisFacts(name="recipe.layered.policy"))]
    write_results(path, rows, ResultMetadata.from_json(json.dumps(texts)))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, undisturbed: Undisturbed) -> Path:
    """A folder with `hostile.html` and `harmless.html`, drawn from results that somebody sent."""
    folder = tmp_path_factory.mktemp("pages")
    write_changed(undisturbed, folder / "hostile.parquet", HOSTILE)
    write_changed(undisturbed, folder / "harmless.parquet", HARMLESS)
    for ended in run_all([("report", f"{name}.parquet") for name in ("hostile", "harmless")], folder=folder):
        assert ended.code == 0, ended.err
    return folder


@pytest.mark.thorough  # would catch a text that only the whole program lets through
def test_the_report_of_hostile_results(pages: Path) -> None:
    check_obeys_nothing(pages / "hostile.html", pages / "harmless.html")
    text = Page((pages / "hostile.html").read_text(encoding="utf-8")).text
    for what in ("Tiny", "why", "so", "some of it", "layered", "mubrain", "Error: ", "failed"):
        assert f"{what}</title>" in text, what


LINKED = "linked:\n  together: {static_power.chip: [10 uW, 20 uW]}\n"


def with_texts(chip: str, more: str) -> str:
    """A chip file with `more` in its title, as far as it has room, and in its citations, descriptions and remarks."""
    lines = []
    for line in chip.splitlines():
        key, indent = line.strip().partition(":")[0], " " * (len(line) - len(line.lstrip()))
        if key == "title":
            line = f"title: {json.dumps(more[:80])}"
        elif key in ("note", "operating_point", "citation") and indent + key != "citation" and not line.endswith(">-"):
            line = f"{indent}{key}: {json.dumps(more)}"
        lines.append(line)
        if line.endswith(">-"):
            lines.append(f"{indent}  {more}")
    assert len(lines) > len(chip.splitlines()) + 3
    return "\n".join(lines)


@pytest.mark.thorough  # would catch a text that only the whole program lets through
def test_pages_of_hostile_files(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    """A sweep, a chip and a price file with hostile texts, through the whole program."""
    commands: list[tuple[str, ...]] = []
    shutil.copytree(undisturbed.store, folder / "store")
    sweep = (folder / "tiny.yaml").read_text(encoding="utf-8")
    chip = (ROOT / "chips" / "mubrain.yaml").read_text(encoding="utf-8")
    for name, more in (("hostile", HOSTILE), ("harmless", HARMLESS)):
        quoted = json.dumps(more)  # which YAML reads as well
        (folder / name).mkdir()
        told = f"title: {quoted}\nquestion: {quoted}\ndescription: {quoted}"
        chips = f"mubrain: {{extends: ./{name}/mubrain.yaml, "
        text = sweep.replace("title: Tiny", told).replace("mubrain: {", chips)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        (folder / name / "mubrain.yaml").write_text(with_texts(chip, more), encoding="utf-8")
        prices = PRICES.replace("tiny.yaml", f"{name}.yaml") + f"title: {quoted}\ndescription: {quoted}\n{LINKED}"
        (folder / f"prices_{name}.yaml").write_text(prices, encoding="utf-8")
        kept = ("--store", "store", "--output", f"out_{name}")
        commands.append(("sweep", f"{name}.yaml", "--executor", "serial", *kept))
        commands.append(("price", f"prices_{name}.yaml", "--workers", "1", *kept))
    environments = [{"CODESIGN_CACHE": cache_root}] * len(commands)
    for ended in run_all(commands, folder=folder, environments=environments):
        assert ended.code == 0, ended.err
    for page in ("report.html", "index.html"):
        check_obeys_nothing(folder / "out_hostile" / page, folder / "out_harmless" / page)


# terminals -----------------------------------------------------------------------------------------------------------

TITLE = "\x1b]0;owned\x07\x1b[2J\x1b[1;31m\x9b31m\r\x08\u202e\u200f"
SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\x1b[1;31m\\x9b31m\\x0d\\x08\\u202e\\u200f"


def on_terminal(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> bytes:
    """What the program writes to a terminal."""
    leader, follower = pty.openpty()

    def take_over() -> None:
        os.dup2(follower, 1)
        os.dup2(follower, 2)

    process = start(*arguments, folder=folder, environment=environment, prepare=take_over)
    os.close(follower)
    written = b""
    with suppress(OSError):  # once the other end is closed
        while part := os.read(leader, 4096):
            written += part
    os.close(leader)
    end(process)
    return written


@pytest.mark.thorough  # would catch a control character that only the whole program lets through
def test_control_characters_reach_no_terminal(folder: Path, undisturbed: Undisturbed) -> None:
    write_changed(undisturbed, folder / "steering.parquet", TITLE)
    written = on_terminal("report", "steering.parquet", folder=folder, environment={"COLUMNS": "2000"})
    for raw in (b"\x1b]0;", b"\x07", b"\x1b[2J", b"\xc2\x9b", b"\x08", "\u202e".encode(), "\u200f".encode()):
        assert raw not in written, raw
    shown = SHOWN.replace("\\x07", "").replace("\\x0d", "").replace("\\x08", "")  # which rich leaves out of its tables
    assert f"Tiny{shown}: ".encode() in written
    assert b"Warning" not in written


def test_names_of_files_reach_no_terminal_raw(folder: Path) -> None:
    name = "a\x1b]0;owned\x07\udcff.yaml"  # the last is a byte that is no text
    (folder / name).write_text("name: 1\n", encoding="utf-8")
    written = on_terminal("chips", "check", name, folder=folder)
    assert b"\x1b" not in written
    assert b"\x07" not in written
    assert b"error: a\\x1b]0;owned\\x07\\udcff.yaml:1: " in written


def test_a_sweep_whose_name_is_no_text_ends_like_any_other(
    folder: Path, cache_root: Path, undisturbed: Undisturbed
) -> None:
    """Its name is part of the command that the results tell, and they are text."""
    name = "tiny\udcff.yaml"
    (folder / "tiny.yaml").rename(folder / name)
    words = ("sweep", name, "--store", undisturbed.store, "--output", "out", "--executor", "serial")
    run_here(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root})
    metadata = read_results(folder / "out" / "results.parquet").metadata
    assert metadata.command == "codesign sweep 'tiny?.yaml'"
    assert metadata.config_hash == undisturbed.results.metadata.config_hash


def test_a_terminal_that_knows_few_characters(folder: Path) -> None:
    ended = end(start("chips", "show", "mubrain", folder=folder, environment={"PYTHONIOENCODING": "ascii"}))
    assert ended.code == 0, ended.err
    assert ended.out.startswith("\\xb5Brain")


def test_what_a_worker_says_reaches_no_terminal_raw() -> None:
    failure = Failure(kind="ValueError", message=TITLE)
    plain = io.StringIO()
    Progress(LogView(plain)).failed("train", "a recipe", failure)
    live = io.StringIO()
    view = TerminalView(PrintableConsole(file=live, force_terminal=True, width=400))
    Progress(view).failed("train", "a recipe", failure)
    for written in (plain.getvalue(), live.getvalue()):
        assert f"ValueError: {SHOWN}" in written
        assert not set(TITLE) & set(written) & set("\x1b\x07\x9b\r\x08\u202e\u200f")

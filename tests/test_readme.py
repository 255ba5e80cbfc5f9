"""What the README and the guides show works."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from codesign.analysis.results.points import Point, gather
from codesign.analysis.results.table import contents_equal, read_results
from codesign.documents import parse_document
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.interactive import run_sweep
from codesign.simulation.policies import Policy, get_policy
from codesign.units import format_si, in_percent

README = Path(__file__).parent.parent / "README.md"
DOCS = README.parent / "docs"


def sweep_of(text: str) -> SweepSpec:
    """The sweep with the chip that `codesign init --chip` writes."""
    start = README.parent / "codesign" / "cli" / "start" / "chip.yaml"
    return parse_document(text.replace("./my_chip.yaml", str(start)), "a page", SweepSpec)


def fenced(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_sweep_of_the_guide_is_that_of_the_readme():
    (text,) = fenced("sweeps.md", "yaml")
    (own,) = re.findall(r"(?:^|\n)(    name: my_question\n(?:    .*\n)+)", README.read_text(encoding="utf-8"))
    assert sweep_of(text) == sweep_of(own)


EXAMPLE = str(README.parent / "reports" / "example" / "results.parquet")


@pytest.mark.thorough
def test_the_main_sweep_gives_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Would catch trainings whose bits depend on the machine, and an example that another program made."""
    monkeypatch.chdir(README.parent)
    run_sweep("sweeps/mubrain_vs_loihi.yaml", store=str(tmp_path / "store"), output=str(tmp_path / "run"))
    assert contents_equal(read_results(str(tmp_path / "run" / "results.parquet")), read_results(EXAMPLE))


def right(point: Point) -> str:
    accuracy = point.value("accuracy")
    return f"{in_percent(accuracy.mean)} ± {in_percent(accuracy.half_width)}"


RECIPES = ("layered", "unlayered_random", "unlayered_momentum", "layered_sparse", "unlayered_sparse")
BY_F = ("mubrain layered", *(f"mubrain async_random {f}" for f in (16, 8, 1)), "mubrain async_momentum 8")
DROPPING = ("mubrain_dropping async_random 8", "mubrain_dropping async_random 1")
OTHERS = ("speck chip 8", "loihi chip", "truenorth chip")
RUNS = {
    "accuracy": (*BY_F, "mubrain async_random_drained 8", *OTHERS),
    "spike_density": (*BY_F, *DROPPING, *OTHERS),
    "latency_steps": BY_F,
    "energy_j": (BY_F[0], BY_F[2], DROPPING[0], *OTHERS),
}
"""What the results' tables of digits show of which runs, by the column that comes first in a cell."""


def cell(point: Point, shown: str) -> str:
    if shown == "accuracy":
        return right(point)
    first = point.value(shown)
    if shown == "spike_density":
        return f"{first.mean:.2f} ± {first.half_width:.2f}"
    if shown == "latency_steps":
        spikes, contention = (point.value(name).mean for name in ("latency_spikes", "contention"))
        return f"{first.mean:.2f}, {spikes:.1f}, {100 * contention:.0f} %"
    energy = format_si(first.mean, "J", 3)
    cores, latency = (point.value(name).mean for name in ("energy_cores_in_use_j", "latency_s"))
    if cores != first.mean:
        energy += f" ({format_si(cores, 'J', 3)})"
    return energy if latency is None else f"{energy}, {format_si(latency, 's', 3)}"


def rows(points: list[Point]) -> list[str]:
    """Those of the results' tables of digits."""
    found = {(one.recipe, f"{one.chip} {one.schedule} {one.group_size or ''}".strip()): one for one in points}
    return [
        f"| {' | '.join([recipe, *(cell(found[recipe, run], shown) for run in runs)])} |"
        for shown, runs in RUNS.items()
        for recipe in RECIPES
    ]


def test_tables_of_digits_say_what_the_example_holds():
    """That of the results, where 98.55 % reads as on the page, and that of the README."""
    points = gather(read_results(EXAMPLE))
    assert not set(rows(points)) - set((DOCS / "results.md").read_text(encoding="utf-8").splitlines())
    readme = README.read_text(encoding="utf-8").replace(" right", "")
    own = {(point.recipe, point.chip): point for point in points if point.schedule == "chip"}
    for recipe in ("layered", "unlayered_random", "unlayered_sparse"):
        loihi, speck = (own[recipe, chip] for chip in ("loihi", "speck"))
        density = f"{loihi.value('spike_density').mean:.1f}"
        on = [f"{right(point)} %, {format_si(point.value('energy_j').mean, 'J', 3)}" for point in (loihi, speck)]
        assert f"| {' | '.join([density, *on])} |" in readme


def test_the_policy_of_the_guide_is_one():
    scope: dict[str, object] = {}
    exec(fenced("extending.md", "python")[0], scope)
    policy = scope["HOARDER"]
    assert isinstance(policy, Policy)
    assert tuple(signature(policy.priority).parameters) == tuple(signature(get_policy("fifo").priority).parameters)


@pytest.mark.slow
def test_the_training_of_the_guide_runs():
    """The examples with hooks and with a training loop, on fewer samples and for fewer epochs than in the guide."""
    scripts = fenced("extending.md", "python")[-2:]
    hooks, loop = (script.replace('name="digits"', 'name="digits", train=128') for script in scripts)
    scope: dict[str, Any] = {}
    exec(f"{hooks.replace('epochs=10', 'epochs=3')}\n{loop}", scope)
    first, _, last = scope["result"].history
    assert last.loss < 0.97 * first.loss
    assert scope["logits"].isfinite().all()


@pytest.mark.slow
def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]):
    code = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(code) == 1
    exec(code[0].replace("epochs=5", "epochs=1"), {})
    said = capsys.readouterr().out
    right, density = re.match(r"([\d.]+)% right, ([\d.]+) spikes per neuron\nCost of ", said).groups()
    assert 30 < float(right) <= 100
    assert float(density) > 0
    for cost in (r"energy: [\d.]+ µJ", r"latency: [\d.]+ [mµ]s"):
        assert re.search(cost, said)
    assert "evaluated with" not in said  # other weights than the chip's

"""What the README and the guides show works."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from codesign.documents import parse_document
from codesign.exploration.definition.spec import SweepSpec
from codesign.simulation.policies import Policy, get_policy

README = Path(__file__).parent.parent / "README.md"
DOCS = README.parent / "docs"


def block(start: str) -> str:
    """The indented block that holds a text, without its indent."""
    blocks = re.findall(r"(?:^    .*\n|^\n)+", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = next(block for block in blocks if start in block)
    return "\n".join(line[4:] for line in text.splitlines())


def sweep_of(text: str) -> SweepSpec:
    """The sweep with the chip that `codesign init --chip` writes."""
    start = README.parent / "codesign" / "cli" / "start" / "chip.yaml"
    return parse_document(text.replace("./my_chip.yaml", str(start)), "a page", SweepSpec)


def test_the_sweep_of_the_readme_is_valid():
    spec = sweep_of(block("name: my_question"))
    assert set(spec.recipes) == {"layered", "mine"}


def fenced(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_sweep_of_the_guide_is_that_of_the_readme():
    (text,) = fenced("sweeps.md", "yaml")
    assert sweep_of(text) == sweep_of(block("name: my_question"))


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

"""Compiled kernels are kept, shared between processes, and never stale.

What must be compiled in a process of its own takes a quarter of a minute and is thorough; other tests copy this run's
kernels.
"""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import compiled_run
import llvmlite
import numba
import numpy as np
import pytest
from networks import batch_of, network_of

import codesign
from codesign.files.code import CACHE_VARIABLE
from codesign.simulation import run
from codesign.simulation.event import compilation, evaluation, kernels, sections, structures
from codesign.simulation.event.batch import Batch
from codesign.simulation.run import Run
from codesign.simulation.schedule import Regularization, Schedule

PACKAGE = Path(codesign.__file__).parent
PROGRAM = Path(__file__).parent / "compiled_run.py"


# what a folder is called ---------------------------------------------------------------------------------------------


def state_of_sources() -> str:
    return compilation._state_of_sources.__wrapped__()


@pytest.mark.parametrize(
    ("owner", "name"),
    [(numba, "__version__"), (llvmlite, "__version__"), (np, "__version__"), (platform, "python_version")],
)
def test_versions_are_part_of_the_state(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str):
    before = state_of_sources()
    assert state_of_sources() == before
    monkeypatch.setattr(owner, name, (lambda: "0.1") if callable(getattr(owner, name)) else "0.1")
    assert state_of_sources() != before


def test_every_source_is_part_of_the_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    copies = []
    for folder in compilation._SOURCES:
        copies.append(shutil.copytree(folder, tmp_path / folder.name))
    monkeypatch.setattr(compilation, "_SOURCES", tuple(copies))
    states = {state_of_sources()}
    files = [file for folder in copies for file in folder.rglob("*.py")]
    assert len(files) > 12
    for changes, file in enumerate(files, start=1):
        file.write_text(file.read_text(encoding="utf-8") + "#\n", encoding="utf-8")
        states.add(state_of_sources())
        assert len(states) == 1 + changes, file
    (copies[0] / "another.py").touch()
    assert state_of_sources() not in states


def test_kernels_are_made_of_nothing_else():
    """A file that defines compiled functions takes nothing from the package but what the folder's name is a hash of."""
    makers = {"callback", "kept", "kernel", "leaf", "part", "routine"}
    kernels = 0
    for file in (PACKAGE / "simulation" / "event").glob("*.py"):
        imports = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if is_import(node)]
        modules = {node.module for node in imports if node.module.startswith("codesign")}
        taken = {alias.name for node in imports if node.module.endswith("event.compilation") for alias in node.names}
        if taken & makers:
            kernels += 1
            allowed = ("codesign.errors", "codesign.simulation.event.", "codesign.simulation.policies")
            assert all(module.startswith(allowed) for module in modules), (file, modules)
    assert kernels > 5
    assert evaluation.MOST_WAITING == run.MOST_WAITING


def is_import(node: ast.AST) -> bool:
    assert not isinstance(node, ast.Import) or not any(alias.name.startswith("codesign") for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.module is not None


# processes -----------------------------------------------------------------------------------------------------------


class SharedCache(NamedTuple):
    """A folder of compiled kernels, and the spikes that a process which has them simulated."""

    root: Path
    emitted: dict[str, Any]


def start(root: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, CACHE_VARIABLE: str(root), "PYTHONPATH": str(PACKAGE.parent)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, str(PROGRAM)], text=True, env=environment, cwd=root, **pipes)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    outcome: dict[str, Any] = json.loads(output)
    return outcome


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> SharedCache:
    """The kernels of this test run."""
    outcome: dict[str, Any] = compiled_run.outcome()
    root = tmp_path_factory.mktemp("kernels")
    own = Path(str(outcome["folder"]))
    shutil.copytree(own, root / own.name)
    (root / own.name).chmod(0o700)
    return SharedCache(root, outcome["emitted"])


@pytest.fixture
def copied_cache(shared_cache: SharedCache, tmp_path: Path) -> Path:
    """The same kernels in a folder that a test may damage."""
    return shutil.copytree(shared_cache.root, tmp_path / "kernels")


def test_a_process_compiles_what_another_orders(monkeypatch: pytest.MonkeyPatch):
    """Would catch helpers that fail, which nobody would notice but by the time."""
    (section,) = (one for one in sections.known() if one.name == "neuron.begin_extended")
    given = {"network": network_of("2-1-2"), "events": batch_of(np.ones((1, 1, 2)))}
    batch = Batch(Run(**given, schedule=Schedule(), regularization=Regularization()))
    out = batch.out(batch.new_results(), structures.new_trace(0, 0))
    kinds = kernels._kinds((batch.network, batch.rules, batch.input, batch.take_state(), out))
    order = pickle.dumps(([section.name], kinds))
    monkeypatch.setattr(section, "address", 0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(order)))
    exec(sections.COMPILE_GIVEN)
    assert section.address


@pytest.mark.thorough
def test_two_processes_may_compile_at_once(tmp_path: Path, shared_cache: SharedCache):
    """Would catch files that one process reads while the other has written half of them."""
    together = [start(tmp_path), start(tmp_path)]
    outcomes = [finish(process) for process in together]
    assert [outcome["emitted"] for outcome in outcomes] == [shared_cache.emitted] * 2
    needed = finish(start(shared_cache.root))["found"]
    assert [outcome["found"] + outcome["compiled"] for outcome in outcomes] == [needed] * 2
    assert sum(outcome["compiled"] for outcome in outcomes) <= needed  # nothing twice
    names = [Path(name).name for name in contents(tmp_path)]
    assert len([name for name in names if name.endswith(".code")]) == needed + 2, names  # sections and two policies
    assert not any("tmp" in name for name in names)


@pytest.mark.slow
def test_kernels_are_found_and_damaged_files_are_compiled_anew(copied_cache: Path, shared_cache: SharedCache):
    """One policy's code cut short and a bit of another's, which take a second to compile, not the kernel."""
    (cut,) = copied_cache.rglob("*keys_by_momentum*.code")
    (flipped,) = copied_cache.rglob("*keys_by_random*.code")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    content = flipped.read_bytes()
    flipped.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])
    damaged = contents(copied_cache)
    outcome = finish(start(copied_cache))
    assert outcome["emitted"] == shared_cache.emitted
    assert outcome["found"] > 2
    assert outcome["compiled"] == 0
    after = contents(copied_cache)
    assert after.keys() == damaged.keys()
    rewritten = {copied_cache / name for name, held in damaged.items() if after[name] != held}
    assert rewritten >= {cut, flipped}
    assert all("keys_by" in file.name for file in rewritten)


TRAINED = """
import hashlib
import numpy as np
import codesign as cd

network = cd.SpikingNetwork("20-[40x2]-4", cd.NeuronSpec(threshold=0.3, time_constant="20 ms"), timestep_s=0.01, seed=0)
random = np.random.default_rng(0)
events = cd.EventBatch.from_dense(random.poisson(0.8, (40, 3, 20)), random.integers(0, 4, 40), timestep_s=0.01)
recipe = cd.Recipe(method="unlayered", policy="random", group_size=5, epochs=4, batch_size=10, learning_rate=0.01)
cd.train(network, recipe, events, events, seed=0)
print(hashlib.sha256(b"".join(weight.detach().numpy().tobytes() for weight in network.all_weights())).hexdigest())
"""


@pytest.mark.thorough
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the widths are those of x86")
def test_a_training_is_the_same_to_the_last_bit_on_narrower_vectors(tmp_path: Path):
    """Would catch sums whose order, or products whose rounding, depends on the vectors that a machine has."""
    digests = set()
    for more in ({}, *({"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""} for name in ("x86-64-v2", "x86-64-v3"))):
        environment = {**os.environ, **more, CACHE_VARIABLE: str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", TRAINED], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1

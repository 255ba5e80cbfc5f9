"""The house rules that a machine can check: which way imports point, what is public, what stays light."""

from __future__ import annotations

import ast
import copy
import inspect
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import codesign
from codesign import deferred

ROOT = Path(codesign.__file__).parent
LEAVES = {
    "arguments",
    "arrays",
    "console",
    "deferred",
    "devices",
    "errors",
    "units",
    "documents",
    "files",
    "garbage",
    "merging",
    "mistakes",
    "plug_ins",
    "relative_error",
    "shell",
    "signals",
    "terminal_text",
    "versions",
    "yaml_nodes",
}
_HARDWARE = (
    LEAVES
    | {f"simulation.{part}" for part in ("execution", "further_messages", "policies", "schedule", "service")}
    | {
        f"network.{part}"
        for part in ("cuts", "layers", "neuron", "quantization", "skips_and_delays", "topology", "window")
    }
)
_EXPLORATION = LEAVES | {"network", "simulation", "training", "hardware", "workload", "analysis", "reporting", "models"}
ALLOWED = {
    "network": LEAVES,
    "workload": LEAVES,
    "simulation": LEAVES | {"network", "workload.events"},
    "training": LEAVES | {"network", "simulation", "workload"},
    "hardware": _HARDWARE,
    "hardware.chip": LEAVES | {"network.neuron", "network.quantization", "hardware.terms"},
    "hardware.placement": _HARDWARE | {"hardware.terms", "hardware.chip"},
    "hardware.cost": _HARDWARE | {"hardware.terms", "hardware.draws", "hardware.chip", "hardware.placement"},
    "hardware.validation": _HARDWARE | {"hardware.terms", "hardware.chip", "hardware.placement", "hardware.cost"},
    "analysis": LEAVES | {"hardware.terms", "hardware.draws"},
    "analysis.results": LEAVES | {"hardware.terms"},
    "analysis.comparisons": LEAVES | {"hardware.terms", "hardware.draws", "analysis.results", "analysis.questions"},
    "reporting": LEAVES | {"analysis", "hardware.terms"},
    # A card says what a model is, was trained on and scores, in the report's words.
    "models": LEAVES
    | {"network", "training", "simulation", "hardware.cost", "workload", "analysis.results.formatting"},
    "exploration": _EXPLORATION,
    "exploration.definition": _EXPLORATION | {"exploration.resources"},
    "exploration.executors": _EXPLORATION | {"exploration.resources"},
    "exploration.jobs": _EXPLORATION | {"exploration.definition", "exploration.executors"},
}


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def modules() -> dict[str, Path]:
    """Files of the package by the name of their module, without the leading `codesign.`."""
    paths = {path.relative_to(ROOT).with_suffix(""): path for path in sorted(ROOT.rglob("*.py"))}
    return {".".join(name.parts).removesuffix(".__init__"): path for name, path in paths.items()}


@cache
def imports_of(path: Path) -> dict[str, list[str]]:
    """What a file imports from where in the package, at run time or for types; without the leading `codesign.`.

    `from package import module` means the module.
    """
    found: dict[str, list[str]] = {}
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "codesign":
            package = node.module.partition(".")[2]
            for alias in node.names:
                module = f"{package}.{alias.name}".lstrip(".")
                found.setdefault(module if module in modules() else package, []).append(alias.name)
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2]: [] for alias in node.names if alias.name.startswith("codesign.")}
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str):
    files = sorted(ROOT.joinpath(*package.split(".")).rglob("*.py"))
    assert files
    permitted = ALLOWED[package] | {package}
    for file in files:
        for module in imports_of(file):
            assert any(module == name or module.startswith(f"{name}.") for name in permitted), (file, module)


def test_nothing_but_the_program_imports_the_command_line():
    for name, file in modules().items():
        inside = name.startswith("cli") or name == "__main__"
        assert inside or not any(module.startswith("cli") for module in imports_of(file)), file


def test_names_with_an_underscore_are_their_module_s_own():
    for file in modules().values():
        names = [name for names in imports_of(file).values() for name in names]
        assert not [name for name in names if name.startswith("_")], file


def test_every_public_name_exists_and_is_documented():
    for name in codesign.__all__:
        value = getattr(codesign, name)
        assert value is not None
        if callable(value):
            assert value.__doc__, name
    assert dir(codesign) == sorted(codesign.__all__)


def test_what_is_public_takes_paths_as_text():
    functions = [(name, of) for name in codesign.__all__ if inspect.isroutine(of := getattr(codesign, name))]
    kinds = {
        f"{name}({parameter})": re.findall(r"\w+", of.__annotations__[parameter])
        for name, of in functions
        for parameter in inspect.signature(of).parameters
    }
    assert [place for place, words in kinds.items() if "Path" in words and "str" not in words] == []
    assert "Location" in kinds["load_model(path)"]
    with pytest.raises(AttributeError, match="simulat"):
        _ = codesign.simulat


# A command of typer has a parameter for each option, and so have those that a notebook calls in its stead.
MANY_PARAMETERS = {
    "cli.importing.import_model",
    "cli.run.run",
    "cli.study.study",
    "cli.sweep.sweep",
    "exploration.interactive.run_study",
    "exploration.interactive.run_sweep",
    "hardware.placement.placement.place",
    "simulation.engine.classification_loss",
    "simulation.engine.simulate",
    "training.trainer.train",
}
NAMES_OF_SEVERAL = {"Result"}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function of the package, nested ones too, with the name of its module before its own."""
    for module, path in modules().items():
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef):
                yield f"{module}.{node.name}", node


def test_files_are_at_most_400_lines():
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    assert not {name: count for name, count in lines.items() if count > 400}


def test_functions_are_at_most_60_lines():
    lines = {name: function.end_lineno - function.lineno + 1 for name, function in functions()}
    assert not {name: count for name, count in lines.items() if count > 60}


def test_functions_have_at_most_8_parameters():
    many = {}
    for name, function in functions():
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        count = len([argument for argument in arguments if argument.arg not in ("self", "cls")])
        if count > 8 and name not in MANY_PARAMETERS:
            many[name] = count
    assert not many


def test_a_class_shares_its_name_with_no_other():
    names = Counter(
        node.name
        for path in modules().values()
        for node in nodes_of(path)[0].body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not {name for name, count in names.items() if count > 1} - NAMES_OF_SEVERAL


def test_no_imports_run_in_circles():
    """Not for types and not within functions either: what needs each other belongs together."""
    files = modules()
    needs = {name: set(imports_of(path)) & set(files) - {name} for name, path in files.items()}
    TopologicalSorter(needs).prepare()  # raises an error that names a circle


LIGHT = """
import importlib, sys, tempfile
from pathlib import Path

def absent(what, *heavy):
    assert not set(heavy) & set(sys.modules), (what, sorted(set(heavy) & set(sys.modules)))

import codesign.hardware.terms
absent("cost terms", "numpy", "torch", "pydantic")

from codesign.cli.main import main
for words in ([], ["sweep"], ["chips"], ["report"]):
    sys.argv = ["codesign", *words, "--help"]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, stop.code
absent(
    *("help", "torch", "ray", "optuna", "pandas", "pyarrow", "seaborn", "matplotlib", "sklearn"),
    *("numpy", "safetensors", "altair", "vl_convert"),
)

from codesign.files import open_folder
with tempfile.TemporaryDirectory() as name:
    folder = open_folder(name)
    folder.write("a/b", b"x")
    assert folder.read("a/b") == b"x" and folder.names() == ["a/b"]
absent("paths of this machine", "pyarrow", "fsspec", "numpy")

from codesign.workload.dataset import list_datasets
list_datasets()
absent("a list of datasets", "torch", "sklearn")

for path in (Path(codesign.__file__).parent / "analysis").glob("[!_]*.py"):
    importlib.import_module(f"codesign.analysis.{path.stem}")
absent("analysis of results", "torch", "ray", "optuna", "matplotlib", "numba")

import codesign.exploration.sweep
absent("a sweep whose results are there", "torch", "ray", "optuna", "numba", "sklearn", "pandas", "pyarrow")

import codesign.simulation.engine
import torch
from codesign.training.hooks import NO_HOOKS, warming
tensor = torch.ones(1, requires_grad=True)
optimizer, _ = NO_HOOKS.make_optimizer([tensor], 0.1)
warming(optimizer, 3)
optimizer.zero_grad()
tensor.grad = torch.ones(1)
optimizer.step()
assert tensor.item() < 1
with torch.device("meta"):  # as where a model is read or written
    codesign.SpikingNetwork("2-3-1", codesign.NeuronSpec(bias=True), timestep_s=0.01).expect_buffers({"floor"})
absent("simulation, training and models without torch.compile", "torch._dynamo", "sympy")
"""


def test_what_is_light_loads_nothing_heavy():
    """One process, which takes in more and more."""
    ended = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Usage") == 4


def test_copies_of_what_is_imported_later_are_it():
    """Found by copying an object that held one."""
    copied = copy.deepcopy(deferred.torch)
    assert copied.tensor is deferred.torch.tensor


def test_the_list_of_public_names_reads_the_same_in_every_encoding() -> None:
    """lazy_loader reads it in the system's own."""
    assert (ROOT / "__init__.pyi").read_bytes().isascii()

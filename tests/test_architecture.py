"""The house rules that a machine can check: which way imports point, what is public, what stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import codesign

ROOT = Path(codesign.__file__).parent
LEAVES = {"errors", "units", "documents", "files", "terminal_text", "versions"}
ALLOWED = {
    "network": LEAVES,
    "workload": LEAVES,
    "simulation": LEAVES | {"network", "workload.events"},
    "training": LEAVES | {"network", "simulation", "workload"},
    "hardware": LEAVES | {"network.topology", "simulation.schedule", "simulation.service", "simulation.execution"},
    "analysis": LEAVES | {"hardware.terms"},
    "reporting": LEAVES | {"analysis", "hardware.terms"},
    # A card says what a model is, was trained on and scores, in the report's words.
    "models": LEAVES
    | {
        "network",
        "training",
        "simulation.execution",
        "simulation.schedule",
        "hardware.cost",
        "workload",
        "analysis.formatting",
    },
    "exploration": LEAVES
    | {"network", "simulation", "training", "hardware", "workload", "analysis", "reporting", "models"},
}


def imports_of(path: Path) -> set[str]:
    """Modules of codesign that a file imports, at run time or for types, without the leading `codesign.`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "codesign":
            parts = node.module.split(".")[1:]
            found |= {".".join(parts)} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("codesign.")}
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str):
    single = ROOT / f"{package}.py"
    files = [single] if single.exists() else sorted((ROOT / package).rglob("*.py"))
    assert files
    permitted = ALLOWED[package] | {package}
    for file in files:
        for module in imports_of(file):
            assert any(module == name or module.startswith(f"{name}.") for name in permitted), (file, module)


def test_nothing_but_the_program_imports_the_command_line():
    for file in ROOT.rglob("*.py"):
        inside = file.parent.name == "cli" or file.name == "__main__.py"
        assert inside or not any(module.startswith("cli") for module in imports_of(file)), file


def test_every_public_name_exists_and_is_documented():
    for name in codesign.__all__:
        value = getattr(codesign, name)
        assert value is not None
        if callable(value):
            assert value.__doc__, name
    assert dir(codesign) == sorted(codesign.__all__)
    with pytest.raises(AttributeError, match="simulat"):
        _ = codesign.simulat


def test_files_stay_readable():
    for file in ROOT.rglob("*.py"):
        lines = file.read_text(encoding="utf-8").count("\n")
        assert lines <= 450, (file, lines)


HEAVY = (
    "torch",
    "ray",
    "optuna",
    "pandas",
    "pyarrow",
    "seaborn",
    "matplotlib",
    "tonic",
    "sklearn",
    "pint",
    "numpy",
    "safetensors",
)


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--help"], ["chips", "--help"], ["report", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]):
    code = (
        "import sys\n"
        f"sys.argv = ['codesign', *{arguments!r}]\n"
        "from codesign.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in result.stdout

"""Which codesign this is: results of nodes that run other code cannot be trusted."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["NUMERIC_PACKAGES", "code_digest", "versions"]

NUMERIC_PACKAGES = ("numba", "numpy", "torch")
"""Packages that results may differ by, in their last bits, from version to version."""


@cache
def code_digest() -> str:
    """Of codesign's own source files, the same wherever and however they are installed."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Of what results depend on: `python` as major.minor, and packages that compute."""
    major, minor, _ = platform.python_version_tuple()
    there = {"python": f"{major}.{minor}"}
    for package in ("codesign", *NUMERIC_PACKAGES):
        try:
            there[package] = version(package)
        except PackageNotFoundError:
            there[package] = "unknown"
    return there

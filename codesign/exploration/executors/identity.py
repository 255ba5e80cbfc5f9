"""What results depend on in their last bits."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["NUMERIC_PACKAGES", "versions"]

NUMERIC_PACKAGES = ("numba", "numpy", "torch")
"""Packages that results may differ by, in their last bits, from version to version."""


def versions() -> dict[str, str]:
    """Of the packages that compute."""
    there = {}
    for package in NUMERIC_PACKAGES:
        try:
            there[package] = version(package)
        except PackageNotFoundError:
            there[package] = "unknown"
    return there

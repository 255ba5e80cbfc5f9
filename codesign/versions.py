"""Versions of the packages that results can depend on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("codesign", "numba", "numpy", "torch")
"""What results can depend on; other packages only move, show or find them."""


def package_versions() -> dict[str, str]:
    """By package; of codesign itself, that it was run from its source folder where it is not installed."""
    return {name: version_of(name) for name in _PACKAGES}


def version_of(package: str) -> str:
    """Of an installed package; of codesign where it is not installed, that it was run from its source folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "run from its source folder"


__version__ = version_of("codesign")
"""The version of this package."""

"""Versions of the packages that results can depend on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("codesign", "numba", "numpy", "torch")
"""Packages that results can depend on; others only move, show or find them."""


def package_versions() -> dict[str, str]:
    """Versions by package, from `version_of`."""
    return {name: version_of(name) for name in _PACKAGES}


def version_of(package: str) -> str:
    """Version of an installed package; for codesign, if it is not installed, where it is run from."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "run from its source folder"


__version__ = version_of("codesign")
"""The version of this package."""

"""What shells complete: names of files and chips that are shipped, and YAML files of one's own."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["complete_chips", "complete_prices", "complete_studies", "complete_sweeps"]


def complete_sweeps(incomplete: str) -> list[str]:
    """Sweeps that are shipped."""
    from codesign.exploration.library import sweep_names

    return _beginning_with(incomplete, sweep_names("sweep"))


def complete_studies(incomplete: str) -> list[str]:
    """Studies that are shipped."""
    from codesign.exploration.library import sweep_names

    return _beginning_with(incomplete, sweep_names("study"))


def complete_prices(incomplete: str) -> list[str]:
    """Price files that are shipped."""
    from codesign.exploration.library import sweep_names

    return _beginning_with(incomplete, sweep_names("price"))


def complete_chips(incomplete: str) -> list[str]:
    """Chips that are shipped, aliases left aside."""
    from codesign.hardware.library import chip_names

    return _beginning_with(incomplete, chip_names())


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    from glob import escape, glob

    files = [path for path in sorted(glob(f"{escape(incomplete)}*")) if path.endswith((".yaml", ".yml"))]
    return [*(name for name in names if name.startswith(incomplete)), *files]

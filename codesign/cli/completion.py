"""What shells complete: names of files and chips that are shipped, and YAML files of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal


def complete_files(kind: Literal["sweep", "study", "price"]) -> Callable[[str], list[str]]:
    """What completes the names of files of a kind that are shipped."""

    def complete(incomplete: str) -> list[str]:
        from codesign.exploration.definition.library import sweep_names

        return _beginning_with(incomplete, sweep_names(kind))

    return complete


def complete_chips(incomplete: str) -> list[str]:
    """Chips that are shipped, aliases left aside."""
    from codesign.hardware.library import chip_names

    return _beginning_with(incomplete, chip_names())


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    from glob import escape, glob

    files = [path for path in sorted(glob(f"{escape(incomplete)}*")) if path.endswith((".yaml", ".yml"))]
    return [*(name for name in names if name.startswith(incomplete)), *files]

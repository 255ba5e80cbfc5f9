"""Objects that stand behind entry points as long as a test runs."""

from __future__ import annotations

import pytest

from codesign import plug_ins


class _Entry:
    def __init__(self, name: str, value: object) -> None:
        self.name, self.value, self._object = name, f"plugin:{name}", value

    def load(self) -> object:
        if isinstance(self._object, Exception):
            raise self._object
        return self._object


def register(monkeypatch: pytest.MonkeyPatch, group: str, **objects: object) -> None:
    """Make these the entry points of a group; an exception is raised by loading it."""
    entries = {name: _Entry(name, value) for name, value in objects.items()}
    monkeypatch.setattr(plug_ins, "_entries", lambda asked: entries if asked == group else {})

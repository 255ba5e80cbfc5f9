"""YAML text as nodes with their lines, up to a depth and a number of values that no honest file approaches."""

from __future__ import annotations

from typing import Any

import yaml

MOST_VALUES, DEEPEST = 50_000, 50

_HINTS = {
    "'\\t'": "; indent with spaces, not with tabs",
    "mapping values": "; is the line indented like its neighbours, and is text that contains ': ' in quotes?",
    "expected ':'": "; is there a key above whose colon has no space after it?",
}
"""Advice for parts of the YAML parser's messages."""


class UnusableYamlError(Exception):
    """What is wrong with a text, and the line where reading ended."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def composed(text: str) -> yaml.Node | None:
    """The nodes of a text; None if it is empty. Raises UnusableYamlError if it is not YAML, or too large."""
    return _quickly(text) or _carefully(text)


def excess(depth: int) -> str:
    """The message for exceeding a limit at this depth."""
    too_many = f"is too large: it has more than {MOST_VALUES:,} values once its aliases are expanded"
    return f"is nested deeper than {DEEPEST} levels" if depth > DEEPEST else too_many


class _Composer(yaml.composer.Composer):
    """Stops at content that is too deep or too large before composing it."""

    _values = _depth = 0
    peek_event: Any  # the parser's

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._values += 1
        self._depth += 1
        if self._depth > DEEPEST or self._values > MOST_VALUES:
            raise UnusableYamlError(excess(self._depth), self.peek_event().start_mark.line + 1)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _loader(base: Any) -> Any:
    class Loader(_Composer, base):  # type: ignore[misc]
        """Does not resolve types of scalars."""

        def __init__(self, text: str) -> None:
            yaml.composer.Composer.__init__(self)  # which the compiled loader leaves out
            base.__init__(self, text)

    return Loader


_Loader, _QuickLoader = _loader(yaml.BaseLoader), _loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader))
"""The second is ten times faster if PyYAML has its compiled extension."""


def _quickly(text: str) -> yaml.Node | None:
    """None also if it is not YAML, for which the other loader has better messages."""
    try:
        return _QuickLoader(text).get_single_node()  # type: ignore[no-any-return]
    except (yaml.YAMLError, ValueError, OverflowError):
        return None


def _carefully(text: str) -> yaml.Node | None:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()  # type: ignore[no-any-return]
    except yaml.reader.ReaderError as error:
        line, character = text.count("\n", 0, error.position) + 1, ord(text[error.position])
        raise UnusableYamlError(f"is not valid YAML: the character U+{character:04X} is not allowed", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        where = f" in column {mark.column + 1}" if mark else ""
        hint = next((hint for part, hint in _HINTS.items() if part in what), "")
        raise UnusableYamlError(f"is not valid YAML{where}: {what}{hint}", mark.line + 1 if mark else 1) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as an impossible escape
        raise UnusableYamlError(f"is not valid YAML: {error}", loader.line + 1 if loader else 1) from None

"""YAML documents with line numbers: every mistake of a file reported at once.

The scalar rules are those of YAML 1.2's core schema: `no` is a string, `1e6` a number, `010` the number ten and `12:30`
a string. Tags are refused, so no document can construct anything but plain data.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from codesign.errors import DocumentError, InputError, Problem

__all__ = ["Spec", "load_document", "parse_document", "suggestion"]

_MAX_NODES = 200_000
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_CORE_TAGS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:map",
    "tag:yaml.org,2002:seq",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:null",
    "tag:yaml.org,2002:timestamp",
    "tag:yaml.org,2002:merge",
    "tag:yaml.org,2002:value",
}

Path_ = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class Spec(BaseModel):
    """Base of everything that is read from YAML: frozen, and unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[tuple[Path_, str]]:
        """Mistakes between parts of a document, each as the path of the culprit and a message.

        Asked even where the document has other mistakes, so `data`, the plain content, may have any form.
        """
        return ()

    @classmethod
    def relocate(cls, location: Path_, data: Any) -> Path_:
        """Where in the file a mistake at `location` was written, for documents whose parts are merged into others."""
        return location


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'? allowed: a, b, x`, the tail of a message about an unknown word."""
    names = sorted(allowed)
    close = difflib.get_close_matches(word, names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"{hint} allowed: {', '.join(names)}"


def load_document(path: Path, model: type[Model]) -> Model:
    """Read and validate a YAML file.

    Raises:
        DocumentError: with every mistake of the file.
        InputError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    return parse_document(text, str(path), model)


def parse_document(text: str, file: str, model: type[Model]) -> Model:
    """Validate YAML text as `model`; `file` names it in messages. Raises DocumentError."""
    reader = _Reader(file)
    data = reader.read(text)
    try:
        value = model.model_validate(data)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            location = model.relocate(item["loc"], data) if issubclass(model, Spec) else item["loc"]
            message = _describe({**item, "loc": location}, model)
            reader.problems.append(Problem(file=file, line=reader.line(location), message=message))
        value = None
    if issubclass(model, Spec):
        reader.problems.extend(
            Problem(file=file, line=reader.line(path), message=message) for path, message in model.cross_check(data)
        )
    if reader.problems:
        raise DocumentError(list(dict.fromkeys(reader.problems)))
    assert value is not None
    return value


class _Reader:
    """Turns composed YAML nodes into plain data and remembers the line of each."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path_, int] = {(): 1}
        self.problems: list[Problem] = []
        self.nodes = 0

    def read(self, text: str) -> Any:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise DocumentError(
                [Problem(file=self.file, line=line, message=f"is not valid YAML: {error.problem}")]
            ) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise DocumentError([Problem(file=self.file, line=1, message=f"is not valid YAML: {error}")]) from None
        if node is None:
            raise DocumentError([Problem(file=self.file, line=1, message="is empty")])
        return self._construct(node, ())

    def line(self, location: tuple[Any, ...]) -> int:
        """The line of the deepest part of `location` that exists in the file."""
        path: Path_ = ()
        for part in location:
            if (*path, part) in self.lines:
                path = (*path, part)
        return self.lines[path]

    def _problem(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(file=self.file, line=node.start_mark.line + 1, message=message))

    def _construct(self, node: yaml.Node, path: Path_) -> Any:
        self.nodes += 1
        if self.nodes > _MAX_NODES or len(path) > 50:
            raise DocumentError(
                [
                    Problem(
                        file=self.file,
                        line=node.start_mark.line + 1,
                        message="is too large once its aliases are expanded",
                    )
                ]
            )
        self.lines[path] = node.start_mark.line + 1
        if node.tag not in _CORE_TAGS:
            self._problem(node, f"tag '{node.tag}' is not allowed; write plain values")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._construct(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, "a key must be a plain word")
                continue
            key = key_node.value
            if key in result:
                first = self.lines[(*path, key)]
                self._problem(key_node, f"'{key}' is given twice, first in line {first}; keep one")
                continue
            result[key] = self._construct(value_node, (*path, key))
            self.lines[(*path, key)] = key_node.start_mark.line + 1
        return result


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.match(text) and len(text) <= 40:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _describe(item: Any, model: type[BaseModel]) -> str:
    location = ".".join(str(part) for part in item["loc"] if not _is_union_tag(part)) or "the document"
    kind = item["type"]
    if kind == "extra_forbidden":
        key = str(item["loc"][-1])
        allowed = _allowed_keys(model, item["loc"][:-1])
        return f"unknown key '{location}'" + (suggestion(key, allowed) if allowed else "")
    if kind == "missing":
        return f"'{location}' is missing"
    message = item["msg"]
    for prefix in ("Value error, ", "Input should be ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    if kind in ("quantity", "value_error", "assertion_error") or "found" in message:
        return f"{location}: {message}"
    found = item.get("input")
    shown = repr(found) if isinstance(found, (str, int, float, bool, type(None))) else f"a {_plain_type(found)}"
    return f"{location}: must be {message}, found {shown}"


def _plain_type(value: object) -> str:
    return {"dict": "mapping", "list": "list"}.get(type(value).__name__, type(value).__name__)


def _is_union_tag(part: object) -> bool:
    """pydantic puts the name of a union's member, such as `function-before[...]` or a class, into locations."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or part in ("str", "int", "float", "bool"))


def _allowed_keys(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    candidates: list[Any] = [model]
    for part in location:
        following: list[Any] = []
        for candidate in candidates:
            following.extend(_children(candidate, part))
        candidates = following or candidates
    keys: set[str] = set()
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            keys.update(field.alias or name for name, field in candidate.model_fields.items())
    return keys


def _flatten(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _flatten(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [member for argument in typing.get_args(annotation) for member in _flatten(argument)]
    return [annotation]


def _children(candidate: Any, part: Any) -> list[Any]:
    if isinstance(candidate, type) and issubclass(candidate, BaseModel):
        for name, field in candidate.model_fields.items():
            if part in (name, field.alias):
                return _flatten(field.annotation)
        return []
    arguments = typing.get_args(candidate)
    if arguments:
        return _flatten(arguments[-1] if arguments[-1] is not Ellipsis else arguments[0])
    return []

"""YAML documents with line numbers: all mistakes of a file are reported at once.

Scalars are read as in YAML 1.2's core schema: `no` is a string, `1e6` a number, `010` the number ten and `12:30` a
string; but so are `0x1F`, `0o17` and `.inf`. Tags are refused, so a document can only construct plain data. Limits on
size, depth and number of values, which no honest file approaches, ensure that reading any file takes only seconds.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter, Signature
from numbers import Integral, Real
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from codesign.errors import DocumentError, InputError, Problem
from codesign.files.local import open_at_once
from codesign.files.once import once
from codesign.mistakes import clipped, describe, dotted, mistakes_of
from codesign.units import HELD_IN_SI
from codesign.yaml_nodes import DEEPEST, MOST_VALUES, UnusableYamlError, composed, excess

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

Made = TypeVar("Made")
_MOST_BYTES, _MOST_PROBLEMS = 1_000_000, 100
LONGEST_KEY = 200
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no text may contain: they could control a terminal, and half of a surrogate pair cannot be written to
a file."""
_INNER_LINE = re.compile(r"\n(?!.+:[0-9]+: )")
"""A line break within a message, unless the next line is a mistake in another file with its own place."""
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq")}

Path_ = tuple[str | int, ...]
Mistake = tuple[Path_, str]
"""(place in a file, what is wrong)."""
Model = TypeVar("Model", bound="Spec")


@dataclass(frozen=True, kw_only=True)
class Place:
    """The file and line where something was written."""

    file: str
    line: int


@dataclass(kw_only=True)
class Document:
    """Plain content that was read but not yet checked against a model.

    Attributes:
        data: mappings, lists and scalars.
        places: by path, where each part was written: the file and the line of its key. The root, `()`, is always
            included.
        problems: mistakes noted so far.
        named: by path, what messages call parts that come from elsewhere, such as an option of the command line.
    """

    data: Any
    places: dict[Path_, Place]
    problems: list[Problem] = field(default_factory=list)
    named: Mapping[Path_, str] = field(default_factory=dict)

    def labelled(self, path: Path_, message: str) -> str:
        """A message that begins with what it is about; of an axis, not with the value, which the message gives."""
        ours = [self.named[path[:depth]] for depth in range(len(path) + 1) if path[:depth] in self.named]
        return f"{ours[-1] if ours else dotted(path[:2] if path[0] == 'axes' else path)}: {message}"

    def problem(self, location: tuple[Any, ...], message: str) -> Problem:
        place = self.place(location)
        return Problem(file=place.file, line=place.line, message=clipped(_INNER_LINE.sub(r"\\n", message)))

    def place(self, location: tuple[Any, ...]) -> Place:
        """The place of the deepest part of `location` that was written."""
        path: Path_ = ()
        for part in location:
            if (*path, part) in self.places:
                path = (*path, part)
        return self.places[path]


def as_written(value: Any) -> Any:
    """A value of Python code as in a file: arrays as lists, numpy's numbers as Python's, and paths as text."""
    if isinstance(value, Real) and not isinstance(value, Integral) and hasattr(value, "dtype"):
        return float(str(value))  # for float32, the decimal that it represents
    match value.tolist() if hasattr(value, "tolist") else value:
        case Mapping() as entries:
            return {str(name): as_written(part) for name, part in entries.items()}
        case list() | tuple() | range() as parts:
            return [as_written(part) for part in parts]
        case PurePath() as path:
            return str(path)
        case plain:
            return plain


class _Constructed(ModelMetaclass):
    """Construction from Python code: quantities may be numbers in SI units, lists may be arrays and numbers numpy's,
    and mistakes are reported like those of files."""

    def __call__(self: type[Made], *unnamed: Any, **kwargs: Any) -> Made:
        if unnamed:
            raise InputError(f"{self.__name__}: takes values by name, found {unnamed[0]!r:.80} without one")
        model: type[BaseModel] = self  # type: ignore[assignment]
        kwargs = as_written(kwargs)
        made = self.__new__(self)
        try:  # like `BaseModel.__init__`, which takes no context
            made = model.__pydantic_validator__.validate_python(kwargs, self_instance=made, context=HELD_IN_SI)
        except ValidationError as error:
            told = [describe(item, model) for item in mistakes_of(error, kwargs)]
            raise InputError("\n".join(f"{self.__name__}: {text}" for text in dict.fromkeys(told))) from None
        return made

    @property
    def __signature__(self) -> Signature:
        """For `help`: names and defaults, without the validators of annotations."""
        defaults = {
            name: Parameter.empty if one.is_required() else one.get_default(call_default_factory=True)
            for name, one in self.model_fields.items()  # type: ignore[attr-defined]
        }
        return Signature([Parameter(name, Parameter.KEYWORD_ONLY, default=one) for name, one in defaults.items()])

    @__signature__.setter
    def __signature__(self, theirs: object) -> None:
        """Pydantic's own is not used."""


class Spec(BaseModel, metaclass=_Constructed):
    """Base class of everything read from YAML: frozen, and unknown keys are mistakes.

    Raises:
        InputError: when constructed with content that would be invalid in a file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    added: ClassVar[frozenset[str]] = frozenset()
    """Fields added after the first keys of results: keys leave them out if they have their defaults."""
    always_shown: ClassVar[frozenset[str]] = frozenset()
    """Fields that are printed even if they have their defaults."""

    def said(self) -> dict[str, Any]:
        """All fields except those in `added` that have their defaults."""
        fields, added = type(self).model_fields, self.added
        given = {name: getattr(self, name) for name in fields}
        return {name: one for name, one in given.items() if name not in added or one != fields[name].default}

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Fields that differ from their defaults, and those that are always shown."""
        for name, kept in type(self).model_fields.items():
            value = getattr(self, name)
            if name in self.always_shown or value != kept.get_default(call_default_factory=True):
                yield name, value

    def __str__(self) -> str:
        return repr(self)

    @classmethod
    def cross_check(cls, data: Any) -> Iterable[Mistake]:
        """Mistakes between parts of a document, each as the path of the culprit and a message without the path.

        Called even if the document has other mistakes, so `data`, the plain content, may have any form.
        """
        return ()

    @classmethod
    def relocate(cls, location: Path_, data: Any) -> Path_:
        """Where in the file a mistake at `location` was written, for documents whose parts are merged into others."""
        return location


@dataclass(frozen=True)
class _Origin:
    """Where a spec was written. All are equal, because the meaning of a spec does not depend on its place."""

    document: Document | None = field(default=None, compare=False)


class FileSpec(Spec):
    """The content of a whole file. It knows its lines, for mistakes that only show once the data are known."""

    _origin: _Origin = PrivateAttr(default_factory=_Origin)

    def model_post_init(self, context: Any) -> None:
        if isinstance(context, Document):
            self._origin = _Origin(context)

    def says(self, path: Path_) -> bool:
        """Whether the file itself has something at a path, and not only a preset or default."""
        return self._origin.document is not None and value_at(self._origin.document.data, path) is not None

    def writes(self, path: Path_) -> bool:
        """Whether something at a path is written in the file itself, and not in one that it extends."""
        document = self._origin.document
        if document is None or not self.says(path):
            return False
        own = document.place(()).file
        return own != "" and document.place(path).file == own

    def refusal(self, mistakes: Iterable[Mistake]) -> InputError:
        """An error with mistakes at paths of the file, each with its line; without a file, with the paths."""
        document = self._origin.document or _mapping(None)
        told = [(path, document.labelled(path, message)) for path, message in mistakes]
        if not document.place(()).file:
            return InputError("; ".join(dict.fromkeys(message for _, message in told)))
        return refusal(document.problem(self.relocate(path, document.data), message) for path, message in told)


def value_at(data: Any, path: Path_) -> Any:
    """The value at a path of plain content of any form; None if there is none."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def load_document(path: Path, model: type[Model]) -> Model:
    """Read and validate a YAML file. Raises DocumentError with all its mistakes, and InputError if it cannot be read,
    is not a regular file, or is larger than a megabyte."""
    return validate_document(read_document(path), model)


def read_document(path: Path) -> Document:
    """The content of a YAML file. Raises DocumentError if it is not YAML, and InputError like `load_document`."""
    return _Reader(str(path)).read(once("text", str(path), lambda: _text(path)))


def _text(path: Path) -> str:
    try:
        with open(path, "rb", opener=open_at_once) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(_MOST_BYTES + 1) if regular else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not regular:
        raise InputError(f"{path}: is a pipe or a device; give a regular file")
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path}: is larger than {_MOST_BYTES:,} bytes, the most that is read")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}"
        raise DocumentError([Problem(file=str(path), line=line, message=message)]) from None


def parse_document(text: str, file: str, model: type[Model]) -> Model:
    """Validate YAML text as `model`; `file` names it in messages. Raises DocumentError."""
    return validate_document(_Reader(file).read(text), model)


def validate_document(document: Document, model: type[Model], *, other_keys: Iterable[str] = ()) -> Model:
    """Check content, of one file or merged from several, against a model; the file may also have `other_keys`. Raises
    DocumentError with all mistakes, including those already noted in the document."""
    data, problems, value = document.data, list(document.problems), None
    between = list(model.cross_check(data))
    known = {path for path, _ in between}  # although its value is wrong
    try:
        value = model.model_validate(data, context=document)
    except ValidationError as error:
        problems += [
            document.problem(item["place"], describe(item, model, other_keys))
            for item in mistakes_of(error, data, model.relocate)
            if item["type"] != "extra_forbidden" or item["place"] not in known
        ]
    problems += [document.problem(path, document.labelled(path, message)) for path, message in between]
    if value is None or problems:
        raise refusal(problems)
    return value


def _mapping(data: Any, named: Mapping[Path_, str] = MappingProxyType({})) -> Document:
    """Content that is not in a file."""
    return Document(data=data, places={(): Place(file="", line=0)}, named=named)


def validate_data(data: Any, model: type[Model], *, named: Mapping[Path_, str] = MappingProxyType({})) -> Model:
    """Check content given as a mapping. Raises InputError with all mistakes, one per line."""
    document = _mapping(data, named)
    try:
        return validate_document(document, model)
    except DocumentError as error:
        raise InputError("\n".join(dict.fromkeys(problem.message for problem in error.problems))) from None


def refusal(problems: Iterable[Problem]) -> DocumentError:
    """An error with each mistake once, up to a number that a reader may still look at.

    The same text about several lines of a file counts as one mistake, reported for the first.
    """
    lines: dict[tuple[str, str], set[int]] = {}
    for problem in problems:
        lines.setdefault((problem.file, problem.message), set()).add(problem.line)
    told = [
        Problem(file=file, line=min(at), message=f"{message} ({len(at)} times)" if len(at) > 1 else message)
        for (file, message), at in lines.items()
    ]
    if (more := len(told) - _MOST_PROBLEMS) > 0:
        told = sorted(told, key=lambda problem: (problem.file, problem.line))[:_MOST_PROBLEMS]
        told.append(replace(told[-1], line=told[-1].line + 1, message=f"and {more:,} more mistakes from here on"))
    return DocumentError(told)


@dataclass
class _Reader:
    """Turns composed YAML nodes into plain data and remembers the line of each."""

    file: str
    places: dict[Path_, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    values: int = 0

    def read(self, text: str) -> Document:
        try:
            node = composed(text)
        except UnusableYamlError as error:
            raise self._error(error.line, str(error)) from None
        if node is None:
            raise self._error(1, "is empty")
        return Document(data=self._construct(node, ()), places=self.places, problems=self.problems)

    def _error(self, line: int, message: str) -> DocumentError:
        return DocumentError([Problem(file=self.file, line=line, message=message)])

    def _problem(self, node: yaml.Node, message: str) -> None:
        self.problems += self._error(node.start_mark.line + 1, message).problems

    def _construct(self, node: yaml.Node, path: Path_) -> Any:
        self.values += 1
        if self.values > MOST_VALUES or len(path) > DEEPEST:
            raise self._error(node.start_mark.line + 1, excess(len(path)))
        self.places[path] = Place(file=self.file, line=node.start_mark.line + 1)
        plain = node.tag in _PLAIN_TAGS
        if not plain:  # its value is read without the tag, so there is no second message
            self._problem(node, f"tag '{clipped(node.tag, 80)}' is not allowed; write plain values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._construct(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return _scalar(self._text(node), node.style if plain else None)

    def _text(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        control = _CONTROL.search(text)
        if control is None:
            return text
        self._problem(node, f"the control character U+{ord(control[0]):04X} is not allowed; write plain text")
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, "a key must be a plain word")
                continue
            key = self._text(key_node)
            if len(key) > LONGEST_KEY:
                self._problem(key_node, f"a key must be at most {LONGEST_KEY} characters, found {len(key):,}")
                continue
            if key in result:
                first = self.places[(*path, key)].line
                self._problem(key_node, f"'{key}' is given twice, first in line {first}; keep one")
                continue
            result[key] = self._construct(value_node, (*path, key))
            self.places[(*path, key)] = Place(file=self.file, line=key_node.start_mark.line + 1)
        return result


def _scalar(text: str, style: str | None) -> Any:
    if style in ("'", '"', "|", ">"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text) and len(text) <= 40:
        return int(text)
    return float(text) if _FLOAT.match(text) else text

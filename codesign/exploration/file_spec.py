"""Files with mistakes that show only once something else is known: their data, or other files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import PrivateAttr, ValidationInfo, model_validator

from codesign.documents import Document, Path_, Spec, refusal
from codesign.errors import InputError
from codesign.mistakes import dotted


@dataclass(frozen=True)
class _Origin:
    """Where a spec was written. All are equal, because what a spec says does not depend on where it was written."""

    document: Document | None = field(default=None, compare=False)


class FileSpec(Spec):
    """What a whole file says, with the lines on which it says it."""

    _origin: _Origin = PrivateAttr(default_factory=_Origin)

    @model_validator(mode="after")
    def _remember(self, info: ValidationInfo) -> FileSpec:
        if isinstance(info.context, Document):
            self._origin = _Origin(info.context)
        return self

    def refusal(self, mistakes: Iterable[tuple[Path_, str]]) -> InputError:
        """An error with mistakes at paths of the file, each at its line; where there is no file, with the paths."""
        document = self._origin.document
        told = [(path, f"{self.label(path)}: {message}") for path, message in mistakes]
        if document is None or not document.place(()).file:  # given as a mapping
            return InputError("; ".join(dict.fromkeys(message for _, message in told)))
        return refusal(document.problem(self.relocate(path, document.data), message) for path, message in told)

    @staticmethod
    def label(path: Path_) -> str:
        """A place as a message names it: the label names an axis, the message gives its value."""
        return dotted(path[:2] if path[0] == "axes" else path)

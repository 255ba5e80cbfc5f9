"""All exceptions that codesign raises on purpose.

CodesignError
├── InputError            a file, option or argument is wrong: exit code 2
│   └── DocumentError     all mistakes of a YAML file and those it extends, each with its line
├── DataError             a dataset is missing or damaged; says what to do
├── InfeasibleError       a network does not fit a chip; becomes a row, not a crash
├── TrainingDivergedError the loss is no longer finite
└── StoreError            the result store cannot be read or written
    └── UnreadableResultError  a stored result is intact, but not what it should be

SilentNetworkWarning is a warning: there is a result, but hardly the intended one.
"""

from __future__ import annotations

from dataclasses import dataclass


class CodesignError(Exception):
    """Base class of all errors that codesign raises on purpose."""


class InputError(CodesignError, ValueError):
    """The user's input is wrong. The message says what was found and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake in a file: where, what was wrong, what was found and what is allowed."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DocumentError(InputError):
    """All mistakes of a file and of the files that it extends, one per line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line, problem.message))
        lines: list[str] = []
        told: dict[str, Problem] = {}
        for problem in self.problems:  # what is allowed is said once
            text, _, allowed = str(problem).partition(" allowed: ")
            first = told.setdefault(allowed, problem)
            if not allowed or first is problem:
                lines.append(str(problem))
            elif text.endswith(";"):
                lines.append(f"{text} allowed: as in {first.file}:{first.line}")
            else:  # it ends with a suggestion
                lines.append(text)
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[DocumentError], tuple[list[Problem]]]:
        return type(self), (self.problems,)


class DataError(CodesignError):
    """A dataset is missing, incomplete beyond use, or damaged."""


class InfeasibleError(CodesignError):
    """A network cannot be placed on a chip. The message names the layer, what it needs and what there is."""


class TrainingDivergedError(CodesignError):
    """Training produced a loss or weights that are not finite."""


class StoreError(CodesignError):
    """The result store cannot be read or written."""


class UnreadableResultError(StoreError):
    """A stored result has the right checksum but is not a model, execution or columns."""


class SilentNetworkWarning(UserWarning):
    """A network sent no output spike for any sample of a split, a layer sent no spike in an epoch of training, or a
    learned gate lets no input pass."""

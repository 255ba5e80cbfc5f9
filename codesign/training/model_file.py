"""A model in a file, as a recipe names it: one that is there, instead of or before a training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from codesign.documents import Document, Spec
from codesign.files import has_options


class ModelFile(Spec):
    """A model's file.

    Attributes:
        file: `.safetensors` or NIR, relative to the file that names it, or a URL.
        dialect: for NIR, the framework whose conventions the numbers follow. Give what else the file leaves open
            beside it, under the names of `codesign import`, such as `dt: 1 ms`.
    """

    model_config = ConfigDict(extra="allow")  # what a file leaves open, the dialect says once the file is read

    file: Annotated[str, Field(min_length=1)]
    dialect: str | None = None

    @field_validator("file")
    @classmethod
    def _no_options(cls, file: str, info: ValidationInfo) -> str:
        """A file of YAML may be a stranger's, and options say whom the credentials of a user are shown to."""
        if has_options(file) and isinstance(info.context, Document) and info.context.place(()).file:
            raise ValueError("a URL in a file has no options; put what follows '?' into fsspec's configuration")
        return file

    @property
    def summary(self) -> str:
        """In a line, as results and cards tell it."""
        said = {"dialect": self.dialect, **self.options}
        return ", ".join([self.file, *(f"{name} {value}" for name, value in said.items() if value is not None)])

    @property
    def options(self) -> dict[str, Any]:
        """What is said of the file beside its dialect."""
        return dict(self.model_extra or {})


def _named(given: Any) -> Any:
    return {"file": given} if isinstance(given, str) else given


ModelFileEntry = Annotated[ModelFile, BeforeValidator(_named)]
"""A `ModelFile`; a path alone stands for one of which nothing else is to be said."""

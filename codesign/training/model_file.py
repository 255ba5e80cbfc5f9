"""An existing model in a file, named by a recipe, to be used instead of a training or as its start."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from codesign.documents import Document, Spec
from codesign.files import has_options


class ModelFile(Spec):
    """A model's file.

    Attributes:
        file: `.safetensors` or NIR, relative to the file that names it, or a URL.
        dialect: for NIR, the framework whose conventions the numbers follow. Whatever else the file leaves open is
            given next to it, under the names of `codesign import`, such as `dt: 1 ms`.
    """

    model_config = ConfigDict(extra="allow")  # options are checked by the dialect when the file is read

    file: Annotated[str, Field(min_length=1)]
    dialect: str | None = None

    @field_validator("file")
    @classmethod
    def _no_options(cls, file: str, info: ValidationInfo) -> str:
        """A YAML file may come from a stranger, and options decide to whom a user's credentials are sent."""
        if has_options(file) and isinstance(info.context, Document) and info.context.place(()).file:
            raise ValueError("a URL in a file has no options; put what follows '?' into fsspec's configuration")
        return file

    @property
    def summary(self) -> str:
        """One line, for results and model cards."""
        options = {"dialect": self.dialect, **self.options}
        return ", ".join([self.file, *(f"{name} {value}" for name, value in options.items() if value is not None)])

    @property
    def options(self) -> dict[str, Any]:
        """Options of the file other than its dialect."""
        return dict(self.model_extra or {})


ModelFileEntry = Annotated[
    ModelFile, BeforeValidator(lambda given: {"file": given} if isinstance(given, str) else given)
]
"""A `ModelFile`, or only its path if there is nothing else to say."""

"""The templates of the pages, and what stands beside them in this package."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from codesign.errors import InputError
from codesign.files.code import code_folder, read_code, write_code
from codesign.reporting.charts.base import Figure, looks
from codesign.reporting.page.data import block
from codesign.reporting.pieces import Section, Table
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from jinja2 import Environment


_LONGEST = 5000
_LONGEST_CELL = 1000
_MOST_ROWS = 1000
_MOST_LETTERS = 500_000
_MARKUP = 40
"""Letters of mark-up around a cell, about."""


def render_page(
    name: str, *, scripts: Sequence[str], parts: Sequence[Section], points: str = "", **values: object
) -> str:
    """A page that runs and is styled by its own texts alone, and loads nothing.

    Texts are texts, whatever they hold. Long ones are cut, and so are long tables, where the page says so.

    Args:
        scripts: files of `page/` that make up its script.
        parts: those whose charts the page draws.
        points: a block of JSON that its script draws from.
    """
    drawn = {piece.name: piece.spec for part in parts for piece in part.body if isinstance(piece, Figure)}
    css, js = _resource("page/page.css"), "\n".join(_resource(f"page/{script}") for script in scripts)
    text = (
        _environment()
        .get_template(name)
        .render(
            css=css,
            js=js,
            bundle=bundle(),
            policy=_policy(scripts=(bundle(), js), styles=(css,)),
            looks=block({"light": looks(), "dark": looks(dark=True)}),
            figures=block(drawn),
            points=points,
            **values,
        )
    )
    return escaped(text)


def _resource(name: str) -> str:
    return files("codesign.reporting").joinpath(name).read_text(encoding="utf-8")


@cache
def bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one module of JavaScript, which draws charts without a network. To put it
    together takes longer than all the rest of a small page, so it is kept."""
    import vl_convert

    folder = None
    with suppress(InputError, OSError):  # a folder that is of no use for kernels is of none for this
        folder = code_folder(f"vega-{version('vl-convert-python')}")
        if folder is not None:
            return read_code(folder / "bundle.js").decode()
    made = str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub forgets a default
    if folder is not None:
        with suppress(OSError):
            write_code(folder / "bundle.js", made.encode())
    return made


def _policy(*, scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A content security policy under which a page runs and is styled by these texts alone, and loads nothing."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def cut(text: str, most: int = _LONGEST) -> str:
    """`text`, or its beginning and how much is missing."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most:,} more characters in the results file)"


def fitting(table: Table) -> Table:
    """The first rows of a table, as far as a page has room for them."""
    letters, rows = 0, 0
    for row in table.rows[:_MOST_ROWS]:
        letters += sum(min(len(cell.text), _LONGEST_CELL) + _MARKUP for cell in row)
        if letters > _MOST_LETTERS and rows:
            break
        rows += 1
    return replace(table, rows=table.rows[:rows])


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from jinja2.utils import urlize
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        finalize=lambda value: cut(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def links(text: str) -> Markup:
        return Markup(urlize(text, rel="noopener noreferrer"))

    environment.filters["links"] = links
    environment.filters["cut"] = lambda text: cut(text, _LONGEST_CELL)
    environment.filters["fitting"] = fitting
    # For what this package drew or ships itself; everything else is escaped.
    environment.filters["trusted"] = Markup
    environment.filters["order"] = lambda order: "" if order is None else f"{order:.9g}"
    return environment

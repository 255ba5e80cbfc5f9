"""Rendering pages from the templates, styles and scripts in this package."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from codesign.analysis.results.formatting import shortened
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
"""Approximate number of characters of mark-up around a cell."""


def render_page(
    name: str, *, scripts: Sequence[str], parts: Sequence[Section], points: str = "", **values: object
) -> str:
    """Render a page that contains all its scripts and styles, and loads nothing.

    All texts are escaped. Long texts and long tables are cut, which the page says.

    Args:
        scripts: files in `page/` that make up its script.
        parts: sections whose charts the page draws.
        points: a block of JSON with the data of its script.
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
    """Vega, Vega-Lite and vega-embed as one JavaScript module, which draws charts without a network. It is kept in a
    folder, because building it takes longer than the rest of a small page."""
    import vl_convert

    folder = None
    with suppress(InputError, OSError):  # a folder that is unusable for kernels is unusable for this
        folder = code_folder(f"vega-{version('vl-convert-python')}")
        if folder is not None:
            return read_code(folder / "bundle.js").decode()
    made = str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub forgets a default
    if folder is not None:
        with suppress(OSError):
            write_code(folder / "bundle.js", made.encode())
    return made


def _policy(*, scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A content security policy that only allows these scripts and styles, and loads nothing."""
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


def fitting(table: Table) -> Table:
    """The table with its first rows, as far as a page has room for them."""
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
        finalize=lambda value: shortened(value, _LONGEST) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def links(text: str) -> Markup:
        return Markup(urlize(text, rel="noopener noreferrer"))

    def breakable(text: str) -> Markup:
        return Markup("<wbr>").join(re.split(r"(?<=[._])(?=\w)", shortened(text, _LONGEST)))

    environment.filters["links"] = links
    environment.filters["breakable"] = breakable  # a name such as `recipe.group_size` may go on in the next line
    environment.filters["cut"] = lambda text: shortened(text, _LONGEST_CELL)
    environment.filters["fitting"] = fitting
    # For texts that this package drew or ships itself; everything else is escaped.
    environment.filters["trusted"] = Markup
    environment.filters["order"] = lambda order: "" if order is None else f"{order:.9g}"
    return environment

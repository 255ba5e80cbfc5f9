"""The templates of the pages, and what stands beside them in this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["resource", "template"]


def resource(name: str) -> str:
    """The text of a file of this package, such as `report.css`."""
    return files("codesign.reporting").joinpath(name).read_text(encoding="utf-8")


def template(name: str) -> Template:
    """A page's template, such as `report.html.j2`. Whatever it is given is escaped."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from jinja2.utils import urlize
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def links(text: str) -> Markup:
        return Markup(urlize(text, rel="noopener noreferrer"))

    environment.filters["links"] = links
    # For what this package drew or ships itself; everything else is escaped.
    environment.filters["svg"] = Markup
    environment.filters["order"] = lambda order: "" if order is None else f"{order:.9g}"
    return environment

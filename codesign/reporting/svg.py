"""Drawing to inline SVG: the same bytes every time, ink that follows the page, matplotlib's settings left as found."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FAINT", "INK", "picture", "render"]

INK = "#0a0b0c"
"""Drawn as the page's text colour. Any colour that no palette holds would do."""
FAINT = "#0d0e0f"
"""Drawn as the page's line colour."""

_LOCK = threading.Lock()
_SETTINGS: dict[Any, Any] = {
    # A name from a sweep file is text, dollar signs and all.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "codesign",
    "font.size": 9.0,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "patch.edgecolor": "none",
}


def render(
    name: str,
    draw: Callable[[Figure], None],
    *,
    size: tuple[float, float],
    label: str,
    titles: Mapping[str, str] | None = None,
) -> str:
    """An `<svg>` element.

    Args:
        name: prefix of every id in it; unique on the page.
        draw: draws on an empty figure; artists that carry a `gid` of `titles` can be hovered and focused.
        size: width and height in inches.
        label: what the figure shows, for those who cannot see it.
        titles: text for each gid.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    # matplotlib reads its settings while it draws and they are global: one drawing at a time.
    with _LOCK, matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # Text stays text: the reader's fonts have what matplotlib's own lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Names so long that nothing is left to draw in: a poor figure, and the tables say it all.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        figure.savefig(buffer, format="svg", dpi=120, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue().decode(), name, label, titles or {})


def picture(draw: Callable[[Figure], None], *, size: tuple[float, float], form: str) -> bytes:
    """The same drawing as a file of its own, `svg` or `png`, in black on white.

    Args:
        draw, size: as of `render`.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = {key: "#c8c8c8" for key, value in _SETTINGS.items() if value == FAINT}
    buffer = io.BytesIO()
    with _LOCK, matplotlib.rc_context({**_SETTINGS, **lines, "savefig.facecolor": "white"}):
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        draw(figure)
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(buffer, format=form, dpi=160, metadata=metadata)
    return buffer.getvalue()


def _inline(text: str, name: str, label: str, titles: Mapping[str, str]) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<\w+) id="([^"]*)"', rf'\1 id="{name}-\2"', text)
    text = re.sub(r'="url\(#([^)]*)\)"', rf'="url(#{name}-\1)"', text)
    text = re.sub(r'xlink:href="#([^"]*)"', rf'xlink:href="#{name}-\1"', text)
    text = re.sub(r'style="([^"]*)"', lambda match: f'style="{_style(match[1])}"', text)
    size = re.search(r'<svg[^>]*? width="([0-9.]+)pt"', text)
    width = size[1] if size else "300"
    text = re.sub(r' (width|height)="[0-9.]+pt"', "", text, count=2)
    text = text.replace("<svg", f'<svg role="group" aria-label="{escape(label)}" style="max-width: {width}pt"', 1)
    for gid, title in titles.items():
        found = f'<g id="{name}-{gid}">'
        number = escape(gid.rsplit("-", 1)[-1])
        text = text.replace(
            found,
            f'<g id="{name}-{gid}" class="point" data-point="{number}" tabindex="0" role="img">'
            f"<title>{escape(title)}</title>",
        )
    return re.sub(r"\n\s*", "\n", text).strip()


def _style(declarations: str) -> str:
    """A style attribute with the page's ink and the page's font; matplotlib names fonts that few readers have."""
    declarations = declarations.replace(INK, "currentColor").replace(FAINT, "var(--line)")
    declarations = re.sub(r"font-family:[^;]*;?", "", declarations)
    return re.sub(r"font: (.*?)px [^;]*", r"font-size: \1px", declarations)

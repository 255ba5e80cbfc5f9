"""A page without questions, of the same parts as that of a sweep: charts and tables at once, the rest folded below."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.reporting.charts.base import Figure
from codesign.reporting.section import Section
from codesign.reporting.tables import Table
from codesign.reporting.templates import render_page


def plain_page(
    title: str,
    introduction: Sequence[str],
    body: Sequence[str | Table | Figure],
    sections: Sequence[Section],
    answers: Sequence[str] = (),
) -> str:
    """The page as HTML: one self-contained file, the same bytes every time.

    Args:
        introduction: lines below the title.
        body: what is read without opening anything.
        sections: what opens; those without content are left out.
        answers: sentences that stand above everything.
    """
    main = Section(name="main", title=title, body=tuple(body))
    folded = [section for section in sections if section.body]
    return render_page(
        "page/plain.html.j2",
        scripts=("common.js",),
        parts=(main, *folded),
        title=title,
        introduction=introduction,
        answers=answers,
        main=main,
        sections=folded,
    )

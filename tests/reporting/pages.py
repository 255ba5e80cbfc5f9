"""A report as a browser would see it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "</title></svg></script><img src=x onerror=alert(1)>\"'&${x}$_^{"
VOID = {"meta", "input", "br", "img", "path", "use", "rect", "link"}


class Page(HTMLParser):
    """Collects what a browser would fetch or run, ids, and whether tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str, str]] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + " "

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                self.addresses.append((tag, name, value or ""))
            if name.startswith("on"):
                self.handlers.append(name)


def assert_harmless(text: str, *, scripts: int = 1) -> None:
    """No name has become markup or script, and `HOSTILE` is there as text."""
    page = Page(text)
    assert page.open == []
    assert "img" not in page.tags
    assert page.handlers == []
    assert page.tags.count("script") == scripts
    assert "<img" not in re.sub(r'<script type="module">.*?</script>', "", text, flags=re.DOTALL)
    assert "&lt;img src=x" in text

"""Texts of others behind everything that people write, and what a page that shows them may not do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from codesign.analysis.results.metadata import ResultMetadata

RUN = "document.documentElement.setAttribute('data-owned',1)"
HOSTILE = (
    f"</title></style></svg></textarea></script><script>{RUN}</script><img src=x onerror={RUN}>"
    f"<a href=javascript:{RUN}>\"'` onmouseover={RUN} x='<svg onload={RUN}>'{{{{7*7}}}}{{% raw %}}${{x}}$_^{{"
    "<!--&lt;]]>"
    f' http://example.org/"onfocus="{RUN} javascript:{RUN} &#x3c;script&#x3e;\\u003cscript\\u003e datum.x=1 + {RUN}'
)
HARMLESS = "x" * HOSTILE.index(" http:") + " http://example.org/" + "x" * 40

_VOID = {"meta", "input", "br", "img", "path", "use", "rect", "link"}
_OWN_WORDS = {
    *("column", "direction", "unit", "confidence", "kind", "state", "synchronization", "sweep", "static_book", "axes"),
    *("questions", "config_hash"),
}
"""Facts whose words mean something to the report."""
_RENAMED = {"recipes", "schedules", "chips", "parameters", "violations"}
"""Facts by names that people give."""
_NAMES_WITHIN = {"neuron": "neuron", "versions": "versions", "importances": "parameters"}
_OWN_COLUMNS = {
    *("sweep", "status", "inference", "stop", "capacity", "mapping", "operation", "synchronization"),
    *("training_method", "energy_accounting", "energy_coverage", "uncertain_terms", "policy", "training_policy"),
    *("input_mode", "axis.trial"),
}


class Page(HTMLParser):
    """Elements with the names of their attributes, addresses, ids, and what scripts, styles and all else say."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.code: list[str] = []
        self.text = ""
        self._runs = False
        self.feed(text)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.ids += [value or "" for name, value in attrs if name == "id"]
        places = ("src", "href", "xlink:href", "action", "data", "srcset")
        self.addresses += [(tag, value or "") for name, value in attrs if name in places]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":
            return  # stands wherever a name may be broken
        self.handle_startendtag(tag, attrs)
        self._runs = tag in ("script", "style") and ("type", "application/json") not in attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        self._runs = False

    def handle_data(self, data: str) -> None:
        if self._runs:
            self.code.append(data)
        elif self.open and self.open[-1] != "script":
            self.text += data + " "

    @property
    def tags(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (tag, _), number in self.elements.items():
            counts[tag] += number
        return counts


def check_obeys_nothing(hostile: str, harmless: str) -> None:
    """The page of hostile texts has the elements, attributes, scripts and kinds of addresses of the other one."""
    page, other = Page(hostile), Page(harmless)
    assert page.open == other.open == []
    assert "onerror=" in page.text  # the texts are there, as texts
    assert set(page.elements) == set(other.elements)
    for tag in ("script", "style", "a", "img", "image", "iframe", "object", "embed", "form", "input", "base", "meta"):
        assert page.tags[tag] == other.tags[tag], tag
    assert page.tags["link"] == page.tags["iframe"] == page.tags["img"] == 0
    assert not any(name.startswith("on") for _, names in page.elements for name in names)
    assert page.code == other.code
    schemes = {address.partition(":")[0] for _, address in page.addresses if not address.startswith("#")}
    assert schemes <= {"http", "https", "data"}


def with_more(
    rows: Sequence[Mapping[str, Any]], metadata: ResultMetadata, more: str
) -> tuple[list[dict[str, Any]], ResultMetadata]:
    """Results with `more` behind every text and every name that people write, and an axis of that name."""
    changed = []
    for row in rows:
        new = {column: value if column in _OWN_COLUMNS else _longer(value, more) for column, value in row.items()}
        changed.append({**new, f"axis.{more}": new["chip"]})
    return changed, ResultMetadata.from_json(json.dumps(_longer(json.loads(metadata.to_json()), more)))


def _longer(value: Any, more: str, name: str = "") -> Any:
    if name in _OWN_WORDS:
        return value
    if isinstance(value, dict):
        return {
            key + more if name in _RENAMED else key: _longer(part, more, _NAMES_WITHIN.get(name, key))
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_longer(part, more, name if name != "parameters" else "") for part in value]
    return value + more if isinstance(value, str) else value

"""Texts of others behind everything that people write, and what a page that shows them may not do."""

from __future__ import annotations

import json
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

_VOID = {"meta", "input", "br", "wbr"}
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
    """Its ids, elements that are still open at the end, and what all but scripts and styles say."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + " "


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

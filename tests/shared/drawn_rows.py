"""What a chart draws, as its specification holds it."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
from altair.utils.schemapi import validate_jsonschema

from codesign.reporting.charts.base import Figure


def rows_of(drawn: Figure) -> list[dict[str, Any]]:
    """What is drawn, one mapping each; of several layers those of the first that has rows. Raises where the figure is
    none of Vega-Lite's."""
    validate_jsonschema(drawn.spec, alt.load_schema())
    return _rows_in(drawn.spec)


def _rows_in(spec: Any) -> list[dict[str, Any]]:
    """The first values found in a specification."""
    if isinstance(spec, dict):
        if isinstance(spec.get("data"), dict) and spec["data"].get("values"):
            return list(json.loads(json.dumps(spec["data"]["values"])))
        parts = list(spec.values())
    else:
        parts = spec if isinstance(spec, list) else ()
    return next((rows for part in parts if (rows := _rows_in(part))), [])

"""Lengths of time, points in time and rates, in words."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def ago(seconds: float) -> str:
    """`just now`, `42 s ago`, `3 min ago`, `2 h ago` or `5 days ago`; `in the future` for clocks that disagree."""
    if seconds < -60:
        return "in the future, by this machine's clock"
    if seconds < 2:
        return "just now"
    for unit, length, until in (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < until:
            return f"{round(seconds / length)} {unit} ago"
    return f"{round(seconds / 86400)} days ago"


def rate_text(per_s: float) -> str:
    """`12/s`, `4.0/min` or `2.5/h`."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_s * seconds >= 1:
            return f"{per_s * seconds:.{0 if per_s * seconds >= 10 else 1}f}/{unit}"
    return f"{per_s * 3600:.1f}/h"

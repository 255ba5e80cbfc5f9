"""Where jobs run: one file an executor."""

from __future__ import annotations

from typing import Literal

ExecutorName = Literal["serial", "ray"]
"""Executors by name; `codesign.exploration.running.named_executor` makes them."""

"""Executors, which run jobs: one file per executor."""

from __future__ import annotations

from typing import Literal

ExecutorName = Literal["serial", "ray"]
"""Names of executors; `codesign.exploration.running.named_executor` creates them."""

"""What `codesign status` says, as JSON. Times are in UTC, as ISO 8601 writes them; lengths of time in seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from codesign.exploration.runs.status import RunStatus, StoreStatus

__all__ = ["run_json", "store_json"]


def store_json(found: StoreStatus) -> dict[str, Any]:
    """All runs of a store."""
    return {"runs": [run_json(one) for one in found.runs], "problems": list(found.problems)}


def run_json(found: RunStatus) -> dict[str, Any]:
    """One run."""
    record, jobs, search = found.record, found.record.jobs, found.record.search
    results = found.results
    return {
        "id": record.id,
        "name": record.name,
        "title": record.title,
        "kind": record.kind,
        "state": found.state,
        "message": record.message or None,
        "first_started": _iso(record.first_started),
        "started": _iso(record.started),
        "last_sign_of_life": _iso(record.alive),
        "host": record.process.host,
        "pid": record.process.pid,
        "executor": record.executor or None,
        "store": record.store,
        "output": record.output,
        "results": None
        if results is None
        else {kind: {"needed": one.needed, "in_store": one.in_store} for kind, one in results.items()},
        "jobs": jobs.model_dump(),
        "failures": [line.model_dump() for line in record.failures],
        "front": [
            {
                "name": line.name,
                "group": line.group or None,
                "values": dict(zip(line.labels, line.values, strict=False)),
            }
            for line in record.front
        ],
        "front_size": record.front_size,
        "study": None if search is None else search.model_dump(),
        "problem": found.problem,
        "resume": {"folder": record.folder, "command": record.command} if record.command else None,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")

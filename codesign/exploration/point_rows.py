"""The row of a design point, from what its jobs left in the store."""

from __future__ import annotations

from collections.abc import Mapping

from codesign.errors import UnreadableResultError
from codesign.exploration.encoding import reading_result
from codesign.exploration.executors.base import Failure
from codesign.exploration.jobs import decode_columns
from codesign.exploration.plan import FeasiblePoint, Point
from codesign.exploration.rows import Columns
from codesign.exploration.store import Store
from codesign.hardware.energy import paper_energy_j, paper_synaptic_operations
from codesign.network.topology import NetworkShape
from codesign.results import checked_cells

__all__ = ["paper_book", "point_row"]


def point_row(point: Point, shape: NetworkShape, store: Store, failures: Mapping[str, Failure]) -> Columns:
    """All columns of a design point: its result, or why it has none.

    Args:
        shape: of the network.
        failures: by key, why a result is missing.
    """
    if point.jobs is None:
        return {**point.columns, "status": "infeasible", "reason": point.reason}
    try:
        return _row(point, point.jobs, shape, store, failures)
    except UnreadableResultError as error:  # incomplete, but with the right checksum
        reason = f"{error}; remove its entries from the store at {store.root}"
        return {**point.columns, "status": "failed", "reason": reason}


def _row(
    point: Point, jobs: FeasiblePoint, shape: NetworkShape, store: Store, failures: Mapping[str, Failure]
) -> Columns:
    columns = {**point.columns, **_training_columns(jobs, store)}
    for key in jobs.keys:
        if key in failures:
            return {**columns, "status": "failed", "reason": str(failures[key])}
    keys = (*(one.key for one in jobs.summaries), jobs.cost.key)
    found = [stored for stored in (_stored_columns(store, key) for key in keys) if stored is not None]
    if len(found) < len(keys):
        reason = f"its result vanished from the store at {store.root} while the sweep ran; run it again"
        return {**columns, "status": "failed", "reason": reason}
    summary, *unquantized, cost = found
    with reading_result("columns"):
        return {
            **columns,
            **summary,
            "float_accuracy": unquantized[0]["accuracy"] if unquantized else None,
            **cost,
            **paper_book(point, summary["spike_density"], shape),
            "assumptions": list(dict.fromkeys([*columns["assumptions"], *cost["assumptions"]])),
            "status": "ok",
            **checked_cells({"execute_wall_s": (store.facts(jobs.execution.key) or {}).get("wall_s")}),
        }


def _training_columns(jobs: FeasiblePoint, store: Store) -> Columns:
    facts = dict(store.facts(jobs.execution.model.key) or {})
    names = ("trained_epochs", "best_epoch", "training_loss", "validation_accuracy")
    with reading_result("facts"):
        return checked_cells({**{name: facts.get(name) for name in names}, "train_wall_s": facts.get("wall_s")})


def _stored_columns(store: Store, key: str) -> Columns | None:
    entry = store.get(key)
    return None if entry is None else decode_columns(entry.payload)


def paper_book(point: Point, spike_density: float, shape: NetworkShape) -> Columns:
    """The paper's book follows the row's spike density, where the priced execution may have been drained beyond it."""
    energy = point.chip.e_synaptic_operation_j
    return {
        "paper_synaptic_operations": paper_synaptic_operations(spike_density, shape),
        "paper_energy_j": None if energy is None else paper_energy_j(spike_density, shape, energy),
    }

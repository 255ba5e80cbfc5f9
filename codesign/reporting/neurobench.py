"""NeuroBench's metrics of each point of a sweep, with the names of its harness.

Its *effective* operations leave out weights of 0, which executions count, so they are missing here;
`codesign.simulation.neurobench` has them.
"""

from __future__ import annotations

import json
from typing import Any

from codesign.analysis.answers.answers import plain_point
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.points import Point
from codesign.files import Location, with_suffix, write_atomically

_NOTE = (
    "NeuroBench's metrics, means over seeds, operations per sample. The footprint is that of the stored weights, at "
    "the bits that they are evaluated with. MACs and ACs include synapses of weight 0; "
    "cd.neurobench gives effective ones, which leave these out, and the connection sparsity. Operations until the "
    "decision are those up to the first output spike of each timestep."
)


def neurobench_of(point: Point) -> dict[str, Any]:
    """The metrics of a point; None for metrics that its results file does not have."""

    def mean(column: str) -> float | None:
        return point.value(column).mean

    operations, macs, weights = map(mean, ("synaptic_operations", "input_macs", "weights"))
    return {
        "ClassificationAccuracy": mean("accuracy"),
        "Footprint": None if weights is None else weights * (point.weight_bits or 32) / 8,
        "ActivationSparsity": mean("activation_sparsity"),
        "SynapticOperations": {
            "MACs": macs,
            "ACs": None if operations is None or macs is None else operations - macs,
            "Dense": mean("dense_operations"),
        },
        "decision_operations": mean("decision_operations"),
    }


def export_neurobench(table: AnsweredTable, report: Location) -> None:
    """Write `REPORT.neurobench.json` next to a report, a path or a URL. Raises InputError if it cannot be written."""
    metrics = [
        {"label": table.names.point(point), "point": plain_point(point), **neurobench_of(point)}
        for point in table.points
    ]
    text = json.dumps({"note": _NOTE, "points": metrics}, indent=2, ensure_ascii=False)
    write_atomically(with_suffix(report, ".neurobench.json"), f"{text}\n".encode())

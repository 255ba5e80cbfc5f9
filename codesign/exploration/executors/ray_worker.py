"""What runs on Ray's workers."""

from __future__ import annotations

import pickle
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from codesign.exploration.executors.base import Failure
from codesign.exploration.executors.perform import perform
from codesign.versions import package_versions

Result = tuple[bytes | None, Failure | None, float]
"""Of a task: its pickled output, or why there is none, and its wall time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Stands for the shared value of that index among the arguments of a task."""

    index: int


def report(key: str, value: object) -> None:
    """Note under a key of the cluster's table what a task reports; it is worth more than what it says."""
    from ray.experimental.internal_kv import _internal_kv_put

    with suppress(Exception):  # whatever Ray raises
        _internal_kv_put(key, pickle.dumps(value))


def packed(output: object, failure: Failure | None) -> tuple[bytes | None, Failure | None]:
    """An output as it travels, or why there is none."""
    if failure is not None:
        return None, failure
    try:
        return pickle.dumps(output, protocol=5), None
    except Exception as error:  # whatever an output's own pickling raises
        return None, Failure(kind=type(error).__name__, message=f"its output cannot be sent: {error}")


def perform_batch(
    grace_s: float, started: str | None, reported: str | None, calls: bytes, *shared: object
) -> tuple[str, dict[str, str], list[Result]]:
    """Run the tasks of a batch, one after another; the node, its `package_versions`, and a result for each task.

    Args:
        grace_s: the worker is ended where a task hangs so long after its timeout.
        started: key of the cluster's table under which to note when the batch began, in seconds since 1970.
        reported: key under which to note, pickled, what the function reports; None where nobody asks for it.
        calls: pickled list of (function, arguments, resources), with `Slot`s for the `shared` values.
    """
    import ray
    from ray.experimental.internal_kv import _internal_kv_put

    if started is not None:
        _internal_kv_put(started, repr(time.time()))
    results: list[Result] = []
    for function, arguments, resources in pickle.loads(calls):
        function = function if reported is None else partial(function, report=partial(report, reported))
        filled = tuple(shared[value.index] if isinstance(value, Slot) else value for value in arguments)
        output, failure, wall_s = perform(function, filled, resources, grace_s=grace_s)
        results.append((*packed(output, failure), wall_s))
    return ray.get_runtime_context().get_node_id(), package_versions(), results

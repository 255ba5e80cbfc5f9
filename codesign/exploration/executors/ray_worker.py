"""What runs on Ray's workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from codesign.exploration.executors.base import Failure

__all__ = ["Result", "Slot", "make_perform_batch", "packed", "report"]

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


def make_perform_batch(grace_s: float, code: str | None) -> Callable[..., tuple[str, Any, Any]]:
    """A function that runs the tasks of a batch, one after another.

    Being nested, it travels as code and not by name, so that it can say what is wrong with a node on which codesign is
    missing or another one.

    Args:
        grace_s: the worker is ended where a task hangs so long after its timeout.
        code: `identity.code_digest` that a node must have; None where every node is this machine.
    """

    def perform_batch(started: str | None, reported: str | None, calls: bytes, *shared: object) -> tuple[str, Any, Any]:
        """The node; its `identity.versions`, None where it was not asked; a result for each task.

        If the node cannot be trusted, what is wrong with it instead of the results.

        Args:
            started: key of the cluster's table under which to note when the batch began, in seconds since 1970.
            reported: key under which to note, pickled, what the function reports; None where nobody asks for it.
            calls: pickled list of (function, arguments, resources), with `Slot`s for the `shared` values.
        """
        import pickle
        import platform
        import time
        from functools import partial

        import ray

        node, versions = ray.get_runtime_context().get_node_id(), None
        if code is not None:
            versions = {"python": ".".join(platform.python_version_tuple()[:2])}
            try:
                from codesign.exploration.executors.identity import code_digest
                from codesign.exploration.executors.identity import versions as find_versions
            except ImportError as error:
                return node, versions, f"codesign cannot be imported there ({error}); install it"
            versions = find_versions()
            if code_digest() != code:
                return node, versions, "its codesign has other source files than the one here; install the same"
        if started is not None:
            from ray.experimental.internal_kv import _internal_kv_put

            _internal_kv_put(started, repr(time.time()))

        from codesign.exploration.executors.perform import perform
        from codesign.exploration.executors.ray_worker import Slot, packed, report

        results: list[Result] = []
        for function, arguments, resources in pickle.loads(calls):
            function = function if reported is None else partial(function, report=partial(report, reported))
            filled = tuple(shared[value.index] if isinstance(value, Slot) else value for value in arguments)
            output, failure, wall_s = perform(function, filled, resources, grace_s=grace_s)
            results.append((*packed(output, failure), wall_s))
        return node, versions, results

    return perform_batch

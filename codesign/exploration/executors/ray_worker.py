"""What runs on Ray's workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.exploration.executors.base import Failure

__all__ = ["Result", "Slot", "make_perform_batch"]

Result = tuple["bytes | None", "Failure | None", float]
"""Of a task: its pickled output, or why there is none, and its wall time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Stands for the shared value of that index among the arguments of a task."""

    index: int


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
        from contextlib import suppress
        from functools import partial

        import ray
        from ray.experimental.internal_kv import _internal_kv_put

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
            _internal_kv_put(started, repr(time.time()))

        from codesign.exploration.executors.base import Failure
        from codesign.exploration.executors.perform import perform
        from codesign.exploration.executors.ray_worker import Slot

        def report(value: object) -> None:
            with suppress(Exception):  # whatever Ray raises; the task is worth more than what it says
                _internal_kv_put(str(reported), pickle.dumps(value))

        results: list[Result] = []
        for function, arguments, resources in pickle.loads(calls):
            function = function if reported is None else partial(function, report=report)
            filled = tuple(shared[value.index] if isinstance(value, Slot) else value for value in arguments)
            output, failure, wall_s = perform(function, filled, resources, grace_s=grace_s)
            pickled = None
            if failure is None:
                try:
                    pickled = pickle.dumps(output, protocol=5)
                except Exception as error:  # whatever an output's own pickling raises
                    failure = Failure(kind=type(error).__name__, message=f"its output cannot be sent: {error}")
            results.append((pickled, failure, wall_s))
        return node, versions, results

    return perform_batch

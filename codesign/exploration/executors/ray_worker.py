"""What runs on Ray's workers."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable

from codesign.exploration.executors.base import Failure
from codesign.exploration.executors.messages import Parcel, Result, Slot, unpack
from codesign.exploration.executors.perform import perform

__all__ = ["make_probe", "perform_batch"]


def perform_batch(
    nodes: frozenset[str] | None, grace_s: float, started: str | None, calls: bytes, *shared: Parcel
) -> list[Result]:
    """Run the tasks of a batch, one after another.

    Args:
        nodes: those that have been looked at and can run tasks; None for all.
        grace_s: this process is ended where a task hangs so long after its timeout.
        started: key of the cluster's table under which to note the time of the beginning, in seconds since 1970.
        calls, shared: as in `Send`.

    Raises:
        LookupError: this node has not been looked at.
    """
    import ray

    if nodes is not None and ray.get_runtime_context().get_node_id() not in nodes:
        raise LookupError("a node that has joined since then")
    if started is not None:
        from ray.experimental.internal_kv import _internal_kv_put

        _internal_kv_put(started, repr(time.time()))
    values = [unpack(parcel) for parcel in shared]
    results: list[Result] = []
    for function, arguments, resources in pickle.loads(calls):
        filled = tuple(values[one.index] if isinstance(one, Slot) else one for one in arguments)
        output, failure, wall_s = perform(function, filled, resources, grace_s=grace_s)
        if failure is not None:
            results.append((None, failure, wall_s))
            continue
        try:
            results.append((pickle.dumps(output, protocol=5), None, wall_s))
        except Exception as error:  # whatever an output's own pickling raises
            said = Failure.of(error)
            results.append(
                (None, Failure(kind=said.kind, message=f"its output cannot be sent: {said.message}"), wall_s)
            )
    return results


def make_probe() -> Callable[[], tuple[str | None, dict[str, str], str]]:
    """A function that tells of a node, even of one without codesign: being nested, it travels as code, not by name.

    It gives the node's `code_digest`, None where codesign cannot be imported; its `versions`; and what importing said.
    """

    def probe() -> tuple[str | None, dict[str, str], str]:
        import platform

        python = ".".join(platform.python_version_tuple()[:2])
        try:
            from codesign.exploration.executors.identity import code_digest, versions
        except ImportError as error:
            return None, {"python": python}, str(error)
        return code_digest(), versions(), ""

    return probe

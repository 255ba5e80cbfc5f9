"""The process that holds Ray for an executor: takes batches from a pipe, hands back what became of them."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from codesign.exploration.executors.base import Failure
from codesign.exploration.executors.channel import Channel
from codesign.exploration.executors.messages import (
    Begin,
    Broken,
    Drop,
    Ended,
    Lost,
    Misplaced,
    Nodes,
    Note,
    Parcel,
    Put,
    Send,
    Unusable,
)
from codesign.exploration.executors.ray_nodes import ANSWER_S, NodeBook, NodesUnusableError
from codesign.exploration.executors.ray_worker import perform_batch
from codesign.exploration.executors.scratch import remove
from codesign.exploration.executors.sessions import kill_session

__all__ = ["main"]

_PULSE_S = 1.0
_LOOK_S = 2.0
"""How often it is looked whether Ray is still there, and whether nodes have come or gone."""
_CLUSTER_AWAY_S = 30.0
"""A cluster that does not answer is given so long to come back; Ray itself gives it a minute, and then ends us."""
_ORDERLY_S = 8.0
"""Whatever hangs is killed so long after the executor has gone."""


@dataclass(frozen=True, kw_only=True)
class _Done:
    """Ray has something for us about that batch."""

    number: int
    future: Any


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A batch that Ray has: its reference, the key of its time of beginning, and what was known of the nodes."""

    reference: Any
    started: str | None
    generation: int


class _Host:
    """Ray, as the executor's messages want it."""

    def __init__(self, channel: Channel, events: SimpleQueue[Any], begin: Begin) -> None:
        self._channel, self._events, self._begin = channel, events, begin
        self._shared: dict[int, Any] = {}
        self._placed: dict[int, _Placed] = {}
        self._looked = self._answered = time.monotonic()
        self._ray = self._connect()
        context = self._ray.get_runtime_context()
        self._gcs, self._job = context.gcs_address, context.get_job_id()
        self._perform = self._ray.remote(perform_batch)
        self._nodes = NodeBook(self._ray, None if begin.address is None else begin)

    def run(self) -> None:
        """Until the executor hangs up."""
        if self._begin.address is not None:
            self._channel.send(Note(text=f"connected to Ray at {self._begin.address}"))
        self._tell(self._nodes.look_first())
        self._channel.send(Nodes(usable=self._nodes.usable()))
        while True:
            try:
                event = self._events.get(timeout=_PULSE_S)
            except Empty:
                pass
            else:
                if event is None:
                    return
                self._handle(event)
            if time.monotonic() - self._looked > _LOOK_S:
                self._look()

    def _connect(self) -> Any:
        import ray

        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._begin.address is None:
            options |= {"num_cpus": self._begin.workers, "include_dashboard": False, "_temp_dir": self._begin.folder}
        ray.init(address=self._begin.address or "local", **options)
        return ray

    def _handle(self, event: object) -> None:
        match event:
            case Put(handle=handle, parcel=parcel):
                self._shared[handle] = self._ray.put(_with_arrays(parcel))
            case Drop(handle=handle):
                self._shared.pop(handle, None)
            case Send():
                self._place(event)
            case _Done(number=number, future=future):
                self._take_back(number, self._placed.pop(number), future)

    def _place(self, batch: Send) -> None:
        taken = batch.resources
        started = f"codesign {self._job} {batch.number}" if batch.watched else None
        # Ray's own retries would send a whole batch again and again.
        function = self._perform.options(
            num_cpus=taken.cpus,
            num_gpus=taken.gpus,
            memory=taken.memory_bytes,
            max_retries=0,
            **self._nodes.placement(),
        )
        # A shared value is only replaced by Ray where it is itself an argument, hence one by one.
        shared = [self._shared[handle] for handle in batch.shared]
        reference = function.remote(self._nodes.vetted(), self._begin.grace_s, started, batch.calls, *shared)
        self._placed[batch.number] = _Placed(reference=reference, started=started, generation=self._nodes.generation)
        number, events = batch.number, self._events
        reference.future().add_done_callback(lambda future: events.put(_Done(number=number, future=future)))

    def _take_back(self, number: int, placed: _Placed, future: Any) -> None:
        errors = self._ray.exceptions
        try:
            results = future.result()
        except errors.RayTaskError as error:
            self._look(ANSWER_S)  # a node that joined meanwhile may be the reason
            if placed.generation != self._nodes.generation:
                self._channel.send(Misplaced(number=number))
            else:
                failure = Failure.of(getattr(error, "cause", None) or error)
                self._channel.send(Broken(number=number, failure=failure))
        except errors.RayError as error:
            failure = Failure(kind=type(error).__name__, message=_first_line(error))
            self._channel.send(Lost(number=number, failure=failure, ran_s=self._ran_s(placed)))
        else:
            self._channel.send(Ended(number=number, results=results))
        self._forget_start(placed)

    def _ran_s(self, placed: _Placed) -> float | None:
        """For how long a batch ran, by the clock of its node."""
        from ray.experimental.internal_kv import _internal_kv_get

        if placed.started is None:
            return None
        began = _internal_kv_get(placed.started)
        return None if began is None else time.time() - float(began)

    def _forget_start(self, placed: _Placed) -> None:
        from ray.experimental.internal_kv import _internal_kv_del

        if placed.started is not None:
            _internal_kv_del(placed.started)

    def _look(self, wait_s: float = 0.0) -> None:
        """Whether Ray is still there, and which nodes are."""
        self._looked = time.monotonic()
        try:
            host, _, port = self._gcs.rpartition(":")
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError as error:
            away_s = time.monotonic() - self._answered
            if self._begin.address is None or away_s > _CLUSTER_AWAY_S:
                where = "on this machine" if self._begin.address is None else f"at {self._begin.address}"
                raise ConnectionError(f"Ray's control service {where} does not answer any more: {error}") from error
            return
        self._answered = time.monotonic()
        before = self._nodes.usable()
        self._tell(self._nodes.look(wait_s))
        if self._nodes.usable() != before:
            self._channel.send(Nodes(usable=self._nodes.usable()))

    def _tell(self, notes: list[str]) -> None:
        for text in notes:
            self._channel.send(Note(text=text))


def _with_arrays(parcel: Parcel) -> Parcel:
    """Ray lays arrays, unlike bytes, where all workers of a node can read them without a copy."""
    import numpy as np

    return Parcel(body=parcel.body, buffers=tuple(np.frombuffer(buffer, np.uint8) for buffer in parcel.buffers))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class _Inbox(SimpleQueue[Any]):
    """Where messages arrive. From the executor's end on there is little time left, whatever Ray is doing."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            threading.Timer(_ORDERLY_S, _end_all).start()
        super().put(item)


def _end_all() -> None:
    """This process, and those that it started."""
    kill_session(os.getpid())
    os._exit(1)


def main() -> None:
    """Serve the executor at the other end of standard input and output, until it hangs up."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what Ray prints must not get among the messages
    events = _Inbox()
    channel = Channel(reader, writer, events)
    begin = events.get()
    if begin is None:
        return
    try:
        host = _Host(channel, events, begin)
        host.run()
    except NodesUnusableError as error:
        channel.send(Unusable(reason=f"--ray-address: {error}", mistake=True))
    except Exception as error:  # the executor is to say it, and not a traceback
        channel.send(Unusable(reason=_first_line(error), mistake=False))
    finally:
        _leave(begin)


def _leave(begin: Begin) -> None:
    ray = sys.modules.get("ray")
    if ray is not None:
        ray.shutdown()
    kill_session(os.getpid())
    remove(Path(begin.folder))


if __name__ == "__main__":
    main()

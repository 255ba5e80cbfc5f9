"""What a Ray executor and the process that holds Ray for it say to each other, and how values travel."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from codesign.exploration.executors.base import Failure, Resources

__all__ = [
    "Begin",
    "Broken",
    "Drop",
    "Ended",
    "Lost",
    "Misplaced",
    "Node",
    "Nodes",
    "Note",
    "Parcel",
    "Put",
    "Result",
    "Send",
    "Slot",
    "Unusable",
    "pack",
    "unpack",
]

Result = tuple[bytes | None, Failure | None, float]
"""Of a task: its pickled output, or why there is none, and its wall time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A pickled value; its arrays lie beside it, so that nobody on the way copies or understands it."""

    body: bytes
    buffers: tuple[Any, ...]


def pack(value: object) -> Parcel:
    """Raises what the value's own pickling raises, if it cannot be pickled."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return Parcel(body=body, buffers=tuple(buffers))


def unpack(parcel: Parcel) -> Any:
    """The value; its arrays are those of the parcel."""
    return pickle.loads(parcel.body, buffers=parcel.buffers)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Stands for the shared value of that index among the arguments of a task that travels."""

    index: int


@dataclass(frozen=True, kw_only=True)
class Begin:
    """The first message: which Ray.

    Attributes:
        address: of a running cluster; None starts Ray on this machine.
        workers: cores to use, on this machine.
        folder: for files of Ray; deleted at the end.
        code: what `identity.code_digest` gives on nodes of a cluster whose results can be trusted.
        versions: what `identity.versions` gives there, too.
        grace_s: workers that hang so long after a task's timeout are ended.
    """

    address: str | None
    workers: int
    folder: str
    code: str
    versions: dict[str, str]
    grace_s: float


@dataclass(frozen=True, kw_only=True)
class Put:
    """Keep a value for the arguments of tasks."""

    handle: int
    parcel: Parcel


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Nobody needs that value any more."""

    handle: int


@dataclass(frozen=True, kw_only=True)
class Send:
    """Run the tasks of a batch, one after another.

    Attributes:
        calls: pickled list of (function, arguments, resources) with `Slot`s for shared values.
        shared: handles of the shared values, by index.
        watched: whether it is to be known, should the worker die, for how long the batch had been running.
    """

    number: int
    calls: bytes
    shared: tuple[int, ...]
    resources: Resources
    watched: bool


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that can run tasks: where it is, and what it has in all, used or not."""

    address: str
    cpus: float
    gpus: float
    memory_bytes: float

    def holds(self, resources: Resources) -> bool:
        """Whether a task that takes this can ever be placed here."""
        wanted = (resources.cpus, resources.gpus, resources.memory_bytes or 0)
        return all(has >= one for has, one in zip((self.cpus, self.gpus, self.memory_bytes), wanted, strict=True))


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """All nodes that can run tasks. The first one says that Ray is there."""

    usable: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth a line."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A batch ended; one result a task."""

    number: int
    results: list[Result]


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The worker or the node of a batch died; after how many seconds, where the batch was watched and had begun."""

    number: int
    failure: Failure
    ran_s: float | None


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A batch could not be begun, or not be brought to an end, though its worker lives."""

    number: int
    failure: Failure


@dataclass(frozen=True, kw_only=True)
class Misplaced:
    """A batch came to a node that nobody had looked at, which either is avoided from now on or can be used."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """Ray cannot be had, or no longer; `mistake` where the user can do something about it."""

    reason: str
    mistake: bool

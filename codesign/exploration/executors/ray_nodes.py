"""The nodes of Ray: their resources, which have gone, and which have other package versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codesign.analysis.results.formatting import listed
from codesign.exploration.resources import JobResources
from codesign.versions import package_versions


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node: its address, and its resources in total, used or not."""

    address: str
    cpus: float
    gpus: float
    memory_bytes: float

    def holds(self, resources: JobResources) -> bool:
        """Whether a task with these resources can ever run here."""
        wanted = (resources.cpus, resources.gpus, resources.memory or 0)
        there = (self.cpus, self.gpus, self.memory_bytes)
        return all(has >= need for has, need in zip(there, wanted, strict=True))

    def __str__(self) -> str:
        return _in_words(self.cpus, self.gpus, self.memory_bytes)


def _in_words(cpus: float, gpus: float, memory_bytes: float) -> str:
    told = [f"{n:g} {noun}{'s' * (n != 1)}" for n, noun in ((cpus, "core"), (gpus, "GPU")) if n]
    return listed([*told, *([f"{memory_bytes / 2**30:.4g} GiB of memory"] if memory_bytes else [])])


class Nodes:
    """The living nodes by their names in Ray. Methods that learn something return messages about it."""

    def __init__(self) -> None:
        self._alive: dict[str, Node] = {}
        self._met: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._alive

    @property
    def usable(self) -> tuple[Node, ...]:
        """All nodes, by address."""
        return tuple(sorted(self._alive.values(), key=lambda node: node.address))

    @property
    def cores(self) -> int:
        """Cores in total, at least 1."""
        return max(1, int(sum(node.cpus for node in self.usable)))

    def lacking(self, resources: JobResources) -> str:
        """What a task needs and no node has, as text; "" if there is a node that can run it."""
        if any(node.holds(resources) for node in self.usable):
            return ""
        return f"no node has {_in_words(resources.cpus, resources.gpus, resources.memory or 0)} for one job"

    def update(self, listed: list[dict[str, Any]]) -> list[str]:
        before = self._alive
        self._alive = {facts["NodeID"]: _node(facts) for facts in listed if facts["Alive"]}
        return [f"node {before[name].address} has gone" for name in before if name not in self._alive]

    def meet(self, name: str, there: dict[str, str]) -> list[str]:
        """Note that a node has run tasks with these `package_versions`; codesign itself is the driver's."""
        if name in self._met:
            return []
        self._met.add(name)
        here, called = package_versions(), self._alive[name].address if name in self._alive else name
        return [
            f"node {called}: results may differ in their last bits, it has {package} {there[package]}, "
            f"this machine {here[package]}"
            for package in here
            if package != "codesign" and there[package] != here[package]
        ]


def _node(facts: dict[str, Any]) -> Node:
    has = facts["Resources"]
    return Node(
        address=facts["NodeManagerAddress"],
        cpus=has.get("CPU", 0),
        gpus=has.get("GPU", 0),
        memory_bytes=has.get("memory", 0),
    )

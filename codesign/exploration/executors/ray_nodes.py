"""The nodes that Ray has: what they hold, which have gone, and which compute with other versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from codesign.exploration.resources import JobResources
from codesign.units import format_si
from codesign.versions import package_versions


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node: where it is, and what it has in all, used or not."""

    address: str
    cpus: float
    gpus: float
    memory_bytes: float

    def holds(self, resources: JobResources) -> bool:
        """Whether a task that takes this can ever be placed here."""
        wanted = (resources.cpus, resources.gpus, resources.memory or 0)
        there = (self.cpus, self.gpus, self.memory_bytes)
        return all(has >= need for has, need in zip(there, wanted, strict=True))

    def __str__(self) -> str:
        return f"{self.cpus:g} cpus, {self.gpus:g} gpus, {format_si(self.memory_bytes, 'B')} memory"


class Nodes:
    """The nodes that live, by what Ray calls them. Methods that learn something return sentences worth a line."""

    def __init__(self) -> None:
        self._alive: dict[str, Node] = {}
        self._met: set[str] = set()
        self._refused: set[str] = set()
        self._label: str | None = None  # under which Ray has the name of each; "" where no node is to be refused

    def __contains__(self, name: str) -> bool:
        return name in self._alive

    @property
    def usable(self) -> tuple[Node, ...]:
        """Those that get tasks, by address."""
        found = (node for name, node in self._alive.items() if name not in self._refused)
        return tuple(sorted(found, key=lambda node: node.address))

    def any_holds(self, taken: JobResources, *, avoiding: bool = False) -> bool:
        """Whether such a task has a node, or one that was not refused."""
        return any(node.holds(taken) for node in (self.usable if avoiding else self._alive.values()))

    @property
    def cores(self) -> int:
        """Cores in all, at least 1."""
        return max(1, int(sum(node.cpus for node in self.usable)))

    def update(self, listed: list[dict[str, Any]]) -> list[str]:
        before = self._alive
        self._alive = {facts["NodeID"]: _node(facts) for facts in listed if facts["Alive"]}
        if self._label is None:
            labels = ((facts["NodeID"], *each) for facts in listed for each in facts.get("Labels", {}).items())
            self._label = next((label for name, label, value in labels if value == name and _heeds_labels()), "")
        return [f"node {before[name].address} has gone" for name in before if name not in self._alive]

    def meet(self, name: str, there: dict[str, str]) -> list[str]:
        """A node has run its first tasks, with these `package_versions`; codesign itself is the driver's."""
        if name in self._met:
            return []
        self._met.add(name)
        here = package_versions()
        return [
            f"{self._called(name)}: results may differ in their last bits, it has {package} {there[package]}, "
            f"this machine {here[package]}"
            for package in here
            if package != "codesign" and there[package] != here[package]
        ]

    def at(self, address: str) -> list[str]:
        return [name for name, node in self._alive.items() if node.address == address]

    def refuse(self, names: Iterable[str], taken: JobResources) -> list[str] | None:
        """Give nodes no more tasks, since they lack a package; which are new. None where no other node has what a task
        takes: a package that several lack, and no other has, is no reason to refuse any, from then on."""
        new = [name for name in names if name not in self._refused]
        there = {name for name, node in self._alive.items() if node.holds(taken)}
        if not self._label or not there.difference(self._refused, names):
            if new and there.difference(names):
                self._refused, self._label = set(), ""
            return None
        self._refused.update(new)
        return [self._called(name) for name in new]

    def not_refused(self, taken: JobResources) -> dict[str, Any]:
        """Ray's options for a task that goes to none that was refused, unless only these have what it takes."""
        if not self._refused or not self.any_holds(taken, avoiding=True):
            return {}
        # Not `NodeLabelSchedulingStrategy`, which a node that already has a task's arguments does not heed.
        return {"label_selector": {self._label: f"!in({','.join(sorted(self._refused))})"}}

    def _called(self, name: str) -> str:
        return f"node {self._alive[name].address}" if name in self._alive else f"node {name}"


def _heeds_labels() -> bool:
    """Whether tasks can choose nodes by labels: Ray from 2.49 on."""
    from ray import __version__

    return tuple(map(int, __version__.split(".")[:2])) >= (2, 49)


def _node(facts: dict[str, Any]) -> Node:
    has = facts["Resources"]
    return Node(
        address=facts["NodeManagerAddress"],
        cpus=has.get("CPU", 0),
        gpus=has.get("GPU", 0),
        memory_bytes=has.get("memory", 0),
    )

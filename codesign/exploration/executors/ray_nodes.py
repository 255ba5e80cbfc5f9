"""Which nodes of a cluster can run tasks: those with the same Python and the same codesign as here."""

from __future__ import annotations

from typing import Any

from codesign.exploration.executors.identity import NUMERIC_PACKAGES
from codesign.exploration.executors.messages import Begin, Node
from codesign.exploration.executors.ray_worker import make_probe

__all__ = ["ANSWER_S", "NodeBook", "NodesUnusableError"]

ANSWER_S = 30.0
"""A node has so long to say what it runs."""


class NodesUnusableError(Exception):
    """The cluster has nodes that cannot run tasks, or none that can."""


class NodeBook:
    """Knows the nodes, and asks those that join what they run.

    Args:
        ray: the module, connected.
        begin: what nodes of a cluster must have; None for Ray on this machine, which has what this process has.

    Attributes:
        generation: grows whenever something was learnt about nodes.
    """

    def __init__(self, ray: Any, begin: Begin | None) -> None:
        self.generation = 0
        self._ray, self._begin = ray, begin
        self._alive: dict[str, Node] = {}
        self._asked: dict[str, Any] = {}  # answers that are awaited
        self._vetted: set[str] = set()
        self._avoided: set[str] = set()

    def look(self, wait_s: float = 0.0) -> list[str]:
        """See which nodes there are, and take in what those say that were asked; sentences worth a line.

        Args:
            wait_s: how long to wait for nodes that have been asked.
        """
        before = self._alive
        self._alive = {one["NodeID"]: _node(one) for one in self._ray.nodes() if one["Alive"]}
        gone = sorted(before[node].address for node in self._vetted - self._alive.keys())
        self._vetted.intersection_update(self._alive)
        self._avoided.intersection_update(self._alive)
        self._asked = {node: answer for node, answer in self._asked.items() if node in self._alive}
        if self._begin is None:
            self._vetted = set(self._alive)
            return []
        for node, facts in self._alive.items():
            if facts.cpus and node not in self._vetted | self._avoided | self._asked.keys():
                self._asked[node] = self._ask(node)
        return [f"node {address} has gone" for address in gone] + self._hear(self._begin, wait_s)

    def look_first(self) -> list[str]:
        """As `look`, for the nodes that are there from the beginning.

        Raises:
            NodesUnusableError: some of them cannot run tasks.
        """
        notes = self.look(ANSWER_S)
        if self._avoided:
            raise NodesUnusableError("\n".join(notes))
        silent = [f"{self._alive[node].address} has not answered for {ANSWER_S:g} s" for node in self._asked]
        if not self._vetted:
            raise NodesUnusableError(f"no node can run jobs: {'; '.join(silent) or 'none has cpus'}")
        return [*notes, *silent]

    def usable(self) -> tuple[Node, ...]:
        """Nodes that can run tasks, those of a cluster by address."""
        return tuple(sorted((self._alive[node] for node in self._vetted), key=lambda node: node.address))

    def vetted(self) -> frozenset[str] | None:
        """What these nodes are called; None where all can be used."""
        return None if self._begin is None else frozenset(self._vetted)

    def placement(self) -> dict[str, Any]:
        """Options of tasks that keep them away from other nodes."""
        if not self._avoided:
            return {}
        return {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(self._avoided))})"}}

    def _ask(self, node: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node, soft=False)
        probe = self._ray.remote(make_probe())
        return probe.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote()

    def _hear(self, begin: Begin, wait_s: float) -> list[str]:
        notes = []
        if self._asked and wait_s:
            self._ray.wait(list(self._asked.values()), num_returns=len(self._asked), timeout=wait_s)
        for node, answer in list(self._asked.items()):
            if not self._ray.wait([answer], timeout=0)[0]:
                continue
            del self._asked[node]
            try:
                said = self._ray.get(answer)
            except self._ray.exceptions.RayError:
                continue  # gone, or it will be asked again
            self.generation += 1
            where = f"node {self._alive[node].address}"
            if problem := _problem(begin, *said):
                self._avoided.add(node)
                notes.append(f"{where} gets no jobs: {problem}")
                continue
            self._vetted.add(node)
            notes += [
                f"{where}: results may differ in their last bits, it has {name} {said[1][name]}, here is {here}"
                for name, here in begin.versions.items()
                if name in NUMERIC_PACKAGES and said[1][name] != here
            ]
        return notes


def _node(facts: dict[str, Any]) -> Node:
    has = facts["Resources"]
    return Node(
        address=facts["NodeManagerAddress"],
        cpus=has.get("CPU", 0),
        gpus=has.get("GPU", 0),
        memory_bytes=has.get("memory", 0),
    )


def _problem(begin: Begin, code: str | None, versions: dict[str, str], said: str) -> str:
    """Why a node cannot run tasks; "" where it can."""
    here = begin.versions
    if versions["python"] != here["python"]:
        return f"it has Python {versions['python']}, here is {here['python']}"
    if code is None:
        return f"codesign {here['codesign']} cannot be imported there ({said}); install it"
    if versions["codesign"] != here["codesign"]:
        return f"it has codesign {versions['codesign']}, here is {here['codesign']}"
    if code != begin.code:
        return f"its codesign {here['codesign']} has other source files than the one here; install the same"
    return ""

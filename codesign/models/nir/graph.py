"""A NIR graph as nodes and edges, checked: every name exists, and numbers are numbers.

Nested graphs are flattened. Their inputs and outputs become nodes of kind `Pass`, which pass on what they get, as do
the graph's own input and output, of which there must be one each. Only edges matter; the order of nodes does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.mistakes import suggestion
from codesign.models.nir.file import Tree

_SLIDING = ("weight", "bias", "stride", "padding", "dilation", "groups")
FIELDS = {
    "Input": (),
    "Output": (),
    "Identity": (),
    "Linear": ("weight",),
    "Affine": ("weight", "bias"),
    "Conv1d": _SLIDING,
    "Conv2d": _SLIDING,
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Flatten": (),
    "Scale": ("scale",),
    "IF": ("r", "v_threshold"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLIF": ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold"),
    "I": ("r",),
    "LI": ("tau", "r", "v_leak"),
    "CubaLI": ("tau_mem", "tau_syn", "r", "v_leak"),
    "Threshold": ("threshold",),
}
"""The kinds of nodes that a network can be made of, and their required fields."""

LOIHI = "Loihi"
"""Neurons of lava, for which NIR has no node."""
NEURONS = ("IF", "LIF", "CubaLIF", "I", "LI", "CubaLI", "Threshold", LOIHI)
_NEAREST = {"Delay": "spikes arrive at once here; only recurrent ones take a timestep"}
_ENDLESS = ("tau", "tau_mem", "tau_syn", "r", "w_in")
"""Fields that may be infinite, as in snnTorch's files of neurons without leak."""
_PASSES = ("Input", "Output", "Identity")
_NUMBERS = {*chain(*FIELDS.values()), "shape", "v_reset", "w_in"} - {"padding"}
"""Fields that must not be text."""
_OPTIONAL = ("shape", "input_shape", "input_type", "output_type", "start_dim", "end_dim", "v_reset", "w_in")
"""Further fields of some kinds of nodes. Any other, such as one of a later NIR, could change what a node does."""
_MOST_NODES = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class NirNode:
    """A node of a graph.

    Attributes:
        name: name prefixed by those of the enclosing graphs, such as `block.lif`.
        kind: its type in NIR, or `Pass`; `written` is the type in the file.
        numbers: numeric fields, as arrays.
        texts: other fields.
    """

    name: str
    kind: str
    written: str = ""
    numbers: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, rule: str) -> InputError:
        return InputError(f"node '{self.name}' ({self.written or self.kind}): {rule}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes by name and the edges between them.

    Attributes:
        input: name of the only input node.
        output: name of the only output node.
        before: predecessors of each node.
    """

    nodes: Mapping[str, NirNode]
    input: str
    output: str
    before: Mapping[str, tuple[str, ...]]
    metadata: Mapping[str, Any]

    @staticmethod
    def of(
        nodes: Mapping[str, NirNode],
        edges: Iterable[tuple[str, str]],
        ends: tuple[str, str],
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> Graph:
        """Make a graph of these edges; `ends` are the names of its input and output."""
        before: dict[str, tuple[str, ...]] = dict.fromkeys(nodes, ())
        for source, target in dict.fromkeys(edges):
            before[target] += (source,)
        return Graph(nodes=nodes, input=ends[0], output=ends[1], before=before, metadata=metadata)


def read_graph(tree: Tree) -> Graph:
    """The graph of a tree, as from `nir.NIRGraph.to_dict()`, or of the group `node` of a file. Raises InputError that
    names an invalid node."""
    opened = _Opened()
    ends = opened.graph(tree, "")
    nodes = {node.name: node for node in opened.nodes}
    metadata = tree.get("metadata")
    return Graph.of(nodes, opened.edges, ends, metadata if isinstance(metadata, Mapping) else {})


class _Opened:
    def __init__(self) -> None:
        self.nodes: list[NirNode] = []
        self.edges: list[tuple[str, str]] = []

    def graph(self, tree: Tree, prefix: str) -> tuple[str, str]:
        """Add a graph; return the names of its input and output."""
        where = f"graph '{prefix.rstrip('.')}'" if prefix else "the graph"
        parts, edges = tree.get("nodes"), tree.get("edges")
        if tree.get("type") != "NIRGraph" or not isinstance(parts, Mapping) or edges is None:
            raise InputError(f"{where}: must be a NIRGraph with nodes and edges, found {_shown(tree.get('type'))}")
        ends = {str(name): self._part(part, f"{prefix}{name}") for name, part in parts.items()}
        for source, target in _pairs(edges, where):
            for name in (source, target):
                if name not in ends:
                    raise InputError(f"{where}: an edge names node '{name[:80]}', which is not there")
            self.edges.append((ends[source][1], ends[target][0]))
        inputs = [f"{prefix}{name}" for name, part in parts.items() if part.get("type") == "Input"]
        outputs = [f"{prefix}{name}" for name, part in parts.items() if part.get("type") == "Output"]
        if len(inputs) != 1 or len(outputs) != 1:
            found = f"{len(inputs)} and {len(outputs)}"
            raise InputError(f"{where} must have one node Input and one node Output, found {found}")
        return inputs[0], outputs[0]

    def _part(self, part: Any, name: str) -> tuple[str, str]:
        """Add a node; return the names of the nodes where edges to it end and where edges from it start."""
        if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
            raise InputError(f"node '{name}': must have fields and a type, found {_shown(part)}")
        if part.get("type") == "NIRGraph":
            return self.graph(part, f"{name}.")
        self.nodes.append(_node(name, part))
        if len(self.nodes) > _MOST_NODES:
            raise InputError(f"node '{name}': a graph may have {_MOST_NODES:,} nodes")
        return name, name


def _node(name: str, part: Tree) -> NirNode:
    kind = part["type"]
    if kind not in FIELDS:
        nearest = _NEAREST.get(kind, f"a network can have {', '.join(FIELDS)}")
        raise InputError(f"node '{name}' ({kind[:40]}): cannot be part of a network here; {nearest}")
    numbers: dict[str, NDArray[Any]] = {}
    texts: dict[str, str] = {}
    for key, value in part.items():
        if key in ("type", "metadata") or value is None:
            continue
        if isinstance(value, str) and key not in _NUMBERS:
            texts[key] = value
        else:
            numbers[key] = _numbers(value, f"node '{name}' ({kind}): {key}", endless=key in _ENDLESS)
    missing = [key for key in FIELDS[kind] if key not in numbers and key not in texts]
    if missing:
        raise InputError(f"node '{name}' ({kind}): lacks {', '.join(missing)}")
    if unknown := sorted({*numbers, *texts} - {*FIELDS[kind], *_OPTIONAL}):
        hint = suggestion(unknown[0], (*FIELDS[kind], *_OPTIONAL))
        raise InputError(f"node '{name}' ({kind}): unknown field '{unknown[0]:.80}'{hint}")
    read_as = "Pass" if kind in _PASSES else kind
    return NirNode(name=name, kind=read_as, written=kind, numbers=numbers, texts=texts)


def _numbers(value: Any, where: str, *, endless: bool) -> NDArray[Any]:
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, AttributeError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} must be numbers, found {_shown(value)}")
    if not (np.isfinite(array) | (endless & (array == np.inf))).all():
        raise InputError(f"{where} holds numbers that are not finite")
    return array


def _pairs(edges: Any, where: str) -> Iterator[tuple[str, str]]:
    for edge in np.atleast_1d(edges) if isinstance(edges, np.ndarray) else edges:
        pair = edge.tolist() if isinstance(edge, np.ndarray) else edge
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise InputError(f"{where}: an edge must name two nodes, found {_shown(edge)}")
        source, target = (end.decode(errors="replace") if isinstance(end, bytes) else str(end) for end in pair)
        yield source, target


def _shown(value: Any) -> str:
    return repr(value)[:80]

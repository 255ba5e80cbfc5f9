"""Executions and chips built by hand, small enough to be priced with pencil and paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from codesign.documents import parse_document
from codesign.hardware.chip.description import Chip
from codesign.hardware.cost.cost import Cost, price
from codesign.hardware.placement.placement import place
from codesign.network.topology import NetworkShape, network_shape, parse_topology
from codesign.simulation.execution import NOT_REACHED, Execution, MessageTable, Slice, UpdateTable

ASYNCHRONOUS = "synchronization: {kind: asynchronous}\n"
STATED = "confidence: stated, source: made_up"

HEAD = """
name: tiny
title: A chip for tests
description: made up
citation: made_up
operating_point: on paper
sources: {made_up: {citation: "made up for tests"}}
can_flush: "yes"
supports: {leak: "yes", reset: [zero, subtract]}
"""


def number(value: object, **more: object) -> str:
    extra = "".join(f", {key}: {content}" for key, content in more.items())
    return f"{{value: {value}, {STATED}{extra}}}"


def group(name: str, **values: str) -> str:
    """Lines of a group of a chip's file; what is no number in braces yet becomes one."""
    lines = (f"  {key}: {text if text.startswith('{') else number(text)}\n" for key, text in values.items())
    return f"{name}:\n{''.join(lines)}"


def mesh(rows: int, columns: int, cores_per_tile: int = 1, more: str = "") -> str:
    extent = f"rows: {rows}, columns: {columns}, cores_per_tile: {cores_per_tile}"
    return f"network_on_chip: {{shape: mesh, {extent}, {STATED}{more}}}\n"


def barrier(by_tiles: str, scope: str = "timestep") -> str:
    """Barriers that take so long, such as `1: 1 us, 4: 3 us`."""
    return f"synchronization: {{kind: barrier, scope: {scope}, times: {{by_tiles: {{{by_tiles}}}, {STATED}}}}}\n"


def timer(ticks_per_timestep: int) -> str:
    """Of 1 ms; steps that take longer stretch it."""
    ticks = f"tick: {number('1 ms')}, ticks_per_timestep: {ticks_per_timestep}"
    return f"synchronization: {{kind: timer, {ticks}, overload: stretch}}\n"


SYNCHRONIZATIONS = {
    "asynchronous": "{kind: asynchronous}",
    "clocked": "{kind: clocked}",
    "barrier": f"{{kind: barrier, scope: timestep, times: {{by_tiles: {{1: 2 us, 2: 3 us, 8: 4 us}}, {STATED}}}, "
    f"least_step: {{cycles: 30, {STATED}}}}}",
    "neighbour": f"{{kind: neighbour, handshake: {{cycles: 5, {STATED}}}}}",
    "timer": f"{{kind: timer, tick: {number('20 us')}, ticks_per_timestep: 2, overload: stretch}}",
}
"""Each kind with all of its numbers, some in cycles of a clock."""


def structured(**changes: object) -> str:
    """A chip whose structure is given, and no price. `changes` replaces values; None leaves a line out."""
    values = {
        "technology_node": "28 nm",
        "supply_voltage": "0.8 V",
        "cores": 2,
        "neurons_per_core": 64,
        "synapses_per_core": 4096,
        "weight_bits": 8,
        "vector_width": 4,
        "synchronization": "{kind: asynchronous}",
        "structure": "{memory: sram, state_bits: 16}",
        **changes,
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items() if value is not None)


def chip_from(body: str) -> Chip:
    return parse_document(HEAD + body, "tiny.yaml", Chip)


def mesh_chip(rows: int, columns: int, per_tile: int = 1, *, neurons: object = 1, more: str = "") -> Chip:
    """Cores on a mesh of tiles, with so many neurons each, or a list of them."""
    cores = f"cores: {number(rows * columns * per_tile)}\nneurons_per_core: {number(neurons)}\n"
    return chip_from(f"{cores}layers_share_core: false\n{ASYNCHRONOUS}{mesh(rows, columns, per_tile)}{more}")


def shape_of(topology: str) -> NetworkShape:
    return network_shape(parse_topology(topology))


def near(expected: Any, rel: float = 1e-6) -> Any:
    """Equal but for rounding; pytest's own least tolerance, 1e-12, is as large as energies are here."""
    return pytest.approx(expected, rel=rel, abs=0)


def cost_of(execution: Execution, body: str | Chip, **options: Any) -> Cost:
    """What the execution costs on a chip, or on one that is described by the rest of a file."""
    chip = chip_from(body) if isinstance(body, str) else body
    return price(execution, place(execution.shape, chip), **options)


_OF_MESSAGES = ("sample", "timestep", "step", "source", "enqueue_step", "spikes", "barriers")
_OF_UPDATES = ("sample", "timestep", "step", "slice", "evaluated", "emitted")


@dataclass
class Builder:
    """Collects step records of fully connected networks and derives every counter from them.

    Once evaluated, neurons are taken to keep a potential.

    Messages and updates are given in any order; sources and slices are those of `slices`.
    """

    topology: str
    timesteps: int = 1
    samples: int = 1
    timestep_s: float = 1e-3
    slices: tuple[Slice, ...] = ()
    messages: list[tuple[int, ...]] = field(default_factory=list)
    updates: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def shape(self) -> NetworkShape:
        return network_shape(parse_topology(self.topology))

    def message(
        self, step: int, source: int, spikes: int, *, enqueued: int | None = None, barriers: int = 0, **at: int
    ) -> Builder:
        """Of a sample and timestep, the first unless `at` says so."""
        waiting = step if enqueued is None else enqueued
        self.messages.append((at.get("sample", 0), at.get("timestep", 0), step, source, waiting, spikes, barriers))
        return self

    def update(self, step: int, part: int, evaluated: int, emitted: int = 0, **at: int) -> Builder:
        self.updates.append((at.get("sample", 0), at.get("timestep", 0), step, part, evaluated, emitted))
        return self

    def build(self) -> Execution:
        shape = self.shape
        slices = self.slices or tuple(
            Slice(layer=layer, core=layer, neurons=size) for layer, size in enumerate(shape.layer_sizes)
        )
        target = [0, *(one.layer + 1 for one in slices)]
        fan_out = [shape.layers[layer].neurons if layer < len(shape.layers) else 0 for layer in target]
        m = np.array(sorted(self.messages), dtype=np.int64).reshape(-1, 7)
        u = np.array(sorted(self.updates), dtype=np.int64).reshape(-1, 6)
        operations = m[:, 5] * np.array(fan_out)[m[:, 3]]
        samples, layers, timesteps = self.samples, len(shape.layers), self.timesteps
        layer_of = np.array([one.layer for one in slices])

        def summed(sample: np.ndarray, layer: np.ndarray, amount: np.ndarray) -> np.ndarray:
            total = np.zeros((samples, layers), dtype=np.int64)
            np.add.at(total, (sample, layer), amount)
            return total

        own = m[m[:, 3] > 0]
        reaches = np.array(target)[m[:, 3]]
        inside = reaches < layers
        first = np.full((samples, timesteps), NOT_REACHED)
        for sample, timestep, step, part, _, spikes in u.tolist():
            at = first[sample, timestep]
            if layer_of[part] == layers - 1 and spikes and (at == NOT_REACHED or step + 1 < at):
                first[sample, timestep] = step + 1
        steps = np.zeros((samples, timesteps), dtype=np.int64)
        np.maximum.at(steps, (u[:, 0], u[:, 1]), u[:, 2] + 1)
        active = np.zeros((samples, timesteps, len(slices)), dtype=np.int64)
        np.maximum.at(active, (u[:, 0], u[:, 1], u[:, 3]), u[:, 4])
        return Execution(
            shape=shape,
            slices=slices,
            timestep_s=self.timestep_s,
            sample_ids=np.arange(samples),
            labels=np.zeros(samples, dtype=np.int64),
            scores=np.zeros((samples, shape.layers[-1].neurons)),
            output_counts=np.zeros((samples, timesteps, shape.layers[-1].neurons), dtype=np.int64),
            timesteps_run=np.full(samples, timesteps),
            spiking_readout=True,
            input_events=np.bincount(m[:, 0], weights=m[:, 5] * (m[:, 3] == 0), minlength=samples).astype(np.int64),
            input_macs=np.zeros(samples, dtype=np.int64),
            emitted=summed(u[:, 0], layer_of[u[:, 3]], u[:, 5]),
            propagated=summed(own[:, 0], layer_of[own[:, 3] - 1], own[:, 5]),
            synaptic_operations=summed(m[inside, 0], reaches[inside], operations[inside]),
            evaluations=summed(u[:, 0], layer_of[u[:, 3]], u[:, 4]),
            barrier_messages=summed(own[:, 0], layer_of[own[:, 3] - 1], own[:, 6]),
            active=np.maximum.accumulate(active, axis=1),
            residual=active.max(axis=1, initial=0),
            forward_steps=steps,
            contended_steps=np.zeros_like(steps),
            steps_to_first_output=first,
            spikes_to_first_output=np.where(first == NOT_REACHED, NOT_REACHED, 0),
            spikes_to_stop=np.zeros((samples, timesteps), dtype=np.int64),
            convergence=np.zeros((samples, 1, shape.layers[-1].neurons), dtype=np.int64),
            currents_before_firing=np.zeros((2, 4), dtype=np.int64),
            messages=MessageTable(
                **dict(zip(_OF_MESSAGES, m.T, strict=True)), neurons=m[:, 5], synaptic_operations=operations
            ),
            updates=UpdateTable(**dict(zip(_OF_UPDATES, u.T, strict=True))),
        )


MESH_CORES = f"""
cores: {number(8)}
layers_share_core: false
vector_width: {number(2)}
{mesh(2, 4)}"""

TIMES = group("times", synaptic_operation="1 us", message="10 us", neuron_update="100 us", output="1 ms", hop="10 ms")

ENERGIES = (
    group(
        "energies",
        synaptic_operation=number("1 pJ", all_in="false"),
        neuron_access="10 pJ",
        neuron_update=number("100 pJ", counted="evaluations"),
        spike="2 nJ",
        message="1 nJ",
        hop="10 nJ",
        barrier_message="100 nJ",
    )
    + f"static_power:\n  chip: {number('1 W')}\n"
)


@pytest.fixture
def two_timesteps() -> Execution:
    """3-4-2: two samples, two timesteps; sample 1 is silent in the second.

    Sample 0, timestep 0: 2 inputs; 4 hidden evaluated, 2 fire and leave; 2 outputs evaluated, 1 fires and leaves.
    Sample 0, timestep 1: 1 input; 4 hidden evaluated, none fires.
    Sample 1, timestep 0: 3 inputs; 4 hidden evaluated, 1 fires and leaves; 2 outputs evaluated, none fires.
    """
    return (
        Builder("3-4-2", timesteps=2, samples=2)
        .message(-1, 0, 2)
        .update(0, 0, 4, 2)
        .message(0, 1, 2)
        .update(1, 1, 2, 1)
        .message(1, 2, 1)
        .message(-1, 0, 1, timestep=1)
        .update(0, 0, 4, timestep=1)
        .message(-1, 0, 3, sample=1)
        .update(0, 0, 4, 1, sample=1)
        .message(0, 1, 1, sample=1)
        .update(1, 1, 2, sample=1)
        .build()
    )

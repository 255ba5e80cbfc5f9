"""The machine of docs/design.md written a second time: one sample, plain Python loops over explicit synapses."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
from network_oracle import direct, max_pools, passes, synapses
from service_oracle import Cores

from codesign.network.neuron import OF_NEURONS
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.recording import slices_of
from codesign.simulation.schedule import Regularization, Schedule

MASK = (1 << 64) - 1
F32 = np.float32
LATER = 1 << 30  # more forward steps than there are
PURPOSES = {"priority": 1, "input": 2, "network": 3, "refractory": 4, "input_priority": 5, "loss": 6}


def mix(value: int) -> int:
    value ^= value >> 30
    value = value * 0xBF58476D1CE4E5B9 & MASK
    value ^= value >> 27
    value = value * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def draw(*numbers: int) -> float:
    key = 0
    for number in numbers:
        key = mix((key + (int(number) + 1) * 0x9E3779B97F4A7C15) & MASK)
    return (key >> 40) / (1 << 24)


OF_LAYERS = (
    *("emitted", "propagated", "synaptic_operations", "delayed_operations"),
    *("evaluations", "tick_evaluations", "barrier_messages"),
)
"""Counters of each layer, by the names of `Execution`."""
OF_TIMESTEPS = {
    "forward_steps": 0,
    "contended_steps": 0,
    "steps_to_first_output": -1,
    "spikes_to_first_output": -1,
    "spikes_to_stop": 0,
}
"""Those of each timestep, and what they are where a sample has ended."""


def nothing_yet(layers: int) -> SimpleNamespace:
    """What one sample did."""
    return SimpleNamespace(
        **{name: [0] * layers for name in OF_LAYERS},
        **{name: [] for name in OF_TIMESTEPS},
        spikes=[],  # [timestep][neuron] emitted
        potentials=[],
        histories=[],  # [timestep][step] output counts
        currents=[],  # (0 first layer or 1, messages before firing)
        active=[],  # [timestep] set of neurons with a potential, or reached by a spike
        timesteps_run=0,
        input_events=0,
    )


def skip(out: SimpleNamespace, neurons: int) -> None:
    """A timestep after the sample has ended."""
    out.spikes.append([0] * neurons)
    out.active.append(set())
    out.histories.append([])
    for name, nothing in OF_TIMESTEPS.items():
        getattr(out, name).append(nothing)


def run_sample(
    network: SpikingNetwork,
    frames: np.ndarray,
    sample_id: int,
    schedule: Schedule,
    regularization: Regularization,
    seed: int,
    epoch: int,
) -> SimpleNamespace:
    table, window_of, shortcuts = synapses(network), max_pools(network), direct(network)
    sizes = network.shape.layer_sizes
    depth, total = len(sizes), sum(sizes)
    starts = np.cumsum([0, *sizes])
    layer_of = [layer for layer, size in enumerate(sizes) for _ in range(size)]
    fan_in = [0] * total
    for layer, sources in enumerate(table):
        for targets in sources:
            for i, _ in targets:
                fan_in[starts[layer] + i] += 1
    leaving = [sum(w for _, w in targets) for sources in table[1:] for targets in sources] + [0.0] * sizes[-1]
    inhibition_order = sorted(range(total), key=lambda n: (layer_of[n], leaving[n], n))
    spec = network.neuron
    limit = network.threshold.numpy()
    reached = network.neuron.of_layers("comparison", depth)
    most, resets = network.neuron.of_layers("most_spikes", depth), network.neuron.of_layers("reset", depth)
    own = {name: network.numbers_of(name).numpy() for name in OF_NEURONS}
    delays, ticking = network.neuron.of_layers("reset_delay", depth), network.neuron.of_layers("tick", depth)
    alpha = network.synaptic_decay()
    alpha = np.zeros(total, dtype=F32) if alpha is None else alpha.numpy()
    flowing = [F32(0)] * total
    first_tick = 0 if schedule.input_mode == "frame" else 1

    def multiples(n: int, v: np.float32) -> int:
        """How many spikes an evaluation at v emits."""
        inclusive = reached[layer_of[n]] == ">="
        if not (v >= limit[n] if inclusive else v > limit[n]):
            return 0
        quotient = float(F32(v / limit[n]))
        return min(math.floor(quotient) if inclusive else math.ceil(quotient) - 1, most[layer_of[n]])

    if schedule.synchronization_threshold == "layer":
        needed = fan_in
    elif isinstance(schedule.synchronization_threshold, int):
        needed = [schedule.synchronization_threshold] * total
    else:
        needed = list(schedule.synchronization_threshold)
    gated = schedule.barrier_messages or schedule.synchronization_threshold == "layer" or max(needed) > 1
    group_size = schedule.group_size or 10**9
    core_of = layer_of if schedule.cores is None else list(schedule.cores)
    silent_outputs = spec.readout == "potential"

    def uniform(purpose: str, *rest: int) -> float:
        return draw(seed, epoch, PURPOSES[purpose], sample_id, *rest)

    def turns(core: int, step: int) -> int:
        """How many cores have their turn before `core` in a group of that step."""
        order = [(step + i) % (max(core_of) + 1) for i in range(max(core_of) + 1)]
        return order.index(core)

    u = list(own["initial_potential"])
    out = nothing_yet(depth)
    decay = network.decay.numpy()

    def leads(counts: list[int]) -> bool:
        """Whether the leading output is the margin ahead, `counts` being those of the pass under way."""
        sums = [sum(spikes) for spikes in zip(*(passed[starts[-2] :] for passed in out.spikes), counts, strict=True)]
        highest, following = sorted([0, *sums], reverse=True)[:2]
        return highest - following >= schedule.margin

    for t, whole_frame in enumerate(frames[: schedule.timesteps]):
        if schedule.stop == "margin" and leads([0] * sizes[-1]):
            skip(out, total)
            continue
        out.timesteps_run += 1
        frame = [
            sum(uniform("loss", t, j, event) >= schedule.input_dropout for event in range(int(n)))
            if network.input_gate is None or passes(network, j)
            else 0
            for j, n in enumerate(whole_frame)
        ]
        out.input_events += sum(frame)
        had = {n for n in range(total) if u[n] != 0 and network.potential_steps is not None}

        def left_of(number: np.float32, factor: np.float32, n: int) -> np.float32:
            """Of a potential or current, from the timestep before."""
            step = F32(0 if network.potential_steps is None else network.potential_steps[layer_of[n]])
            if step == 0:
                return F32(number * factor)
            whole = round(float(number) / float(step))  # in whole steps, exactly
            return F32(math.trunc(whole * Fraction(float(factor))) * float(step))

        u = [left_of(u[n], decay[n], n) for n in range(total)]
        currents = network.synaptic_time_constant
        flows = [currents is not None and bool(currents[n] > 0) for n in range(total)]
        bias = [F32(0)] * total if network.bias is None else network.bias.detach().numpy()
        u = [u[n] if flows[n] else F32(u[n] + bias[n]) for n in range(total)]
        if currents is not None:
            flowing = [left_of(flowing[n], alpha[n], n) for n in range(total)]
            flowing = [F32(flowing[n] + bias[n]) if flows[n] else flowing[n] for n in range(total)]
            u = [F32(u[n] + F32(own["gain"][n] * flowing[n])) for n in range(total)]
        silenced = [
            t > 0 and delays[layer_of[n]] and resets[layer_of[n]] != "subtract" and out.spikes[-1][n] > 0
            for n in range(total)
        ]
        u = [F32(0) if silenced[n] else u[n] for n in range(total)]
        q, c, p, enqueued = [0] * total, [0] * total, [F32(0)] * total, [0] * total
        refractory, received, since = silenced, [0] * total, [0] * total
        opened = [False] * total
        stimulated: set[int] = set()
        passed: set[tuple[int, ...]] = set()  # windows of max pools
        active = had | {n for n in range(total) if u[n] != 0}
        timed = schedule.service if schedule.policy == "timed" else None
        cores = Cores(timed, slices_of(network, schedule), layer_of, core_of) if timed else None
        waiting_input = {j: int(n) for j, n in enumerate(frame) if n}
        # messages under way: (target neuron, current, how many messages, how many of them spikes)
        under_way: list[tuple[int, float, int, int]] = []
        complete, opens = schedule.input_mode == "frame", False  # the first layer's gate, in the next step

        def deliver(layer: int, j: int, kept: int, spikes: int, barrier: int, into: list) -> None:
            if layer < depth:
                counted = min(spikes, 1) if layer and max(most) > 1 else spikes
                for i, w in table[layer][j]:
                    into.append((starts[layer] + i, w * kept, counted + barrier, spikes))
                    out.synaptic_operations[layer] += kept

        late: dict[int, list[tuple[int, float, int, int]]] = {}  # the same, by the step in which they arrive

        def depart(layer: int, j: int, kept: int, spikes: int, step: int, late: dict = late) -> None:
            """Over direct connections; layer −1 is the input."""
            for source, target, synapses_of in shortcuts:
                if source == layer and spikes:
                    arriving = late.setdefault(step + 1 + max(target - source - 1, 0), [])
                    for i, w in synapses_of[j]:
                        arriving.append((starts[target] + i, w * kept, 0, spikes))
                        out.synaptic_operations[target] += kept

        def survivors(purpose: str, probability: float, k: int, j: int, count: int, t: int = t) -> int:
            if not probability:
                return count
            return sum(uniform(purpose, t, k, j, event) >= probability for event in range(count))

        if schedule.input_mode == "frame":
            for j, count in waiting_input.items():
                kept = survivors("input", regularization.input_dropout, 0, j, count)
                deliver(0, j, kept, count, 0, under_way)
                depart(-1, j, kept, count, -1)
                if cores:
                    cores.leave(0, -1, count)
            waiting_input = {}
        for connection in network.delayed_connections:
            source, target = connection.shape.source, connection.shape.target
            for j, i in itertools.product(range(sizes[source]), range(sizes[target])):
                before = t - connection.shape.delay
                spikes = out.spikes[before][starts[source] + j] if before >= 0 else 0
                if spikes:
                    weight = float(connection.weight[i, j])
                    late.setdefault(target + first_tick, []).append((starts[target] + i, weight * spikes, 0, spikes))
                    out.synaptic_operations[target] += spikes
                    out.delayed_operations[target] += spikes
        complete |= not waiting_input and not late
        k, first, left_spikes, left_at_first, contended = 0, -1, 0, -1, 0
        history = []

        def alone(n: int, u: list = u, refractory: list = refractory) -> bool:
            """Whether the neuron would fire if it were evaluated without a message."""
            ranges = network.potential_ranges or [(-math.inf, math.inf)] * depth
            low, high = ranges[layer_of[n]]
            able = ticking[layer_of[n]] and not refractory[n] and not (silent_outputs and layer_of[n] == depth - 1)
            return able and multiples(n, min(max(u[n], F32(low)), F32(high))) > 0

        def tick_ahead(k: int) -> bool:
            return not (gated and k) and any(alone(n) for n in range(total) if layer_of[n] >= k - first_tick)

        announces = schedule.barrier_messages and depth > 1
        while (
            under_way
            or waiting_input
            or any(q)
            or (k == 0 and announces)
            or max(late, default=-1) >= k
            or opens
            or tick_ahead(k)
        ):
            if cores:
                cores.receive()
            x: dict[int, float] = {}
            spikes_now: dict[int, int] = {}
            for n, current, messages, spikes in [*under_way, *late.get(k, [])]:
                x[n] = x.get(n, 0.0) + current
                received[n] += messages
                spikes_now[n] = spikes_now.get(n, 0) + spikes
                if spikes:
                    stimulated.add(n)
            evaluated, barrier_senders = set(x), []
            opened_before = list(opened)
            for n in range(total):
                if layer_of[n] == 0 and schedule.synchronization_threshold == "layer":
                    opened[n] = complete
                elif layer_of[n] == 0:
                    opened[n] = complete or not gated or received[n] >= needed[n]
                else:
                    opened[n] = not gated or received[n] >= needed[n]
                newly = opened[n] and not opened_before[n]
                if (
                    gated
                    and newly
                    and layer_of[n] == 0
                    and schedule.input_mode == "queued"
                    and (received[n] or n in stimulated)
                ):
                    evaluated.add(n)
            ticked = set()
            for n in range(total):
                due = opened[n] and not opened_before[n] if gated else layer_of[n] == k - first_tick
                if n not in evaluated and due and alone(n):
                    ticked.add(n)
                    out.tick_evaluations[layer_of[n]] += 1
            evaluated |= ticked
            fired, emitted = [], {}
            for n in sorted(evaluated):
                out.evaluations[layer_of[n]] += 1
                since[n] += spikes_now.get(n, 0)
                v = F32(0) if refractory[n] else F32(u[n] + F32(own["gain"][n] * F32(x.get(n, 0.0))))
                if network.potential_ranges is not None:
                    low, high = network.potential_ranges[layer_of[n]]
                    v = min(max(v, F32(low)), F32(high))
                u[n] = v
                flowing[n] = F32(flowing[n] + F32(x.get(n, 0.0)))
                wakes = ticking[layer_of[n]] if gated else n in ticked
                can_fire = not (silent_outputs and layer_of[n] == depth - 1)
                spikes = multiples(n, v)
                could = opened[n] and n in stimulated
                if spikes and (could or (wakes and (opened[n] or not gated))) and can_fire:
                    fired.append(n)
                    emitted[n] = spikes
                    soft = resets[layer_of[n]] == "subtract"
                    u[n] = F32(v - F32(spikes * own["reset_amount"][n])) if soft else own["reset_value"][n]
                    if resets[layer_of[n]] == "zero":
                        u[n] = F32(0)
                    p[n] = v
                    if q[n] == 0:
                        enqueued[n] = k
                    q[n] += spikes
                    c[n] += spikes
                    out.emitted[layer_of[n]] += spikes
                    out.currents.append((min(layer_of[n], 1), since[n]))
                    since[n] = 0
                    if spec.refractory and schedule.refractory:
                        free = regularization.refractory_dropout
                        if not (free and uniform("refractory", t, k, n) < free):
                            refractory[n] = True
            active |= {n for n in evaluated if spikes_now.get(n, 0) > 0}
            if cores:
                cores.work(k, evaluated, emitted)
            if schedule.barrier_messages:
                for n in range(total):
                    if opened[n] and not opened_before[n] and n not in fired and layer_of[n] < depth - 1:
                        barrier_senders.append(n)
            if first < 0 and any(layer_of[n] == depth - 1 for n in fired):
                first, left_at_first = k, left_spikes
            history.append(c[starts[-2] :])
            last = schedule.stop == "on_output" and first >= 0 and k >= first + schedule.steps_after_output
            last |= schedule.stop == "margin" and schedule.margin_check == "step" and leads(history[-1])
            under_way = []
            k += 1
            if last:
                break
            step = k - 1
            queue = []
            for j in waiting_input:
                noise = uniform("input_priority", t, step, j)
                rank = {"random": noise, "momentum": F32(F32(regularization.momentum_noise) * F32(noise))}
                rank |= {"fifo": 0, "timed": 0, "arbiter": 0, "round_robin": -turns(0, step) * LATER}
                rank["shallow_inhibition_first"] = LATER
                ahead = 0 if schedule.prioritize_input else 1
                queue.append((ahead, -rank[schedule.policy], j - len(frame), "input", j))
            for n in range(total):
                if q[n]:
                    noise = uniform("priority", t, step, n)
                    momentum = F32(p[n] + F32(F32(regularization.momentum_noise) * F32(noise)))
                    rank = {"random": noise, "momentum": momentum, "fifo": -enqueued[n]}
                    rank |= {"arbiter": -core_of[n], "round_robin": -turns(core_of[n], step) * LATER - enqueued[n]}
                    rank["shallow_inhibition_first"] = -inhibition_order.index(n)
                    rank["timed"] = -cores.delivery(n, enqueued[n]) if cores else 0
                    queue.append((1, -rank[schedule.policy], n, "neuron", n))
            contended += len(queue) > group_size
            # in the order of their numbers, of which a window passes the lowest
            for kind, n in sorted((kind, n) for _, _, _, kind, n in sorted(queue)[:group_size]):
                if kind == "input":
                    count = waiting_input.pop(n)
                    kept = survivors("input", regularization.input_dropout, 0, n, count)
                    deliver(0, n, kept, count, 0, under_way)
                    depart(-1, n, kept, count, step)
                    if cores:
                        cores.leave(0, -1, count)
                    continue
                layer, j = layer_of[n], n - starts[layer_of[n]]
                kept = survivors("network", regularization.network_dropout, step, n, q[n])
                if window_of[n] is None:
                    deliver(layer + 1, j, kept, q[n], 0, under_way)
                    depart(layer, j, kept, q[n], step)
                elif kept and window_of[n] not in passed:
                    deliver(layer + 1, j, 1, q[n] if gated else 1, 0, under_way)
                    depart(layer, j, 1, 1, step)
                    passed.add(window_of[n])
                elif gated:
                    deliver(layer + 1, j, 0, q[n], 0, under_way)
                if cores:
                    cores.leave(1 + cores.part_of[n], enqueued[n], q[n])
                out.propagated[layer] += q[n]
                left_spikes += q[n]
                q[n] = 0
            for n in barrier_senders:
                deliver(layer_of[n] + 1, n - starts[layer_of[n]], 0, 0, 1, under_way)
                out.barrier_messages[layer_of[n]] += 1
            opens = gated and not waiting_input and not complete
            complete = complete or not waiting_input
        u = [max(potential, low) for potential, low in zip(u, own["floor"], strict=True)]
        out.spikes.append(c)
        out.active.append(active)
        out.forward_steps.append(k)
        out.contended_steps.append(contended)
        out.steps_to_first_output.append(first + 1 if first >= 0 else -1)
        out.spikes_to_first_output.append(left_at_first)
        out.spikes_to_stop.append(left_spikes)
        out.histories.append(history)
    out.potentials = u
    return out

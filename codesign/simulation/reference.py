"""The reference engine: dense, plain torch, any device; the oracle of every faster one.

State of a forward pass, per sample and neuron: that of the neuron, waiting spikes q, spike count c, refractory flag r,
last pre-spike potential p, step of enqueueing and messages received. `docs/design.md` gives the equations, whose
symbols name the variables here; `codesign.simulation.neuron` has the step of a neuron. Currents are accumulated in
float64 and rounded once, so that no sample depends on the others of its batch.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from codesign.errors import InputError
from codesign.simulation import neuron
from codesign.simulation.further_arrivals import FurtherArrivals
from codesign.simulation.idle import idle_neurons
from codesign.simulation.max_pools import MaxPools
from codesign.simulation.priorities import Priorities, select
from codesign.simulation.random import Purpose, absorb, sample_key, thin, uniform
from codesign.simulation.recording import Recorder
from codesign.simulation.run import MOST_WAITING, TOO_MANY_WAIT, Run
from codesign.simulation.servers import Servers
from codesign.simulation.stopping import Stopping
from codesign.simulation.trace import Arrival, Pass, Result, Step


@torch.no_grad()
def run_machine(run: Run) -> Result:
    """Simulate a batch on the network's device."""
    machine = Machine(run)
    passes = [machine.forward_pass(timestep) for timestep in range(run.events.timesteps)]
    if run.network.neuron.readout == "potential":
        scores = machine.state.u[:, None, machine.outputs]
    else:
        scores = torch.stack(machine.counts, dim=1).to(run.network.threshold.dtype)
    return Result(
        scores=scores,
        potentials=machine.state.u,
        spikes=machine.emitted,
        passes=tuple(passes) if run.learns else (),
        execution=None if machine.recorder is None else machine.recorder.execution(scores, machine.state.u),
    )


class Machine:
    """A batch in the course of a run.

    Attributes:
        p, q, c, r, enqueue_step, received: as above, of shape (B, N), in the current pass.
        stimulated: (B, N) whether a spike has reached the neuron, not only barrier messages.
        input_q, kept_frame: (B, inputs) input events that wait, and those of the frame that dropout kept.
        frame_complete, was_complete: (B,) whether all input events have left, by now and by the step before.
        active: (B,) whether the pass goes on.
        sends, sends_barriers: (N,) whether the neuron has successors, and whether it sends them barrier messages.
        counts, emitted: output spikes of each timestep so far, and (B, N) spikes of all of them.
    """

    def __init__(self, run: Run) -> None:
        network, events, schedule = run.network, run.events, run.schedule
        self.run, self.recorder = run, Recorder(network, events, schedule) if run.counters else None
        self.network, self.events, self.schedule, self.regularization = network, events, schedule, run.regularization
        self.neuron = neuron.neuron_of(run)
        self.device = network.threshold.device
        self.connections = network.layer_connections()
        self.layers = network.layer_slices
        self.weights = [weight.detach().double() for weight in network.weights()]
        batch, neurons, inputs = len(events), network.shape.neurons, network.shape.input_size
        self.outputs = self.layers[-1]
        self.state = neuron.start(self.neuron, batch)
        self.c = torch.zeros_like(self.state.u, dtype=torch.int64)
        self.layer_of = torch.repeat_interleave(torch.tensor(network.shape.layer_sizes)).to(self.device)
        self.counts: list[torch.Tensor] = []
        self.emitted = self.c
        self.stopping = Stopping(schedule, batch, network.shape.layers[-1].neurons, self.device)
        self.keys = {
            purpose: sample_key(run.seed, run.epoch, purpose, events.sample_ids)[:, None] for purpose in Purpose
        }
        self.thresholds = run.thresholds.to(self.device)
        self.gated = run.gated
        self.index = torch.arange(neurons, device=self.device)
        self.sends = self.index < self.outputs.start  # output neurons have no successors
        self.sends_barriers = self.sends & schedule.barrier_messages
        self.input_index = torch.arange(inputs, device=self.device)
        self.pools = MaxPools(network, batch)
        self.further = FurtherArrivals(run)
        self.priorities = Priorities(run)
        self.servers: Servers | None = None
        if run.service is not None:
            self.servers = Servers(network.shape, run.service, run.slices, batch, self.device)

    # one timestep ------------------------------------------------------------------------------------------------

    def forward_pass(self, timestep: int) -> Pass:
        run, before = self.stopping.runs[:, None], self.state.u
        begun, held = neuron.begin(self.neuron, self.state, self.c)
        self.state, held = begun.where(run, self.state), None if held is None else held & run
        self._reset(timestep, before, held)
        arrival = self._begin_input()
        steps: list[Step] = []
        k = 0
        while self.active.any():
            step, arrival = self._forward_step(k, self.further.join(k, arrival))
            k += 1
            if self.run.learns:
                steps.append(step)
        self.state = neuron.end(self.neuron, self.state).where(run, self.state)
        self.counts.append(self.c[:, self.outputs])
        self.stopping.end_pass(self.counts[-1])
        self.emitted = self.emitted + self.c
        self.further.end_pass(self.c)
        if self.recorder is not None:
            self.recorder.end_pass()
        return Pass(steps=tuple(steps), undecayed=before, held=held, arriving=self.further.arriving)

    def _reset(self, timestep: int, before: torch.Tensor, held: torch.Tensor | None) -> None:
        self.pass_keys = {purpose: absorb(key, timestep).to(self.device) for purpose, key in self.keys.items()}
        self.p = torch.zeros_like(self.state.u)
        self.q, self.c, self.received = (torch.zeros_like(self.state.u, dtype=torch.int64) for _ in range(3))
        self.enqueue_step = torch.zeros_like(self.q)
        self.r = torch.zeros_like(self.state.u, dtype=torch.bool) if held is None else held
        self.stimulated = torch.zeros_like(self.r)
        self.stopping.begin_pass()
        self.pools.begin_pass()
        self.further.begin_pass(self.stopping.runs)
        frame = torch.where(self.stopping.runs[:, None], self.events.frame(timestep, self.device), 0.0)
        self.input_q = frame
        self.kept_frame = self._input_dropout(frame)
        self.frame_complete = torch.zeros(len(self.state.u), dtype=torch.bool, device=self.device)
        self.was_complete = torch.zeros_like(self.frame_complete)
        if self.recorder is not None:
            self.recorder.begin_pass(timestep, self.stopping.runs, before, self.state.u)
        if self.servers is not None:
            self.servers.begin_pass()

    def _begin_input(self) -> Arrival:
        """Mode `frame`: the first layer integrates the whole frame in step 0, and the frame counts as complete. Mode
        `queued`: input spikes wait like all others, and none arrives in step 0; an empty frame is complete at once, or
        in step 1 if spikes are under way over delayed or direct connections."""
        if self.schedule.input_mode == "frame":
            arrival = self._feed(-1, self.input_q, self.kept_frame)
            begins = (arrival.messages > 0).any(dim=1)
            self.frame_complete[:] = True
            if self.recorder is not None:
                self.recorder.inputs(self.input_q, self.kept_frame)
        else:
            arrival, begins = self._feed(0, None, None), (self.input_q != 0).any(dim=1)
            self.frame_complete = ~(begins | self.further.ahead(0))
        self.active = (begins | self.run.announces | self._ahead(0)) & self.stopping.runs
        return arrival

    def _feed(self, step: int, left: torch.Tensor | None, kept: torch.Tensor | None) -> Arrival:
        """What arrives at the first layer from the (B, inputs) input events that leave in a step and those that dropout
        kept; None if none leave."""
        x, messages, first = torch.zeros_like(self.state.u), torch.zeros_like(self.q), self.layers[0]
        if left is not None and kept is not None:
            present = left != 0 if self.events.currents else left  # a current is one message
            x[:, first] = self.connections[0].currents(kept.double(), self.weights[0]).float()
            messages[:, first] = self.connections[0].messages(present.double()).round().long()
            self.further.leave(step, kept, present, inputs=True)
            if self.servers is not None:
                self.servers.receive_input(present.long().sum(dim=1))
        return Arrival(x=x, messages=messages, spikes=messages, kept_input=kept)

    # one forward step --------------------------------------------------------------------------------------------

    def _forward_step(self, k: int, arrival: Arrival) -> tuple[Step, Arrival]:
        before, self.received = self.received, self.received + arrival.messages
        opened, is_open = self._gates(k, before, self.received)
        refractory = self.r
        evaluated = self._evaluated(arrival, is_open & ~opened)
        self.stimulated = self.stimulated | (arrival.spikes > 0)
        able, ticked = is_open & self.stimulated, None  # barrier messages alone do not make a neuron fire
        if self.neuron.ticks is not None:
            able, ticked = self._ticked(k, evaluated, is_open, opened)
            evaluated = evaluated | ticked
        v, spikes = self._evaluate(k, arrival, evaluated, able)
        if self.recorder is not None:
            received = torch.where(evaluated, arrival.spikes, 0)
            self.recorder.evaluations(self.active, evaluated, ticked, spikes, received)
        fired = spikes > 0
        last = self.stopping.is_last(k, fired[:, self.outputs], self.c[:, self.outputs])
        goes_on = (self.active & ~last)[:, None]
        barriers = is_open & ~opened & ~fired & self.sends_barriers & goes_on  # neurons whose gate opens without firing
        chosen, chosen_input, room = self._choose(k, goes_on)
        left = torch.where(chosen, self.q, 0)
        kept = self.pools.first(self._network_dropout(k, left))
        silent = evaluated & ~fired & goes_on & ~self.pools.spent()
        candidates = silent & able & self.neuron.fires & ~refractory & self.sends
        idle = idle_neurons(self.run.idle_gradient, silent, candidates, v - self.neuron.compared, room)
        left_input = None if chosen_input is None else torch.where(chosen_input, self.input_q, 0.0)
        kept_input = None if chosen_input is None else torch.where(chosen_input, self.kept_frame, 0.0)
        if self.recorder is not None:
            if left_input is not None and kept_input is not None:
                self.recorder.inputs(left_input, kept_input)
            self.recorder.departures(room[:, 0] < 0, left, kept, self.enqueue_step, barriers)
        step = Step(
            v=v,
            evaluated=evaluated,
            spikes=spikes,
            refractory=refractory,
            open=able if self.gated or ticked is not None else None,
            chosen=chosen,
            idle=idle,
            kept=kept.float(),
            kept_share=kept.float() / self.q.clamp(min=1)
            if self.regularization.network_dropout or self.pools
            else None,
            kept_input=arrival.kept_input,
        )
        fed = self._feed(k, left_input, kept_input)
        if self.servers is not None:
            self.servers.receive(left, self.enqueue_step)
        arriving = left if self.gated else self.pools.reaching(left, kept)
        following = self._propagate(k, fed, arriving, kept, barriers)
        self.active = self.active & ~last & (self._leave(following, chosen, chosen_input) | self._ahead(k + 1))
        return step, following

    def _ahead(self, k: int) -> torch.Tensor:
        """(B,) whether, in step k or later, further connections bring spikes or the tick would make a neuron fire."""
        ahead = self.further.ahead(k)
        if self.neuron.ticks is None or (self.gated and k > 0):  # after step 0 gates open only by messages
            return ahead
        later = self.layer_of >= k - self.run.first_step
        return ahead | (neuron.would_fire(self.neuron, self.state, self.r) & later).any(dim=1)

    def _ticked(
        self, k: int, evaluated: torch.Tensor, is_open: torch.Tensor, opened: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Which neurons may fire, and which only the tick evaluates in this step: those of one layer per step, or those
        whose gate opens without a message."""
        assert self.neuron.ticks is not None
        due = is_open & ~opened if self.gated else self.layer_of == k - self.run.first_step
        ticked = due & ~evaluated & self.active[:, None] & neuron.would_fire(self.neuron, self.state, self.r)
        if self.gated:
            return is_open & (self.stimulated | self.neuron.ticks), ticked
        return (is_open & self.stimulated) | ticked, ticked

    def _evaluated(self, arrival: Arrival, completes: torch.Tensor) -> torch.Tensor:
        """Which neurons are evaluated: those a message reaches and, in mode `queued`, first-layer neurons that
        waited."""
        active = self.active[:, None]
        evaluated = ((arrival.messages > 0) | (arrival.spikes > 0)) & active
        if self.gated and self.schedule.input_mode == "queued":
            # the frame's last event completes the frame for them
            waited = completes & ((self.received > 0) | self.stimulated) & active
            evaluated[:, self.layers[0]] |= waited[:, self.layers[0]]
        return evaluated

    def _evaluate(
        self, k: int, arrival: Arrival, evaluated: torch.Tensor, able: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        v, spikes, after = neuron.step(self.neuron, self.state, arrival.x, self.r, able)
        v, spikes = torch.where(evaluated, v, 0.0), spikes * evaluated
        fired = spikes > 0
        self.state = after.where(evaluated, self.state)
        self.enqueue_step = torch.where(fired & (self.q == 0), k, self.enqueue_step)
        self.p = torch.where(fired, v, self.p)
        self.q, self.c = self.q + spikes, self.c + spikes
        if self.neuron.most is not None and self.q.numel() and int(self.q.max()) > MOST_WAITING:
            raise InputError(TOO_MANY_WAIT)
        self.r = neuron.silence(self.neuron, self.r, fired, self._refractory_dropout(k, fired))
        if self.servers is not None:
            self.servers.work(evaluated, spikes)
        return v, spikes

    def _leave(self, following: Arrival, chosen: torch.Tensor, chosen_input: torch.Tensor | None) -> torch.Tensor:
        """Remove the chosen spikes from the queue; return (B,) whether anything waits or is under way."""
        self.q = torch.where(chosen, 0, self.q)
        under_way = (following.messages > 0).any(dim=1) | (self.q > 0).any(dim=1)
        if chosen_input is not None:
            self.input_q = torch.where(chosen_input, 0.0, self.input_q)
            waits = (self.input_q != 0).any(dim=1)
            under_way |= waits
            self.frame_complete |= ~waits
            if self.gated:  # the first layer's gate opens in the next step, even if the last event reaches no neuron
                under_way |= self.frame_complete & ~self.was_complete
        return under_way

    def _gates(self, k: int, before: torch.Tensor, now: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Whether each neuron has received enough messages, before this step and including it."""
        if not self.gated:
            return (nobody_waits := torch.ones_like(self.r)), nobody_waits
        open_before, open_now = (before >= self.thresholds) & (k > 0), now >= self.thresholds
        first = self.layers[0]
        complete = self.frame_complete[:, None]
        was_complete = self.was_complete[:, None]
        self.was_complete = self.frame_complete.clone()
        if self.schedule.synchronization_threshold == "layer":
            open_before[:, first], open_now[:, first] = was_complete, complete
        else:
            open_before[:, first] |= was_complete
            open_now[:, first] |= complete
        return open_before, open_now

    def _choose(self, k: int, goes_on: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Chosen neurons, chosen inputs (mode `queued`), and the (B, 1) room left in each group."""
        waiting = (self.q > 0) & goes_on
        group_size = self.schedule.group_limit
        queued, inputs = self.schedule.input_mode == "queued", len(self.input_index)
        if queued:
            waiting = torch.cat([(self.input_q != 0) & goes_on, waiting], dim=1)
        number = waiting.sum(dim=1, keepdim=True)
        chosen = waiting
        if (number > group_size).any():  # otherwise there is nothing to choose
            priority, preferred = self._priority(k), None
            if queued:
                uniforms = self._policy_draws(Purpose.INPUT_PRIORITY, k, self.input_index)
                priority = torch.cat([self.priorities.of(self.priorities.inputs, k, uniform=uniforms), priority], dim=1)
            if self.schedule.prioritize_input:
                preferred = torch.arange(waiting.shape[1], device=self.device) < inputs
            chosen = select(priority, waiting, group_size, preferred)
        room = group_size - number
        return (chosen[:, inputs:], chosen[:, :inputs], room) if queued else (chosen, None, room)

    def _priority(self, k: int) -> torch.Tensor:
        seen = {"potential": self.p, "enqueue_step": self.enqueue_step.float()}
        if self.servers is not None:
            seen["delivery"] = self.servers.delivery(self.enqueue_step)
        uniforms = self._policy_draws(Purpose.PRIORITY, k, self.index)
        return self.priorities.of(self.priorities.neurons, k, uniform=uniforms, **seen)

    def _policy_draws(self, purpose: Purpose, k: int, index: torch.Tensor) -> torch.Tensor:
        if not (self.run.policy.uses_uniform or self.regularization.momentum_noise):
            return torch.zeros((len(self.state.u), len(index)), dtype=torch.float32, device=self.device)
        return uniform(self._key(purpose, k, index))

    def _propagate(
        self, k: int, fed: Arrival, left: torch.Tensor, kept: torch.Tensor, barriers: torch.Tensor
    ) -> Arrival:
        """Add to what inputs bring the messages of the spikes that left and the currents of those that dropout kept;
        spikes that dropout lost still count as messages."""
        x, spikes, messages = fed.x, fed.spikes.clone(), fed.messages
        for layer, connection in enumerate(self.connections[1:], start=1):
            source, target = self.layers[layer - 1], self.layers[layer]
            if not (left[:, source].any() or barriers[:, source].any()):
                continue
            x[:, target] = connection.currents(kept[:, source].double(), self.weights[layer]).float()
            spikes[:, target] = connection.messages(left[:, source].double()).round().long()
            barrier = connection.messages(barriers[:, source].double()).round().long()
            counted = spikes[:, target]
            if self.neuron.most is not None:  # a gate counts several spikes of one neuron as one message
                counted = connection.messages((left[:, source] > 0).double()).round().long()
            messages[:, target] = counted + barrier
        self.further.leave(k, kept, self.pools.reaching(left, kept))
        return replace(fed, spikes=spikes)

    # dropouts ----------------------------------------------------------------------------------------------------

    def _input_dropout(self, frame: torch.Tensor) -> torch.Tensor:
        probability = self.regularization.input_dropout
        if not probability:
            return frame
        key = self._key(Purpose.INPUT_DROPOUT, 0, self.input_index)
        if self.events.currents:
            return torch.where(uniform(key) < probability, 0.0, frame)
        return thin(frame, key, probability)

    def _network_dropout(self, k: int, left: torch.Tensor) -> torch.Tensor:
        probability = self.regularization.network_dropout
        if not probability:
            return left
        return thin(left, self._key(Purpose.NETWORK_DROPOUT, k, self.index), probability)

    def _refractory_dropout(self, k: int, fired: torch.Tensor) -> torch.Tensor:
        probability = self.regularization.refractory_dropout
        if not probability or not fired.any():
            return torch.zeros_like(fired)
        return uniform(self._key(Purpose.REFRACTORY_DROPOUT, k, self.index)) < probability

    def _key(self, purpose: Purpose, k: int, index: torch.Tensor) -> torch.Tensor:
        """(B, n) keys of the draws in step k for the neurons or inputs `index`."""
        return absorb(absorb(self.pass_keys[purpose], k), index)

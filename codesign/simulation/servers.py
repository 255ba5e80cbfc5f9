"""A service model in the reference engine: when each core becomes free, for a batch of samples at once."""

from __future__ import annotations

import torch

from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice, slice_of_neurons
from codesign.simulation.service import ServiceModel, longest_routes


class Servers:
    """The servers of B samples in one forward pass, as defined by `ServiceModel`.

    Order of calls: `begin_pass`; `receive_input` for a frame that is delivered at once; in each forward step `work`
    after its evaluations and `receive` (in mode `queued` preceded by `receive_input`) for what leaves in it.
    """

    def __init__(
        self, shape: NetworkShape, service: ServiceModel, slices: tuple[Slice, ...], batch: int, device: torch.device
    ) -> None:
        def doubles(values: object) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float64, device=device)

        self.slices, self.batch, self.device = slices, batch, device
        self.lanes, self.update = service.lanes, doubles(service.update_s)
        self.message, self.emission = doubles(service.message_s), doubles(service.emission_s)
        self.route, self.longest_route = doubles(service.route_s), doubles(longest_routes(service, slices))
        numbers = {core: place for place, core in enumerate(sorted({part.core for part in slices}))}
        self.core = [numbers[part.core] for part in slices]
        self.cores = len(numbers)
        self.slice_of_neuron = torch.from_numpy(slice_of_neurons(shape, slices)).to(device)

    def begin_pass(self) -> None:
        self.free = torch.zeros((self.batch, self.cores), dtype=torch.float64, device=self.device)
        self.sent: list[torch.Tensor] = []

    def receive_input(self, spikes: torch.Tensor) -> None:
        """Receive (B,) int64 input spikes at the first layer; they are sent at time 0."""
        self._serve(0, 0, torch.zeros_like(self.free[:, 0]), spikes)

    def receive(self, spikes: torch.Tensor, enqueue_step: torch.Tensor) -> None:
        """Receive the (B, N) int64 spikes that left neurons in a step, by the (B, N) step in which they began to
        wait."""
        for part, held in enumerate(self.slices):
            own = self.slice_of_neuron == part
            left, since = spikes[:, own], enqueue_step[:, own]
            for step in torch.unique(since[left > 0]).tolist():
                number = torch.where(since == step, left, 0).sum(dim=1)
                self._serve(1 + part, held.layer + 1, self.sent[step][:, part], number)

    def _serve(self, source: int, layer: int, sent: torch.Tensor, spikes: torch.Tensor) -> None:
        """Serve one row of the message table per sample, at every slice of a layer."""
        for part, held in enumerate(self.slices):
            if held.layer == layer:
                free = self.free[:, self.core[part]]
                served = free.maximum(sent + self.route[source, part]) + spikes.double() * self.message[part]
                self.free[:, self.core[part]] = torch.where(spikes > 0, served, free)

    def work(self, evaluated: torch.Tensor, spikes: torch.Tensor) -> None:
        """Serve a step's (B, N) bool evaluations and (B, N) int64 spikes."""
        evaluations, emitted = self._of_slices(evaluated), self._of_slices(spikes)
        turns = (evaluations > 0).long() if self.lanes is None else (evaluations + self.lanes - 1) // self.lanes
        sent = torch.zeros((self.batch, len(self.slices)), dtype=torch.float64, device=self.device)
        for part, core in enumerate(self.core):
            done = self.free[:, core] + turns[:, part].double() * self.update
            self.free[:, core] = sent[:, part] = done + emitted[:, part].double() * self.emission[part]
        self.sent.append(sent)

    def _of_slices(self, numbers: torch.Tensor) -> torch.Tensor:
        sums = torch.zeros((self.batch, len(self.slices)), dtype=torch.int64, device=self.device)
        return sums.index_add_(1, self.slice_of_neuron, numbers.long())

    def delivery(self, enqueue_step: torch.Tensor) -> torch.Tensor:
        """(B, N) float32 times at which the messages of neurons, waiting since (B, N) steps, reach their last core."""
        samples = torch.arange(self.batch, device=self.device)[:, None]
        sent = torch.stack(self.sent)[enqueue_step, samples, self.slice_of_neuron]
        return (sent + self.longest_route[self.slice_of_neuron]).float()

"""What only the whole chip can tell to be wrong with the models of its measurements."""

from __future__ import annotations

from collections.abc import Iterator

from codesign.documents import Mistake
from codesign.errors import InputError
from codesign.hardware.description import Chip
from codesign.hardware.parameters import with_parameter
from codesign.hardware.validation_models import Counts, NotRecomputed, Steps

__all__ = ["model_mistakes"]


def model_mistakes(chip: Chip) -> Iterator[Mistake]:
    """Overrides and fitted numbers that the chip does not have, and workloads that it cannot hold."""
    numbers = {number.name for number in chip.numbers()}
    for position, measurement in enumerate(chip.validation):
        if measurement.model is not None and not isinstance(measurement.model, NotRecomputed):
            for path, message in _mistakes(chip, measurement.model, numbers):
                yield ("validation", position, "model", *path), f"measurement '{measurement.name}': {message}"


def _mistakes(chip: Chip, model: Counts | Steps, numbers: set[str]) -> Iterator[Mistake]:
    for path, value in model.overrides.items():
        try:
            with_parameter(chip, path, value)
        except InputError as error:
            yield ("overrides", path), str(error)
    known = numbers | set(model.overrides) | ({"outside"} if isinstance(model, Steps) else set())
    for path in model.fitted:
        if path not in known:
            yield ("fitted",), f"chip '{chip.name}' has no number '{path}', and no override sets it"
    synaptic = chip.energies.synaptic_operation
    if synaptic is not None and synaptic.all_in and model.operation != synaptic.operation:
        yield (
            ("operation",),
            f"must be {synaptic.operation}, in which the chip's all-in energy was measured, found {model.operation}",
        )
    if model.chips > 1 and chip.multi_chip is None:
        yield ("chips",), f"must be 1, as the chip has no multi_chip, found {model.chips}"
    most = chip.cores.value * model.chips
    if model.cores is not None and model.cores > most:
        yield ("cores",), f"must be at most {most:,}, all cores of {model.chips} chips, found {model.cores:,}"

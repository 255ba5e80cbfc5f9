"""The networks and workloads of a sweep: one of each for every combination of the axes on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from codesign.analysis.results.columns import is_of_design
from codesign.errors import InputError
from codesign.exploration.definition.network import column_value
from codesign.exploration.definition.spec import SweepSpec


@dataclass(frozen=True, kw_only=True)
class Design:
    """One network and workload of a sweep.

    Attributes:
        spec: the sweep with them, and without the axes that choose them.
        axes: by path of such an axis, the value here: a number, in SI, where all of the axis are; else text.
    """

    spec: SweepSpec
    axes: tuple[tuple[str, str | float], ...]


def designs(spec: SweepSpec) -> Iterator[Design]:
    """All of a sweep, in the order of the file; one where no axis is on network or workload.

    Raises:
        InputError: values of axes that do not go together.
    """
    chosen = {path: values for path, values in spec.axes.items() if is_of_design(path)}
    for settings in product(*chosen.values()):
        values = dict(zip(chosen, settings, strict=True))
        columns = tuple((path, column_value(value, chosen[path])) for path, value in values.items())
        try:
            yield Design(spec=spec.of_design(values, ""), axes=columns)
        except InputError as error:
            at = next((path for path in values if str(error).startswith(f"{path}: ")), [*values][-1])
            told = ", ".join(f"{path} = {value}" for path, value in values.items())
            raise spec.refusal([(("axes", at), f"{told}: {str(error).removeprefix(f'{at}: ')}")]) from None

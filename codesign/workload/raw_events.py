"""Users' data in the form that batches are made of: grids, times in nanoseconds, input indices, frames."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Floats, Integers, array_of
from codesign.errors import InputError
from codesign.units import format_si, in_percent

LONGEST_S = 3.2e9
"""Latest time of an event in seconds: 100 years, so that times since 1970 are possible; nanoseconds fit into 63
bits."""
T_COUNTS = "t counts from the beginning of its sample, in whole µs or in floating-point seconds"
_LITTLE = 0.01
"""Largest share of events left out that is not reported."""


def late_events(kept: float, count: float, timesteps: int, timestep_s: float) -> str:
    """Say how many of `count` events come after the last timestep, if `kept` do not; "" for a small share."""
    lasting = f"the {timesteps} timesteps of {format_si(timestep_s, 's')}"
    if count and not kept:
        return f"no event comes in {lasting} of a sample; {T_COUNTS}"
    if kept >= (1 - _LITTLE) * count:
        return ""
    return f"{in_percent(1 - kept / count)} % of the events come after {lasting} and are left out"


def empty_end(filled: NDArray[np.bool_], timestep_s: float, most: float) -> str:
    """Say after which of the (T,) timesteps no event comes; "" if at most the share `most` of them are empty."""
    last = 1 + int(np.flatnonzero(filled).max(initial=-1))
    if len(filled) - last <= most * len(filled):
        return ""
    first = f"first {last}" if last != 1 else "first"
    return f"no event comes after the {first} of the {len(filled)} timesteps of {format_si(timestep_s, 's')}"


def bin_edges_ns(timestep_s: float, timesteps: int) -> Integers:
    """(T + 1,) edges of the time bins; bin k holds events with edges[k] ≤ time < edges[k + 1]. In integer nanoseconds,
    so that 70 ms lie in bin 7 of 10 ms regardless of floating-point rounding."""
    edges: Integers = np.rint(np.arange(timesteps + 1) * (timestep_s * 1e9)).astype(np.int64)
    return edges


def grid_of(sizes: Any) -> tuple[int, int, int]:
    """(channels, height, width), given (inputs,), (height, width) or (channels, height, width). Raises InputError for
    other sizes, or more than 2³¹ − 1 inputs."""
    given = tuple(sizes) if isinstance(sizes, Iterable) else ()
    whole = all(isinstance(size, int | np.integer) and not isinstance(size, bool) for size in given)
    grid = (1,) * (3 - len(given)) + tuple(int(size) for size in given if whole)
    if not given or not whole or len(grid) != 3 or min(grid) < 1 or math.prod(grid) >= 1 << 31:
        raise InputError(
            f"grid: must be (inputs,), (height, width) or (channels, height, width), each at least 1, found {sizes}"
        )
    return grid


def frames_of(given: Any) -> NDArray[Any]:
    """Frames as an array. Raises InputError for a tensor computed from one that learns: no gradient would reach it."""
    if getattr(given, "grad_fn", None) is not None:
        raise InputError("frames: events pass no gradient on, so what computed these would not learn; give .detach()")
    return array_of("frames", given)


def check_shape(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
    """Raises InputError, naming the array, if (N, T, …) frames cannot have this shape or data type."""
    if len(shape) < 3 or 0 in shape[1:] or kind.kind not in "biuf":
        raise InputError(
            f"{name}: must be numbers of shape (samples, timesteps, inputs), (samples, timesteps, height, width) or "
            f"(samples, timesteps, channels, height, width), found {kind} of shape {shape}"
        )


def check_frames(
    frames: NDArray[Any], *, currents: bool, samples: Integers | None = None, name: str = "frames"
) -> None:
    """Raises InputError for (N, T, …) frames that are not numbers, or that an `EventBatch` cannot hold. The message
    names samples by the (N,) numbers `samples`, or by their positions."""
    check_shape(name, frames.shape, frames.dtype)
    if frames.dtype.kind in "bu":
        return
    wrong, need = ~np.isfinite(frames), "must be finite"
    if not wrong.any() and not currents:
        wrong = (frames < 0) | (frames != np.floor(frames))
        need = "events are counted in whole numbers of at least 0; if these are currents, say so with currents=True"
    if wrong.any():
        sample, timestep, *inside = np.unravel_index(int(wrong.argmax()), frames.shape)
        value, place = frames[(sample, timestep, *inside)], ", ".join(map(str, map(int, inside)))
        of = sample if samples is None else samples[sample]
        raise InputError(f"{name}: sample {of}, timestep {timestep}, input ({place}) is {value:g}; {need}")


def columns_of(events: Any) -> dict[str, NDArray[Any]]:
    """The columns of events by name. Raises InputError if there are no named columns, or no times."""
    names = (events.dtype.names or ()) if isinstance(events, np.ndarray) else tuple(getattr(events, "keys", tuple)())
    if "t" not in names:
        raise InputError(
            f"events: need columns with names, 't' among them, found {names or 'none'}; from_dense and from_torch take "
            "frames"
        )
    return {name: array_of(name, events[name]) for name in names}


def times_ns(t: NDArray[Any]) -> Integers:
    """(E,) nanoseconds, given times as event cameras have them: integers are µs, floating-point numbers seconds. Raises
    InputError for other types, and for times that are negative, not finite or beyond 100 years."""
    if t.ndim != 1 or t.dtype.kind not in "iuf":
        raise InputError(f"t: must be (events,) times, whole µs or seconds, found {t.dtype} of shape {t.shape}")
    if t.dtype == np.float16:  # as in files of SHD; float16 cannot hold the nanoseconds of a second
        t = t.astype(np.float64)
    seconds = t if t.dtype.kind == "f" else t / 1e6
    wrong = ~((seconds >= 0) & (seconds <= LONGEST_S))
    if wrong.any():
        unit = "s" if t.dtype.kind == "f" else "µs"
        at = int(wrong.argmax())
        raise InputError(f"t: event {at} is at {t[at]} {unit}; must be between 0 and 100 years")
    ns: Integers = np.rint(decimals(t) * 1e9).astype(np.int64) if t.dtype.kind == "f" else 1000 * t.astype(np.int64)
    return ns


def decimals(numbers: NDArray[Any]) -> Floats:
    """float32 numbers replaced by the decimals of up to seven digits that they represent, if any: many lie just below,
    which would put an event one bin too early."""
    exact = numbers.astype(np.float64)
    if numbers.dtype != np.float32:
        return exact
    with np.errstate(invalid="ignore"):  # of infinite numbers
        scale = 10.0 ** (6 - np.floor(np.log10(np.maximum(np.abs(exact), 1e-30))))
        near = np.rint(exact * scale) / scale
    return np.where(near.astype(np.float32) == numbers, near, exact)


def from_first(times: Integers) -> Integers:
    """(E,) times of a recording relative to its first event."""
    return np.asarray(times - times.min(initial=np.iinfo(np.int64).max))


def inputs_of(events: Any, names: Iterable[str], grid: tuple[int, int, int]) -> Integers:
    """(E,) input index of events that have either `unit` or `x`, with `y` and `p` if the grid has several rows and
    channels. Raises InputError if these are missing, or if an event is outside the grid."""
    names, sizes = set(names), dict(zip(("p", "y", "x"), grid, strict=True))
    if "unit" in names:
        return _inside("unit", events["unit"], math.prod(grid))
    needed = [name for name, size in sizes.items() if size > 1 or name == "x"]
    if not names.issuperset(needed):
        found = ", ".join(sorted(names)) or "nothing"
        raise InputError(f"events: need 'unit' or, on the grid {grid}, {', '.join(needed)}; found {found}")
    used = [name for name in sizes if name in needed or (name == "y" and name in names)]  # if given, it must fit
    columns = [_inside(name, events[name], sizes[name]) for name in used]
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"events: x, y and p must have one number an event, found {[len(c) for c in columns]}")
    return np.ravel_multi_index(tuple(columns), [sizes[name] for name in used]).astype(np.int64)


def _inside(name: str, values: NDArray[Any], limit: int) -> Integers:
    if values.ndim != 1 or values.dtype.kind not in "iub":
        raise InputError(f"{name}: must be (events,) whole numbers, found {values.dtype} of shape {values.shape}")
    wrong = (values < 0) | (values >= limit)
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(f"{name}: event {at} has {values[at]}, outside 0 … {limit - 1} of the grid")
    return values.astype(np.int64)


def whole_numbers(name: str, numbers: object) -> Integers:
    """Labels, ids or offsets as integers. Raises InputError for numbers that are not integers (nothing is rounded), and
    for anything that is not a list of numbers."""
    array = array_of(name, numbers)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(f"events: {name} must be whole numbers, found {array.dtype}")
    if array.ndim != 1:
        raise InputError(f"events: {name} must be one number each, found numbers of shape {array.shape}")
    return array.astype(np.int64)

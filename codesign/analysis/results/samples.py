"""Uncertainty of shares of test or validation samples due to their choice.

Points mostly answer the same samples, some of which are hard for all of them: a difference is known better than either
share. So if it is known which samples each of two points answers correctly, samples are compared one by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.results.formatting import like
from codesign.analysis.results.measures import mean_of, measured
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import CONFIDENCE, paired
from codesign.analysis.results.table import is_known
from codesign.arrays import Floats
from codesign.errors import InputError

_READ = ("training_seed", "samples", "accuracy", "right_answers")
_HALF = 0.5  # in samples: an accuracy may be rounded
_PARTS, _ROUNDING = 5, 1e-9
_QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def counts_samples(column: str) -> bool:
    """Whether a column or measure holds a share of samples, whose uncertainty depends on their number."""
    return like(column).endswith("accuracy") or column in ("agreement", "tied_fraction", "undecided_fraction")


def samples_of(point: Point, column: str) -> float | None:
    """Number of samples of which a column or measure is a share; None if unknown."""
    known = point.whole.samples(column)[point.own]
    return float(np.nanmean(known)) if not np.isnan(known).all() else None


def answer_alike(one: Point, other: Point, column: str) -> bool:
    """Whether two points have the same share because they have the same spikes; False if spikes are unknown."""
    same = (measured(name, one).equals(measured(name, other)) for name in (column, "spike_density"))
    return not one.seeds("spike_density").empty and all(same)


def share_by_samples(point: Point, column: str, share: float | None = None) -> tuple[float, float]:
    """Interval of a share over the choice of test samples, with width 0 if their number is unknown. The share is the
    mean over training seeds unless it is given.

    For accuracies, computed from each sample's mean over training seeds. One right and one wrong sample are added, so
    that a share of 0 or 1 is not taken for certain, which moves the centre towards one half.
    """
    share, count = mean_of(column, point).mean if share is None else share, samples_of(point, column)
    if share is None or not count:
        return share or 0.0, share or 0.0
    right = right_answers(point).values() if column == "accuracy" else ()
    squares = float((np.mean([*right], axis=0) ** 2).sum()) if right else share * count
    samples = count + 2
    middle = (share * count + 1) / samples
    width = _QUANTILE * math.sqrt(max((squares + 1) / samples - middle**2, 0.0) / samples)
    return middle - width, middle + width


def lead_by_samples(one: Point, other: Point, column: str, times: float = 1.0) -> tuple[float, float]:
    """Interval of one point's share minus `times` another's over the choice of test samples.

    For accuracies, sample by sample (Bonett and Price 2012, doi:10.3102/1076998611411915): two added samples, one
    answered correctly by each point, keep the interval honest if few or no samples distinguish the points.
    """
    if answer_alike(one, other, column) and times == 1:
        return 0.0, 0.0
    answers = [right_answers(point) if column == "accuracy" else {} for point in (one, other)]
    seeds = sorted(answers[0].keys() & answers[1].keys())
    if not seeds or len({len(of[seed]) for of in answers for seed in seeds}) > 1:
        means = [float(of.mean()) if len(of) else None for of in paired(measured(column, one), measured(column, other))]
        points = zip((one, other), means, strict=True)
        (low, high), (least, most) = (share_by_samples(point, column, mean) for point, mean in points)
        lead = (low + high - times * (least + most)) / 2
        width = math.hypot(high - low, times * (most - least)) / 2
        return lead - width, lead + width
    leads = np.mean([answers[0][seed] - times * answers[1][seed] for seed in seeds], axis=0)
    leads = np.append(leads, (1.0, -times))
    lead, width = float(leads.mean()), _QUANTILE * float(leads.std()) / math.sqrt(len(leads))
    return lead - width, lead + width


def accuracy_of_a_choice(points: Sequence[Point]) -> float | None:
    """The accuracy of the best of several points where it is chosen on other training seeds and other test samples than
    it is measured on, each seed and a fifth of the samples in turn. None if they have fewer than two seeds in common,
    or nobody knows what they answer."""
    answers = [right_answers(point) for point in points]
    seeds = sorted(set.intersection(*({*of} for of in answers)))
    lengths = {len(of[seed]) for of in answers for seed in seeds}
    if len(seeds) < 2 or len(lengths) > 1:
        return None
    (samples,) = lengths
    part = np.arange(samples) % _PARTS
    right = np.array([[np.bincount(part, of[seed], _PARTS) for seed in seeds] for of in answers])  # (P, S, parts)
    same_seed, same_part = right.sum(axis=2, keepdims=True), right.sum(axis=1, keepdims=True)
    elsewhere = same_seed.sum(axis=1, keepdims=True) - same_seed - same_part + right
    best = elsewhere >= elsewhere.max(axis=0) - _ROUNDING
    return float(((right * best).sum(axis=0) / best.sum(axis=0)).sum() / (len(seeds) * samples))


def right_answers(point: Point) -> Mapping[int, Floats]:
    """By training seed, the (samples,) share of evaluations in which each test sample is answered correctly; empty if
    unknown."""
    samples, of_seeds = point.remembered("right answers", lambda: _packed(point))
    return {
        seed: np.unpackbits(np.array(cells), axis=1, count=samples, bitorder="little").mean(axis=0)
        for seed, cells in of_seeds.items()
    }


def _packed(point: Point) -> tuple[int, dict[int, list[NDArray[np.uint8]]]]:
    """Number of test samples, the same for all rows, and by training seed which of them are answered correctly: one
    array per row."""
    if "right_answers" not in point.whole.frame:
        return 0, {}
    columns = map(point.cells, _READ)
    found: dict[int, list[NDArray[np.uint8]]] = {}
    counts = set()
    for seed, samples, accuracy, cell in zip(*columns, strict=True):
        if not is_known(samples) or not is_known(accuracy) or cell is None:
            return 0, {}
        if len(cell) != -(-samples // 8):
            raise InputError(
                f"results: right_answers must hold a bit for each of {samples} samples, found {len(cell)} numbers of 8"
            )
        bits = np.array(cell, dtype=np.uint8)
        right = int(np.unpackbits(bits, count=int(samples), bitorder="little").sum())
        if abs(accuracy * samples - right) >= _HALF:
            raise InputError(
                f"results: right_answers has {right} of {samples} samples right, but accuracy is {accuracy:g}"
            )
        found.setdefault(int(seed), []).append(bits)
        counts.add(int(samples))
    return (counts.pop(), found) if len(counts) == 1 else (0, {})

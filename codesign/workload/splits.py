"""Which samples are for training, which for validation and which for test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.spec import WorkloadSpec

__all__ = ["Split", "split_samples", "stratified_order"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions of samples in the dataset; no position is in two of the arrays.

    Any prefix of an array has the classes in nearly the proportion of the whole, so the first n samples of a split
    are as fair a sample as any.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def stratified_order(labels: NDArray[np.int64], sample_ids: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Positions in an order drawn by `seed` that goes through all classes at the same pace.

    The draw is a hash of (seed, sample id): two samples of a class stay in the same order whatever other samples
    are there, so a partial copy keeps most of the split of the complete one.

    Args:
        labels, sample_ids: (N,).

    Returns:
        (N,) positions.
    """
    key = _hash(sample_ids.astype(np.uint64), seed)
    by_class = np.lexsort((key, labels))
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    progress = (2 * rank + 1) / np.repeat(2 * counts, counts)
    return by_class[np.lexsort((key[by_class], progress))].astype(np.int64)


def split_samples(
    spec: WorkloadSpec,
    *,
    labels: NDArray[np.int64],
    sample_ids: NDArray[np.int64],
    test_part: NDArray[np.bool_] | None,
    validation: int,
    test: int | None,
) -> Split:
    """Draw the three splits.

    The test set is drawn first, then validation, then training, each from what is left: a smaller training set
    leaves validation and test as they were.

    Args:
        spec: counts, kind of split (already resolved) and seed.
        labels, sample_ids: (N,) of the whole dataset.
        test_part: (N,) the official test samples; None pools all samples.
        validation, test: sizes where the spec gives none; `test` None takes all of the official test part.

    Raises:
        DataError: the copy has fewer samples than asked for.
    """
    order = stratified_order(labels, sample_ids, spec.seed)
    advice = ""
    if test_part is None:
        test_pool, rest = order, order
    else:
        test_pool, rest = order[test_part[order]], order[~test_part[order]]
        advice = "; 'split: pooled' draws the test set from all samples"
    wanted_test = spec.test or test or len(test_pool)
    if wanted_test > len(test_pool) or not wanted_test:
        raise DataError(
            f"workload '{spec.name}': {wanted_test or 1:,} samples for test asked for, "
            f"there are {len(test_pool):,}{advice}"
        )
    chosen_test = test_pool[:wanted_test]
    if test_part is None:
        rest = order[wanted_test:]
    wanted_validation = spec.validation or validation
    wanted = wanted_validation + (spec.train or 1)
    if wanted > len(rest):
        raise DataError(
            f"workload '{spec.name}': {wanted_validation:,} samples for validation and {spec.train or 1:,} for "
            f"training asked for, there are {len(rest):,} beside the test set; lower train, validation or test"
        )
    end = len(rest) if spec.train is None else wanted
    return Split(train=rest[wanted_validation:end], validation=rest[:wanted_validation], test=chosen_test)


def _hash(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """splitmix64's output function, twice; numpy's own generators may change their streams between versions."""

    def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    golden = np.uint64(0x9E3779B97F4A7C15)
    return mix(mix(np.full(1, seed, dtype=np.uint64) + golden) ^ mix(values + golden))

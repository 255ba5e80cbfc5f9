"""Which samples are for training, which for validation and which for test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Flags, Integers
from codesign.units import plural
from codesign.workload.datasets.base import Recordings
from codesign.workload.spec import OptionError, ResolvedSpec


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions of samples in the dataset; no position is in two of the arrays.

    Any prefix of an array has nearly the class proportions of the whole, so the first n samples of a split are a fair
    sample; less precisely in official splits, whose parts are taken out of a common order.
    """

    train: Integers
    validation: Integers
    test: Integers


def stratified_order(labels: Integers, sample_ids: Integers, seed: int) -> Integers:
    """(N,) positions of samples with (N,) labels and ids, in an order drawn by `seed` in which all classes advance at
    the same pace.

    The draw is a hash of (seed, sample id): two samples of a class are in the same order whatever other samples there
    are, so a partial copy keeps most of the split of the complete one.
    """
    key = _hash(sample_ids.astype(np.uint64), seed)
    by_class = np.lexsort((key, labels))
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    progress = (2 * rank + 1) / np.repeat(2 * counts, counts)
    return by_class[np.lexsort((key[by_class], progress))].astype(np.int64)


def split_samples(spec: ResolvedSpec, recordings: Recordings, *, validation: int, test: int | None) -> Split:
    """Draw the three splits of a spec.

    The test set is drawn first, then validation, then training, each from what is left: a smaller training set leaves
    validation and test as they were. With split `speaker` whole groups are drawn for test until they have enough
    samples; samples that are then not requested are in no split. There may be nothing to train on next to an official
    test part, if the spec does not ask for it. Raises OptionError if the copy has fewer samples or groups than
    requested, or lacks what this kind of split needs.

    Args:
        validation, test: sizes if the spec gives none; `test` None takes all of the official test part. With split
            `speaker`, all samples of the drawn groups are taken.
    """
    labels, sample_ids, test_part = recordings.labels, recordings.sample_ids, recordings.test_part
    order = stratified_order(labels, sample_ids, spec.seed)
    if spec.split == "official":
        if test_part is None:
            raise _shortage(spec, "split", "this copy has no official test part; use 'split: pooled'")
        test_pool, rest = order[test_part[order]], order[~test_part[order]]
        chosen_test = _first(test_pool, spec, test or len(test_pool), "; 'split: pooled' draws it from all samples")
    elif spec.split == "speaker":
        test_groups = _draw_groups(spec, recordings.groups, test)
        (drawn,), (others,) = np.nonzero(test_groups), np.nonzero(~test_groups)
        test_pool = drawn[stratified_order(labels[drawn], sample_ids[drawn], spec.seed)]
        rest = others[stratified_order(labels[others], sample_ids[others], spec.seed)]
        chosen_test = _first(test_pool, spec, len(test_pool))
    else:
        chosen_test = _first(order, spec, test or len(order))
        rest = order[len(chosen_test) :]
    if spec.split == "official" and recordings.validation_part is not None:
        rest, validation = _own_validation(spec, rest, recordings.validation_part[rest])
    if spec.split == "official" and (spec.train, spec.validation) == (None, None) and len(rest) <= validation:
        return Split(train=rest[:0], validation=rest, test=chosen_test)  # samples only for evaluation
    wanted_validation = spec.validation or validation
    wanted = wanted_validation + (spec.train or 1)
    if wanted > len(rest):
        asked = f"asked for {wanted_validation:,} validation and {spec.train or 1:,} training samples"
        lack = f"{asked}, found {len(rest):,} beside the test set; lower train, validation or test"
        raise _shortage(spec, "validation" if spec.train is None else "train", lack)
    end = len(rest) if spec.train is None else wanted
    return Split(train=rest[wanted_validation:end], validation=rest[:wanted_validation], test=chosen_test)


def _first(pool: Integers, spec: ResolvedSpec, usual: int, advice: str = "") -> Integers:
    """The test samples: the number from the pool that the spec asks for, or the usual one."""
    wanted = spec.test or usual
    if wanted > len(pool) or not wanted:
        needed = f"asked for {plural(wanted, 'test sample')}" if wanted else "needs a test sample"
        raise _shortage(spec, "test", f"{needed}, found {len(pool):,}{advice}")
    return pool[:wanted]


def _own_validation(spec: ResolvedSpec, rest: Integers, own: Flags) -> tuple[Integers, int]:
    """The samples not in the test set, starting with the dataset's own validation samples, and the size of the
    validation set."""
    there = int(own.sum())
    wanted = spec.validation or there
    if not 1 <= wanted <= there:
        lack = f"asked for {spec.validation or 1:,} validation samples, found {there:,}"
        raise _shortage(spec, "validation", f"{lack}; 'split: pooled' draws them from all samples")
    return np.concatenate([rest[own][:wanted], rest[~own]]), wanted


def _draw_groups(spec: ResolvedSpec, groups: Integers | None, test: int | None) -> Flags:
    """(N,) whether a sample's group is drawn for test; groups are drawn in an order that depends on the seed until
    there are enough samples."""
    if groups is None:
        raise _shortage(spec, "split", "this copy does not say whom its samples come from; use another split")
    wanted = spec.test or test or 1
    names, counts = np.unique(groups, return_counts=True)
    drawn = np.argsort(_hash(names.astype(np.uint64), spec.seed), kind="stable")
    needed = int(np.searchsorted(np.cumsum(counts[drawn]), wanted)) + 1
    if needed >= len(names):
        lack = f"{wanted:,} test samples need all {len(names)} groups (speakers); lower test"
        raise _shortage(spec, "test", lack)
    chosen: Flags = np.isin(groups, names[drawn[:needed]])
    return chosen


def _shortage(spec: ResolvedSpec, option: str, reason: str) -> OptionError:
    """An error about an option that asks for more than the copy has."""
    return OptionError(spec.name, [(option, reason)])


def _hash(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """splitmix64's output function, twice; numpy's generators may change their streams between versions."""

    def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    golden = np.uint64(0x9E3779B97F4A7C15)
    return mix(mix(np.full(1, seed, dtype=np.uint64) + golden) ^ mix(values + golden))

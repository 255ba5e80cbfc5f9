from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign.errors import InputError
from codesign.workload.datasets.base import Recordings
from codesign.workload.spec import ResolvedSpec
from codesign.workload.splits import split_samples, stratified_order

LABELS = np.repeat(np.arange(4), [40, 20, 20, 20])
IDS = np.arange(100)


def split(options=None, *, test_part=None, groups=None, validation=10, test=20, kind=None):
    kind = kind or ("official" if test_part is not None else "speaker" if groups is not None else "pooled")
    spec = ResolvedSpec.model_construct(name="digits", timestep=0.01, timesteps=10, split=kind, **(options or {}))
    held = {"labels": LABELS, "sample_ids": IDS, "test_part": test_part, "groups": groups}
    recordings = Recordings(grid=(1, 1, 1), classes=4, read=lambda positions, spec: None, **held)
    return split_samples(spec, recordings, validation=validation, test=test)


def test_every_prefix_has_the_classes_in_proportion():
    order = stratified_order(LABELS, IDS, seed=3)
    assert sorted(order) == list(range(100))
    for n in range(5, 101, 5):
        counts = np.bincount(LABELS[order[:n]], minlength=4)
        assert np.all(np.abs(counts - n * np.array([0.4, 0.2, 0.2, 0.2])) <= 1)


@given(st.integers(0, 2**63 - 1), st.integers(1, 40), st.integers(1, 30))
def test_splits_are_disjoint_and_complete(seed, test, validation):
    parts = split({"seed": seed, "test": test, "validation": validation})
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together) == list(range(100))
    assert (len(parts.test), len(parts.validation)) == (test, validation)


def test_seeds_draw_different_splits_and_the_same_seed_the_same():
    assert np.array_equal(split().test, split().test)
    assert not np.array_equal(split().test, split({"seed": 1}).test)


def test_samples_keep_their_order_when_others_are_missing():
    kept = IDS % 3 != 0
    order = IDS[stratified_order(LABELS, IDS, seed=0)]
    part = IDS[kept][stratified_order(LABELS[kept], IDS[kept], seed=0)]
    for label in range(4):
        whole = [i for i in order if LABELS[i] == label and kept[i]]
        assert [i for i in part if LABELS[i] == label] == whole


def test_too_much_asked_for_is_an_error_that_says_what_there_is():
    official = IDS % 5 == 0
    with pytest.raises(InputError, match=r"asked for 21 test samples, found 20; 'split: pooled'"):
        split({"test": 21}, test_part=official)
    with pytest.raises(InputError, match="needs a test sample, found 0; 'split: pooled'"):
        split(test_part=np.zeros(100, dtype=bool), test=None)
    with pytest.raises(InputError, match=r"asked for 10 validation and 71 training samples, found 80"):
        split({"train": 71})
    with pytest.raises(InputError, match="lower train, validation or test"):
        split({"validation": 80})
    assert len(split({"validation": 79}).train) == 1


def test_what_is_left_beside_a_large_test_part_is_to_evaluate_on_and_not_to_train_on():
    parts = split(test_part=IDS >= 10, test=None)
    assert (sorted(parts.validation), sorted(parts.test), parts.train.tolist()) == ([*range(10)], [*range(10, 100)], [])


SPEAKERS = np.arange(100) % 5  # five speakers of 20 samples, each of 8 of class 0 and 4 of each other


@given(st.integers(0, 2**63 - 1), st.integers(1, 80))
def test_whole_speakers_are_drawn_until_there_are_enough_and_are_in_no_other_split(seed, test):
    parts = split({"seed": seed, "test": test}, groups=SPEAKERS)
    heard = np.unique(SPEAKERS[parts.test])
    drawn = -(-test // 20)
    assert len(parts.test) == test
    assert len(np.unique(parts.test)) == test
    assert len(heard) == drawn
    rest = np.concatenate([parts.train, parts.validation])
    assert sorted(rest) == np.flatnonzero(~np.isin(SPEAKERS, heard)).tolist()
    assert len(parts.validation) == 10


def test_all_samples_of_whole_speakers_are_tested_where_no_number_is_asked_for():
    drawn = [split({"seed": seed}, groups=SPEAKERS, test=None).test for seed in range(4)]
    assert [len(np.unique(SPEAKERS[one])) for one in drawn] == [1] * 4
    assert len({SPEAKERS[one[0]] for one in drawn}) > 1  # the draw depends on the seed
    assert [len(split(groups=SPEAKERS, test=usual).test) for usual in (None, 20, 21)] == [20, 20, 40]


def test_a_speaker_is_left_for_training_and_copies_without_speakers_say_so():
    with pytest.raises(InputError, match="81 test samples need all 5 groups"):
        split({"test": 81}, groups=SPEAKERS)
    with pytest.raises(InputError, match="does not say whom its samples come from"):
        split(kind="speaker")
    with pytest.raises(InputError, match="no official test part; use 'split: pooled'"):
        split(kind="official")

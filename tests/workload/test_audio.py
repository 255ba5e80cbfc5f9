from __future__ import annotations

import numpy as np
import pytest
from small_sounds import wav, word, write_audio
from workload_files import load

from codesign.errors import DataError, InputError
from codesign.workload.dataset import outline_workload
from codesign.workload.datasets.audio import Audio
from codesign.workload.spec import WorkloadSpec


def fingerprint(root, **options):
    return outline_workload(WorkloadSpec(name="audio", **options), data_root=root).fingerprint


def labels(root):
    """{sample id: its label} of all recordings."""
    recordings = Audio().open(root / "audio")
    return dict(zip(recordings.sample_ids.tolist(), recordings.labels.tolist(), strict=True))


def write(root, names, content=None):
    for name in names:
        path = root / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav(word("ah", 0, 0)) if content is None else content)


def test_labels_are_in_the_order_of_numbers_and_then_of_words(tmp_path):
    write(tmp_path, [f"{label}/a_{take}.wav" for label in ("10", "9", "b", "a") for take in range(9)])
    before = labels(tmp_path)
    assert {*before.values()} == {0, 1, 2, 3}
    for name, label in (("9/a_99.wav", 0), ("b/a_99.wav", 3)):
        write(tmp_path, [name])
        after = labels(tmp_path)
        assert after.items() - before.items() == {(*(after.keys() - before.keys()), label)}
        before = after


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("yes/0a7c2a8d_nohash_0.wav", "0a7c2a8d"),
        ("yes/ann_3.wav", "ann"),
        ("yes/yes_ann_3.wav", "ann"),
        ("turn_left/turn_left_ann_3.wav", "ann"),
        ("yes/yes_3.wav", None),
        ("yes_ann_3.wav", "ann"),
        ("yes/ann_b.wav", None),
    ],
)
def test_the_speaker_is_in_the_name(tmp_path, name, speaker):
    others = [f"no/{who}_{take}.wav" for who in ("ann", "0a7c2a8d", "bob") for take in range(3)]
    write(tmp_path, [name, *others])
    recordings = Audio().open(tmp_path / "audio")
    own = recordings.labels == 1
    assert own.sum() == 1
    if speaker is None:
        assert recordings.groups is None
        assert Audio().coverage(recordings) == "10 recordings of 2 labels"
        with pytest.raises(InputError, match="does not say whom its samples come from"):
            load("audio", tmp_path, split="speaker")
    else:
        counts = np.unique(recordings.groups, return_counts=True)[1]
        assert sorted(counts) == [3, 3, 4]
        assert (recordings.groups == recordings.groups[own]).sum() == 4


def test_folders_that_are_no_labels_do_not_matter(tmp_path):
    before = fingerprint(write_audio(tmp_path))
    write(tmp_path, ["_noise/hum.wav", ".git/x.wav", "empty/readme.txt"], b"x")
    assert fingerprint(tmp_path) == before


def test_the_folder_is_the_usual_one_or_the_one_that_is_named(tmp_path):
    write_audio(tmp_path)
    usual = fingerprint(tmp_path)
    (tmp_path / "audio").rename(tmp_path / "mine")
    assert fingerprint(tmp_path, folder="mine") == usual
    with pytest.raises(DataError, match="no recordings in"):
        fingerprint(tmp_path)
    (tmp_path / "fsdd").mkdir()
    (tmp_path / "mine").rename(tmp_path / "fsdd" / "recordings")
    assert fingerprint(tmp_path) == usual


def test_the_highest_frequency_is_an_option(tmp_path):
    root = write_audio(tmp_path)
    narrow = load("audio", root, highest_frequency="1 kHz")
    usual = load("audio", root, highest_frequency="3.6 kHz")
    assert usual.fingerprint == fingerprint(root) != narrow.fingerprint
    ah = narrow.train.labels == 0
    loudest = [workload.train.frame(10).numpy()[ah].argmax(axis=1).mean() for workload in (narrow, usual)]
    assert loudest[0] > loudest[1]
    with pytest.raises(InputError, match=r"highest_frequency: must be greater than or equal to 100"):
        load("audio", root, highest_frequency="8 Hz")


def test_one_label_is_no_workload(tmp_path):
    write(tmp_path, [f"ah/a_{take}.wav" for take in range(3)])
    with pytest.raises(DataError, match="have the label 'ah'; at least 2 are needed"):
        load("audio", tmp_path)

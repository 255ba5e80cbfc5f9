"""The contract that every dataset keeps, asked of a small copy in its real format.

A new dataset gets an entry in `COPIES`: what is known of its copy, which one of `WRITERS` makes.
"""

from __future__ import annotations

import dataclasses
import gzip
import math
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from equality import assert_same
from small_sounds import write_audio
from workload_files import WRITERS, idx, parts, write_arrays, write_cifar10, write_dvsgesture, write_mnist, write_nmnist

from codesign.errors import DataError, InputError
from codesign.workload.dataset import load_workload, outline_workload
from codesign.workload.datasets.registry import dataset_names, get_dataset
from codesign.workload.events import EventBatch
from codesign.workload.spec import WorkloadSpec


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What is known of a small copy.

    Attributes:
        sizes: of training, validation and test where a spec gives none.
        timing: its usual timesteps and seconds of one.
        coverage: what is said of it; None for a whole dataset.
        twins: others that write the same samples in another layout or order.
        file: one of its files, which is needed.
        other: another of its files with other samples.
        test_part: files and folders without which it has no official test part.
        download: what of the published page is named where there is no copy.
        options: that it has beside those of all.
        ids: of the samples of its training part and of its test part, where its files number them.
        label_of: the labels of those ids.
    """

    sizes: tuple[int, int, int]
    timing: tuple[int, float] = (10, 0.01)
    coverage: str | None = None
    twins: tuple[Callable[[Path], object], ...] = ()
    file: str = ""
    other: str = ""
    test_part: tuple[str, ...] = ()
    download: str = ""
    options: dict[str, object] = field(default_factory=dict)
    ids: tuple[list[int], list[int]] | None = None
    label_of: Callable[[np.ndarray], np.ndarray] = lambda ids: ids % 10


IN_PARTS = list(range(40)), list(range(1_000_000, 1_000_010))
"""Numbers of 40 training samples and of 10 for test, as most datasets have them."""


def series_of(stem: str, *, timing: tuple[int, float], whole: tuple[int, int]) -> Copy:
    """Time series, which have so many training and test samples in the whole dataset."""
    name = "_".join(re.findall("[A-Z][a-z]+", stem)).lower()
    return Copy(
        sizes=(33, 7, 10),
        timing=timing,
        coverage=f"40 of {whole[0]} training and 10 of {whole[1]} test series",
        file=f"{name}/{stem}_TRAIN.ts",
        other=f"{name}/{stem}_TEST.ts",
        test_part=(f"{name}/{stem}_TEST.ts",),
        download="pip install --no-deps aeon",
        options={"split": "pooled", "contrast": 0.5},
        ids=IN_PARTS,
        label_of=lambda ids: ids % 4,
    )


COPIES = {
    "arrays": Copy(
        sizes=(33, 7, 10),
        coverage="50 samples of 3 classes, events on 2x4x4 inputs",
        file="arrays/mine.npz",
        other="arrays/other/mine.npz",
        options={"split": "speaker"},
        ids=([n for n in range(50) if n % 5], list(range(0, 50, 5))),
        label_of=lambda ids: ids % 3,
    ),
    "audio": Copy(
        sizes=(42, 9, 9),
        timing=(100, 0.01),
        coverage="60 recordings of 5 labels by 3 speakers",
        twins=(partial(write_audio, reverse=True),),
        file="audio/ah_s0_0.wav",
        other="audio/ee_s0_0.wav",
        download="github.com/Jakobovski/free-spoken-digit-dataset",
        options={"split": "speaker", "highest_frequency": "3 kHz"},
    ),
    "basic_motions": series_of("BasicMotions", timing=(100, 0.1), whole=(40, 40)),
    "cifar10": Copy(
        sizes=(33, 7, 10),
        timing=(1, 0.0),
        coverage="40 of 50,000 training and 10 of 10,000 test images",
        twins=(partial(write_cifar10, layout="npz"),),
        file="cifar10/cifar-10-batches-py/data_batch_1",
        other="cifar10/cifar-10-batches-py/data_batch_2",
        test_part=("cifar10/cifar-10-batches-py/test_batch",),
        download="www.cs.toronto.edu",
        options={"split": "pooled"},
        ids=([*range(25), *range(10_000, 10_015)], list(range(1_000_000, 1_000_010))),
    ),
    "digits": Copy(sizes=(1197, 200, 400), options={"contrast": 0.2}),
    "dvsgesture": Copy(
        sizes=(36, 8, 11),
        timing=(75, 0.02),
        coverage="44 of 1,077 training and 11 of 264 test recordings",
        twins=(partial(write_dvsgesture, reverse=True),),
        file="dvsgesture/DVSGesture/ibmGestureTest/user20_lab/3.npy",
        other="dvsgesture/DVSGesture/ibmGestureTest/user20_lab/4.npy",
        test_part=("dvsgesture/DVSGesture/ibmGestureTest",),
        download="https://figshare.com/ndownloader/files/38022171 and https",
        options={"split": "speaker"},
    ),
    "japanese_vowels": series_of("JapaneseVowels", timing=(29, 6.4e-3), whole=(270, 370)),
    "mnist": Copy(
        sizes=(33, 7, 10),
        coverage="40 of 60,000 training and 10 of 10,000 test images",
        twins=(partial(write_mnist, compressed=False),),
        file="mnist/train-images-idx3-ubyte.gz",
        other="mnist/other-images.gz",
        download="yann.lecun.com",
        options={"split": "pooled", "contrast": 0.2},
        ids=IN_PARTS,
    ),
    "nmnist": Copy(
        sizes=(33, 7, 10),
        coverage="40 of 60,000 training and 10 of 10,000 test recordings",
        twins=(partial(write_nmnist, reverse=True),),
        file="nmnist/NMNIST/Train/0/00001.bin",
        other="nmnist/NMNIST/Train/0/00011.bin",
        test_part=("nmnist/NMNIST/Test",),
        download="10.17632/468j46mzdv.1",
        options={"split": "pooled"},
        ids=(
            [1_000_000 * digit + 10 * n + digit + 1 for digit in range(10) for n in range(4)],
            [10_000_000 + 1_000_000 * digit + digit + 1 for digit in range(10)],
        ),
        label_of=lambda ids: ids // 1_000_000 % 10,
    ),
    "shd": Copy(
        sizes=(33, 7, 10),
        timing=(100, 0.01),
        coverage="40 of 8,156 training and 10 of 2,264 test samples",
        file="shd/SHD/shd_train.h5",
        other="shd/SHD/shd_test.h5",
        test_part=("shd/SHD/shd_test.h5",),
        download="zenkelab.org",
        options={"split": "speaker"},
        ids=IN_PARTS,
        label_of=lambda ids: ids % 20,
    ),
}
IN_FILES = [name for name in COPIES if name in WRITERS]
IN_TIME = [name for name in COPIES if COPIES[name].timing[1]]

every_dataset = pytest.mark.parametrize("name", COPIES)
every_dataset_in_files = pytest.mark.parametrize("name", IN_FILES)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch):
    """No data of an installed package."""
    monkeypatch.setitem(sys.modules, "aeon", None)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for write in WRITERS.values():
        write(folder)
    write_arrays(folder, name="other/mine.npz", labels=np.arange(50) // 20)  # where nothing is looked for
    other = np.full((40, 28, 28), 9)
    (folder / "mnist" / "other-images.gz").write_bytes(gzip.compress(idx(other), mtime=0))
    return folder


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("events")


@pytest.fixture
def load(root, shared_cache):
    def load(name, **options):
        return load_workload(WorkloadSpec(name=name, **options), data_root=root, cache_root=shared_cache)

    return load


@pytest.fixture
def outline(root, shared_cache):
    def outline(name, data_root=root, **options):
        return outline_workload(WorkloadSpec(name=name, **options), data_root=data_root, cache_root=shared_cache)

    return outline


@pytest.fixture
def own(name, root, tmp_path):
    """A data root with a copy of this dataset only, which the test may change."""
    folder = get_dataset(name).folder.split("/")[0]
    shutil.copytree(root / folder, tmp_path / "own" / folder)
    return tmp_path / "own"


def samples(workload):
    """{sample id: its batch of one} of all splits."""
    return {int(i): part.select([k]) for part in parts(workload) for k, i in enumerate(part.sample_ids)}


def test_every_built_in_dataset_is_asked():
    assert dataset_names() == sorted(COPIES)
    assert [get_dataset(name).name for name in COPIES] == list(COPIES)


@every_dataset
def test_splits_are_valid_disjoint_and_have_the_usual_sizes(load, name):
    workload, copy = load(name), COPIES[name]
    assert tuple(map(len, parts(workload))) == copy.sizes
    for part in parts(workload):
        assert (part.timesteps, part.timestep_s) == copy.timing
        assert (part.input_size, part.currents) == (workload.input_size, name == "cifar10")
        assert part.select([0]).grid == EventBatch.concatenate([part, part]).grid == workload.input_grid
        assert part.labels.max() < workload.classes
        assert part.events.min() >= 0 < part.events.sum()
    assert len(samples(workload)) == sum(copy.sizes)
    assert workload.input_size == np.prod(workload.input_grid)
    assert workload.coverage == copy.coverage


@pytest.mark.parametrize("name", [name for name in COPIES if COPIES[name].ids])
def test_ids_and_labels_are_those_of_the_files(load, name):
    workload, copy = load(name), COPIES[name]
    training = [*workload.train.sample_ids, *workload.validation.sample_ids]
    assert (sorted(training), sorted(workload.test.sample_ids)) == copy.ids
    for part in parts(workload):
        assert np.array_equal(part.labels, copy.label_of(part.sample_ids))


@every_dataset
def test_samples_depend_neither_on_the_split_they_are_in_nor_on_how_many_are_asked_for(load, name):
    whole, limited = load(name), load(name, train=9)
    everything, pooled = samples(whole), samples(load(name, split="pooled", train=15, validation=5, test=12, seed=1))
    assert len(pooled) == 32
    assert_same([*pooled.values()], [everything[sample] for sample in pooled])
    assert_same(limited.train, whole.train.select(slice(9)))
    assert_same(limited.validation, whole.validation)
    assert_same(limited.test, whole.test)
    assert len(load(name, test=3, validation=4, train=1).test) == 3


@every_dataset
def test_the_outline_needs_no_events_and_events_from_the_cache_are_the_same(name, root, tmp_path):
    spec, cache = WorkloadSpec(name=name, train=12, validation=5, test=6), tmp_path / "own"
    outline = outline_workload(spec, data_root=root, cache_root=cache)
    assert not (cache / "events").exists()
    fresh = load_workload(spec, data_root=root, cache_root=cache)
    again = load_workload(spec, data_root=root, cache_root=cache)
    assert_same([*parts(fresh)], [*parts(again)])
    for attribute in dataclasses.fields(outline):
        assert getattr(outline, attribute.name) == getattr(fresh, attribute.name) == getattr(again, attribute.name)
    assert len(list((cache / "events").iterdir())) == 1


@every_dataset
def test_every_option_changes_the_fingerprint_and_a_written_default_does_not(outline, name):
    copy = COPIES[name]
    options = [{}, {"seed": 1}, {"train": 5}, {"validation": 5}, {"test": 5}]
    options += [{option: value} for option, value in copy.options.items()]
    if name in IN_TIME:
        options += [{"timesteps": 9}, {"timestep": "5 ms"}]
    assert len({outline(name, **chosen).fingerprint for chosen in options}) == len(options)
    train, validation, test = copy.sizes
    written = {"train": train, "validation": validation, "test": test}
    timing = {"timesteps": copy.timing[0], "timestep": f"{copy.timing[1]} s"}
    assert outline(name, **written, **timing) == outline(name)


@pytest.mark.parametrize("name", IN_TIME)
def test_a_longer_look_begins_like_a_shorter_one_and_impossible_timing_is_refused(load, name):
    sizes = {"train": 5, "validation": 1, "test": 1}
    short, long = load(name, timesteps=4, **sizes), load(name, **sizes)
    for timestep in range(4):
        assert np.array_equal(short.train.frame(timestep).numpy(), long.train.frame(timestep).numpy())
    if get_dataset(name).longest_s < math.inf:  # where silence follows
        with pytest.raises(InputError, match="a sample lasts"):
            load(name, timesteps=1200)
    for timestep in ("0.1 us", "0 s"):
        with pytest.raises(InputError, match="timestep: must be at least"):
            load(name, timestep=timestep)


@every_dataset_in_files
def test_neither_layout_nor_order_and_time_of_writing_matter(load, outline, name, tmp_path):
    spec = WorkloadSpec(name=name, train=12, validation=5)
    first = load(name, train=12, validation=5)
    for number, write in enumerate(COPIES[name].twins):
        twin = tmp_path / str(number)
        write(twin)
        again = load_workload(spec, data_root=twin, cache_root=tmp_path / "cache")
        assert again.fingerprint == first.fingerprint
        assert_same([*parts(again)], [*parts(first)])
        shutil.rmtree(tmp_path / "cache")


@every_dataset_in_files
def test_other_files_do_not_matter_and_a_change_of_a_sample_does(outline, own, name):
    before = outline(name).fingerprint
    for path in [own, *own.rglob("*")]:
        if path.is_dir():
            (path / "readme.txt").write_bytes(b"x")
        else:
            path.with_name(f"._{path.name}").write_bytes(b"x")
    assert outline(name, data_root=own).fingerprint == before
    shutil.copy(own / COPIES[name].other, own / COPIES[name].file)
    assert outline(name, data_root=own).fingerprint != before


@every_dataset_in_files
def test_a_file_that_is_cut_off_is_named(own, name):
    file = own / COPIES[name].file
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 - 1])
    with pytest.raises(DataError, match=r"(download|copy) it again") as caught:
        load_workload(WorkloadSpec(name=name), data_root=own)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", [name for name in COPIES if COPIES[name].test_part])
def test_a_copy_without_a_test_part_can_be_pooled(own, name):
    for below in COPIES[name].test_part:
        shutil.rmtree(own / below) if (own / below).is_dir() else (own / below).unlink()
    with pytest.raises(InputError, match="found 0; 'split: pooled'"):
        load_workload(WorkloadSpec(name=name), data_root=own)
    pooled = load_workload(WorkloadSpec(name=name, split="pooled"), data_root=own)
    assert len(pooled.test) == -(-len(samples(pooled)) // 7)
    assert " and 0 of " in pooled.coverage


@pytest.mark.parametrize(
    ("name", "write_less"),
    [("dvsgesture", partial(write_dvsgesture, train_users=2)), ("audio", partial(write_audio, takes=2))],
)
def test_ids_are_those_of_the_recording_and_not_of_the_copy(load, name, write_less, tmp_path):
    write_less(tmp_path)
    whole = samples(load(name))
    part = samples(load_workload(WorkloadSpec(name=name), data_root=tmp_path))
    assert part.keys() < whole.keys()
    assert_same([*part.values()], [whole[sample] for sample in part])


@every_dataset_in_files
def test_missing_data_says_what_to_download_where_to_and_what_else_to_run(tmp_path, name):
    with pytest.raises(DataError) as caught:
        load_workload(WorkloadSpec(name=name), data_root=tmp_path)
    message, dataset = str(caught.value), get_dataset(name)
    assert COPIES[name].download in message
    assert dataset.download is None or f"codesign data download {name} --data-root {tmp_path}`" in message
    assert str(tmp_path / name) in message
    assert ("`workload: {name: arrays, file: my.npz}`" if name == "arrays" else "'digits'") in message
    status = dataset.status(tmp_path)
    assert status.state == "missing"
    assert str(tmp_path / dataset.folder) in status.detail


@every_dataset_in_files
def test_the_status_says_what_is_there(own, name):
    dataset, copy = get_dataset(name), COPIES[name]
    status = dataset.status(own)
    assert status.state == ("partial" if dataset.complete else "complete")
    assert status.detail.startswith(f"{copy.coverage or f'{sum(copy.sizes)} {dataset.things}'} in {own}")

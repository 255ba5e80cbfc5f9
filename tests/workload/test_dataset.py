"""What every dataset must do, and what loading a workload adds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_sounds import write_audio
from workload_files import write_cifar10, write_dvsgesture, write_mnist, write_nmnist, write_shd

from codesign.errors import DataError, InputError
from codesign.workload.dataset import list_datasets, load_workload, outline_workload
from codesign.workload.spec import WorkloadSpec

SIZES = {
    "audio": (42, 9, 9),
    "cifar10": (33, 7, 10),
    "digits": (1197, 200, 400),
    "dvsgesture": (36, 8, 11),
    "mnist": (33, 7, 10),
    "nmnist": (33, 7, 10),
    "shd": (33, 7, 10),
}
TIMING = {"audio": (100, 0.01), "cifar10": (1, 0.0), "dvsgesture": (75, 0.02), "shd": (100, 0.01)}
IN_TIME = [name for name in SIZES if name != "cifar10"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_audio(folder)
    write_mnist(folder)
    write_nmnist(folder)
    write_shd(folder)
    write_dvsgesture(folder)
    write_cifar10(folder)
    return folder


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("events")


@pytest.fixture
def load(root, shared_cache):
    def load(name, **options):
        return load_workload(WorkloadSpec(name=name, **options), data_root=root, cache_root=shared_cache)

    return load


def parts(workload):
    return workload.train, workload.validation, workload.test


def same(a, b):
    fields = ("offsets", "indices", "values", "labels", "sample_ids")
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields)


@pytest.mark.parametrize("name", SIZES)
class TestEveryDataset:
    def test_splits_are_valid_disjoint_and_have_the_usual_sizes(self, load, name):
        workload = load(name)
        assert tuple(map(len, parts(workload))) == SIZES[name]
        for part in parts(workload):
            assert (part.timesteps, part.timestep_s) == TIMING.get(name, (10, 0.01))
            assert (part.input_size, part.currents) == (workload.input_size, name == "cifar10")
            assert part.labels.max() < workload.classes
            assert part.events.sum() > 0
        ids = np.concatenate([part.sample_ids for part in parts(workload)])
        assert len(np.unique(ids)) == sum(SIZES[name])
        assert workload.input_size == np.prod(workload.input_grid)

    def test_samples_do_not_depend_on_the_split_they_are_in(self, load, name):
        a, b = load(name, split="pooled", test=10), load(name, split="pooled", test=12, seed=1)
        compared = 0
        for part in parts(b):
            for position, sample_id in enumerate(part.sample_ids[:20]):
                for other in parts(a):
                    for found in np.flatnonzero(other.sample_ids == sample_id):
                        assert same(other.select([found]), part.select([position]))
                        compared += 1
        assert compared > 20

    def test_limits_keep_the_first_of_the_whole(self, load, name):
        whole, limited = load(name), load(name, train=9)
        assert same(limited.train, whole.train.select(slice(9)))
        assert same(limited.validation, whole.validation)
        assert same(limited.test, whole.test)
        assert len(load(name, test=3, validation=4).test) == 3

    def test_events_from_the_cache_are_the_same(self, load, name, root, tmp_path):
        spec = WorkloadSpec(name=name, train=12, validation=5, test=6)
        fresh = load_workload(spec, data_root=root, cache_root=tmp_path / "own")
        again = load_workload(spec, data_root=root, cache_root=tmp_path / "own")
        assert all(same(a, b) for a, b in zip(parts(fresh), parts(again), strict=True))
        assert fresh.fingerprint == again.fingerprint
        assert len(list((tmp_path / "own" / "events").iterdir())) == 1

    def test_the_outline_is_that_of_the_workload_and_needs_no_events(self, load, name, root, tmp_path):
        outline = outline_workload(WorkloadSpec(name=name), data_root=root, cache_root=tmp_path / "own")
        workload = load(name)
        for field in dataclasses.fields(outline):
            assert getattr(outline, field.name) == getattr(workload, field.name)
        assert not (tmp_path / "own" / "events").exists()

    def test_every_option_changes_the_fingerprint(self, name, root, shared_cache):
        options = [
            {},
            {"seed": 1},
            {"train": 5},
            {"validation": 5},
            {"test": 5},
        ]
        if name in IN_TIME:
            options += [{"timesteps": 9}, {"timestep": "9 ms"}]
        if name in ("digits", "mnist"):
            options.append({"contrast": 0.2})
        if name in ("audio", "shd", "dvsgesture"):
            options.append({"split": "speaker"})
        if name == "audio":
            options.append({"highest_frequency": "3 kHz"})
        if name not in ("audio", "digits"):
            options.append({"split": "pooled"})
        found = {
            outline_workload(WorkloadSpec(name=name, **chosen), data_root=root, cache_root=shared_cache).fingerprint
            for chosen in options
        }
        assert len(found) == len(options)

    def test_writing_out_a_default_does_not_change_the_fingerprint(self, name, root, shared_cache):
        train, validation, test = SIZES[name]
        timesteps, timestep_s = TIMING.get(name, (10, 0.01))
        timing = {"timesteps": timesteps, "timestep": f"{timestep_s} s"}
        written = WorkloadSpec(name=name, train=train, validation=validation, test=test, **timing)
        left_out = WorkloadSpec(name=name)
        assert outline_workload(written, data_root=root, cache_root=shared_cache) == outline_workload(
            left_out, data_root=root, cache_root=shared_cache
        )


@pytest.mark.parametrize("name", IN_TIME)
def test_a_longer_look_begins_like_a_shorter_one(load, name):
    short, long = load(name, timesteps=4, train=5), load(name, train=5)
    for timestep in range(4):
        assert np.array_equal(short.train.frame(timestep).numpy(), long.train.frame(timestep).numpy())


@pytest.mark.parametrize("name", IN_TIME)
def test_impossible_timing_is_refused(load, name):
    if name != "audio":  # where silence follows
        with pytest.raises(InputError, match="a sample lasts"):
            load(name, timesteps=1200)
    for timestep in ("0.1 us", "0 s"):
        with pytest.raises(InputError, match="timestep must be at least"):
            load(name, timestep=timestep)


def test_changed_options_are_not_served_from_the_cache(load):
    fine, coarse = load("digits", contrast=0.2), load("digits", contrast=0.8)
    assert fine.train.events.sum() > 2 * coarse.train.events.sum()


def test_changed_files_are_not_served_from_the_cache(tmp_path):
    spec = WorkloadSpec(name="mnist")
    write_mnist(tmp_path, train=40)
    before = load_workload(spec, data_root=tmp_path, cache_root=tmp_path / "c")
    write_mnist(tmp_path, train=50)
    after = load_workload(spec, data_root=tmp_path, cache_root=tmp_path / "c")
    assert len(after.train) + len(after.validation) == 50
    assert before.fingerprint != after.fingerprint


def test_a_damaged_cache_file_is_filled_again(tmp_path, root):
    spec = WorkloadSpec(name="nmnist")
    first = load_workload(spec, data_root=root, cache_root=tmp_path / "c")
    (file,) = (tmp_path / "c" / "events").iterdir()
    file.write_bytes(file.read_bytes()[:200])
    again = load_workload(spec, data_root=root, cache_root=tmp_path / "c")
    assert same(first.train, again.train)
    assert file.stat().st_size > 200


def test_the_events_do_not_need_a_cache_that_can_be_written(tmp_path, load):
    (tmp_path / "file").write_text("")
    workload = load_workload(WorkloadSpec(name="digits"), cache_root=tmp_path / "file")
    assert same(workload.test, load("digits").test)


def test_digits_have_a_few_percent_of_active_inputs(load):
    workload = load("digits")
    active = len(workload.train.indices) / (len(workload.train) * 10 * workload.input_size)
    assert 0.03 < active < 0.10


def test_digits_can_be_told_apart_from_their_summed_frames(load):
    from sklearn.linear_model import RidgeClassifier

    workload = load("digits")
    train, test = (sum(part.frame(t) for t in range(10)).numpy() for part in (workload.train, workload.test))
    assert RidgeClassifier(alpha=10.0).fit(train, workload.train.labels).score(test, workload.test.labels) > 0.9


def test_options_of_other_datasets_are_refused(load):
    with pytest.raises(InputError, match="split 'official' does not exist; allowed: pooled"):
        load("digits", split="official")
    with pytest.raises(InputError, match="contrast is an option of the simulated camera"):
        load("nmnist", contrast=0.5)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("mnist", "yann.lecun.com"),
        ("nmnist", "10.17632/468j46mzdv.1"),
        ("shd", "zenkelab.org"),
        ("dvsgesture", "research.ibm.com"),
        ("cifar10", "www.cs.toronto.edu"),
    ],
)
def test_missing_data_says_what_to_download_where_to_and_what_else_to_run(tmp_path, name, where):
    with pytest.raises(DataError) as caught:
        load_workload(WorkloadSpec(name=name), data_root=tmp_path / "nothing")
    message = str(caught.value)
    assert where in message
    assert f"codesign data download {name}" in message
    assert str(tmp_path / "nothing" / name) in message
    assert "'digits'" in message


def test_unknown_names_get_a_suggestion():
    with pytest.raises(InputError, match=r"unknown dataset 'nmist'; did you mean 'n?mnist'\? allowed: audio, cifar10"):
        load_workload(WorkloadSpec(name="nmist"))


def test_the_list_says_what_is_there(root, tmp_path):
    assert {status.name: status.state for status in list_datasets(root)} == {
        "audio": "complete",
        "cifar10": "partial",
        "digits": "embedded",
        "dvsgesture": "partial",
        "mnist": "partial",
        "nmnist": "partial",
        "shd": "partial",
    }
    missing = {status.name: status for status in list_datasets(tmp_path / "nothing")}
    assert {name for name in missing if missing[name].state == "missing"} == set(SIZES) - {"digits"}
    assert str(tmp_path / "nothing" / "nmnist" / "NMNIST") in missing["nmnist"].detail


def test_data_root_and_cache_root_come_from_the_environment(root, tmp_path, monkeypatch):
    monkeypatch.setenv("CODESIGN_DATA", str(root))
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "elsewhere"))
    assert len(load_workload(WorkloadSpec(name="nmnist")).test) == 10
    assert (tmp_path / "elsewhere" / "events").is_dir()


FINGERPRINTS = {
    "e8f687ab6bd808ca7a39300dd2abc3417814a4469bca67c331b8e6a6e1c8f351": {},
    "efef8643f4212d7549623199470ab3e5e2d8badc6cd565f2b72a882cca842c6b": {
        "timesteps": 9,
        "seed": 2,
        "contrast": 0.3,
        "train": 50,
    },
}


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_fingerprints_stay_what_stores_know(fingerprint):
    """Under these, stores already hold trained models; where one has to change, raise `BINNING_VERSION`."""
    spec = WorkloadSpec(name="digits", **FINGERPRINTS[fingerprint])
    assert outline_workload(spec).fingerprint == fingerprint

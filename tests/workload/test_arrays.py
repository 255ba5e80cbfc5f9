"""Data of one's own: arrays in memory and in files, by hand; and what they must not be."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from equality import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import dense
from workload_files import entries, parts, write_arrays

from codesign.errors import DataError, InputError
from codesign.workload.dataset import load_workload
from codesign.workload.datasets import event_folder
from codesign.workload.datasets.base import Recordings
from codesign.workload.datasets.reading import number_of
from codesign.workload.events import EventBatch
from codesign.workload.spec import WorkloadSpec

FRAMES = (np.arange(40 * 3 * 2 * 2 * 2).reshape(40, 3, 2, 2, 2) * 7 % 5 - 3).clip(0).astype(np.uint8)
LABELS = np.arange(40) % 2
DENSE = {"data": FRAMES, "labels": LABELS, "timestep_s": 1e-3}


def load(file, **options):
    return load_workload(WorkloadSpec(name="arrays", file=str(file), **options), cache_root=file.parent / "cache")


@pytest.fixture
def write(tmp_path):
    def write(name="mine.npz", **content):
        if name.endswith(".npz"):
            np.savez_compressed(tmp_path / name, **content)
        else:
            with h5py.File(tmp_path / name, "w") as file:
                for key, value in content.items():
                    file[key] = value
        return tmp_path / name

    return write


# in memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "grid"), [((8,), (1, 1, 8)), ((2, 4), (1, 2, 4)), ((2, 2, 2), (2, 2, 2))])
def test_dense_frames_lie_on_the_grid_of_their_shape(shape, grid):
    frames = FRAMES.reshape(40, 3, *shape)
    batch = EventBatch.from_dense(frames, LABELS, timestep_s=1e-3)
    assert batch.grid == grid
    assert np.array_equal(dense(batch), FRAMES.reshape(40, 3, 8))
    time_first = torch.from_numpy(frames).transpose(0, 1).bfloat16()
    labels = torch.from_numpy(LABELS)
    with pytest.raises(InputError, match="samples come first, then timesteps; from_torch takes time_first=True"):
        EventBatch.from_torch(time_first, labels, timestep_s=1e-3)
    assert_same(EventBatch.from_torch(time_first, labels, timestep_s=1e-3, time_first=True), batch)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(frames), labels), batch_size=7)
    dataset = type("Batches", (torch.utils.data.IterableDataset,), {"__iter__": lambda _: iter(loader)})()
    assert_same(EventBatch.from_torch(dataset, timestep_s=1e-3), batch)
    with pytest.raises(InputError, match="batches differ in"):
        EventBatch.from_torch([*loader, (loader.dataset[:1][0][:, :2], [0])], timestep_s=1e-3)


EVENTS = {
    "t": np.array([0, 999, 1000, 500, 2999, 3000]),
    "x": np.array([0, 1, 1, 2, 2, 0]),
    "y": np.array([0, 0, 0, 1, 1, 0]),
}


@pytest.mark.filterwarnings("ignore:t. .*left out")
def test_events_are_counted_by_timestep_and_input():
    """Two samples of three timesteps of 1 ms on 2 rows and 3 columns; the last event comes too late."""
    by_hand = np.zeros((2, 3, 6))
    by_hand[0, 0, 0] = by_hand[0, 0, 1] = by_hand[0, 1, 1] = by_hand[1, 0, 5] = by_hand[1, 2, 5] = 1
    sizes = {"timestep_s": 1e-3, "timesteps": 3}
    late = r"^t: 16.7 % of the events come after the 3 timesteps of 1 ms and are left out; t counts from the beginning"
    with pytest.warns(match=late):
        batch = EventBatch.from_events(EVENTS, np.array([4, 2]), offsets=np.array([0, 3, 6]), grid=(2, 3), **sizes)
    assert np.array_equal(dense(batch), by_hand)
    for kind in (np.float64, np.float16):
        seconds = {"t": (EVENTS["t"] / 1e6).astype(kind), "unit": EVENTS["y"] * 3 + EVENTS["x"]}
        again = EventBatch.from_events(seconds, np.array([4, 2]), offsets=np.array([0, 3, 6]), grid=(2, 3), **sizes)
        assert_same(again, batch)

    columns = [EVENTS["x"], EVENTS["y"], np.array([0, 1, 1, 0, 0, 1]), EVENTS["t"]]
    table = np.rec.fromarrays(columns, names="x,y,p,t").view(np.ndarray)
    samples = [(table[:3], 4), (table[3:], 2)]
    with pytest.raises(InputError, match="no sensor_size"):
        EventBatch.from_tonic(samples, **sizes)

    class Dataset(list):
        sensor_size = (3, 2, 2)

    with_polarity = EventBatch.from_tonic(Dataset(samples), **sizes)
    assert (with_polarity.grid, with_polarity.labels.tolist()) == ((2, 2, 3), [4, 2])
    assert np.array_equal(dense(with_polarity).reshape(2, 3, 2, 6).sum(axis=2), by_hand)
    assert with_polarity.frame(0)[0].nonzero().ravel().tolist() == [0, 7]
    without_rows = table[["t", "x", "p"]].copy()  # as tonic has sound

    class Sound(list):
        sensor_size = (3, 1, 1)

    heard = EventBatch.from_tonic(Sound([(without_rows[:3], 4), (without_rows[3:], 2)]), **sizes)
    assert np.array_equal(dense(heard), by_hand.reshape(2, 3, 2, 3).sum(axis=2))
    with pytest.raises(InputError, match="sample 0: events: need columns with names, "):
        EventBatch.from_tonic(Dataset([(torch.ones(3, 2, 2, 3), 4)]), **sizes)
    table["t"] += 3000
    with pytest.raises(InputError, match="t: no event comes in the 3 timesteps of 1 ms of a sample"):
        EventBatch.from_tonic(Dataset([(table[:3], 4), (table[3:], 2)]), **sizes)


def test_times_in_milliseconds_are_told():
    """As µs, they all lie in the first timestep."""
    milliseconds = {"t": np.array([0, 12, 30, 5, 44]), "unit": np.zeros(5, int)}
    sizes = {"grid": (1,), "timestep_s": 1e-2, "timesteps": 5}
    with pytest.warns(match="^t: no event comes after the first of the 5 timesteps of 10 ms; t counts from the"):
        EventBatch.from_events(milliseconds, np.array([0, 1]), offsets=np.array([0, 3, 5]), **sizes)


def test_times_of_float32_are_the_decimals_that_they_stand_for(write):
    """An event in each of 9,000 timesteps of 1 ms: a third of the times lie below theirs, and 11 float32(1 ms) above 11
    ms."""
    steps = np.arange(9000)
    held = {"unit": steps * 0, "offsets": [0, 9000, 9000], "grid": [1], "labels": [0, 1]}
    seconds, float32 = np.float32(1e-3), (steps * 1e-3).astype(np.float32)
    for t, timestep_s in ((float32, 1e-3), (float32, seconds), (1000 * steps, seconds)):
        of = {name: held[name] for name in ("offsets", "grid")}
        events = {"t": t, "unit": held["unit"]}
        made = EventBatch.from_events(events, [0, 1], **of, timestep_s=timestep_s, timesteps=9000)
        workload = load(write(**held, t=t, timestep_s=timestep_s, timesteps=9000, split=["test"] * 2))
        for batch in (made, workload.test):
            assert (batch.timestep_s, batch.values.tolist()) == (1e-3, [1] * 9000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t": EVENTS["t"] - 1}, "t: event 0 is at -1 µs; must be between 0"),
        ({"t": np.where(EVENTS["t"] == 500, np.nan, 1.0)}, "t: event 3 is at nan s"),
        ({"x": EVENTS["x"] + 1}, "x: event 3 has 3, outside 0 … 2 of the grid"),
        ({"y": None}, r"need 'unit' or, on the grid \(1, 2, 3\), y, x; found t, x"),
        ({"grid": (3,)}, "y: event 3 has 1, outside 0 … 0 of the grid"),
        ({"t": None}, "'t' among them, found x, y|need columns"),
        ({"grid": (1, 2, 3, 4)}, "grid: must be"),
        ({"t": EVENTS["t"] + 3e3}, "t: no event comes in the 3 timesteps of 1 ms .* floating-point seconds"),
    ],
)
def test_events_that_cannot_be_are_refused(changes, message):
    content = {**EVENTS, "offsets": np.array([0, 3, 6]), "grid": (2, 3), "timestep_s": 1e-3, **changes}
    options = {name: content.pop(name) for name in ("offsets", "grid", "timestep_s")}
    events = {name: column for name, column in content.items() if column is not None}
    with pytest.raises(InputError, match=message):
        EventBatch.from_events(events, np.array([4, 2]), timesteps=3, **options)


# in files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mine.npz", "mine.h5"])
def test_dense_samples_of_a_file_are_those_that_it_holds(write, name):
    """Counts and currents, in parts of its own with sizes that nobody would draw, whichever timesteps are asked for."""
    split = np.array(["test", "validation", *["train"] * 2] * 10, dtype="S10")
    file = write(name, **DENSE, split=split, classes=5)
    whole, short = load(file), load(file, timesteps=2, validation=3)
    assert load(write(f"copy_{name}", **DENSE, split=split, classes=5)).fingerprint == whole.fingerprint
    assert (whole.classes, whole.timesteps, whole.timestep_s, whole.input_grid) == (5, 3, 1e-3, (2, 2, 2))
    for part, place in zip(parts(whole), (b"train", b"validation", b"test"), strict=True):
        assert sorted(part.sample_ids) == np.flatnonzero(split == place).tolist()
        assert np.array_equal(dense(part), FRAMES.reshape(40, 3, 8)[part.sample_ids])
        assert np.array_equal(part.labels, part.sample_ids % 2)
    assert (short.timesteps, len(short.train), len(short.validation)) == (2, 20, 3)
    assert np.array_equal(dense(short.train), FRAMES.reshape(40, 3, 8)[short.train.sample_ids, :2])
    with pytest.raises(InputError, match="asked for 11 validation samples, found 10"):
        load(file, validation=11)
    pooled = load(file, split="pooled")
    assert [load(file).official, pooled.official] == [True, False]
    assert len(pooled.test) == 6

    still = load(write(f"still_{name}", data=FRAMES[:, :1] - 0.5, labels=LABELS, timestep_s=0.0, currents=True))
    assert still.currents
    assert still.test.currents
    assert still.timestep_s == 0
    assert np.array_equal(dense(still.test)[:, 0], FRAMES.reshape(40, 3, 8)[still.test.sample_ids, 0] - 0.5)


@pytest.mark.filterwarnings("ignore:t. .*left out")
@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_lists_of_a_file_are_binned_as_those_in_memory(seed):
    """Samples of any lengths, none at all too, in any order of their events."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, size=12)
    offsets, events = np.concatenate([[0], np.cumsum(counts)]), int(counts.sum())
    content = {"t": rng.integers(0, 5000, events), "unit": rng.integers(0, 9, events)}
    labels, sizes = np.arange(12) % 3, {"timestep_s": 1e-3, "timesteps": 4}
    whole = EventBatch.from_events(content, labels, offsets=offsets, grid=(9,), **sizes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.npz"
        np.savez(file, **content, **sizes, offsets=offsets, labels=labels, grid=9)
        for part in parts(load(file)):
            assert_same(part, whole.select(part.sample_ids))


ONE_NAN = np.where(np.arange(FRAMES.size).reshape(FRAMES.shape) == 100, np.nan, FRAMES)


@pytest.mark.parametrize(
    ("form", "changes", "message"),
    [
        ("dense", {"data": FRAMES[:, 0, 0, 0]}, r"data: must be numbers of shape .* of shape \(40, 2\)"),
        ("dense", {"data": np.asfortranarray(FRAMES)}, "data.npy is stored column by column"),
        ("dense", {"data": ONE_NAN}, r"data: sample 4, timestep 0, input \(1, 0, 0\) is nan; must be finite"),
        ("dense", {"data": FRAMES.astype(np.int8) - 1}, "sample .* is -1; events are counted in whole numbers"),
        ("dense", {"data": np.array([{}] * 40)}, "Python objects|Object arrays"),
        ("dense", {"labels": LABELS - 1}, "labels: sample 0 has -1, outside 0 … 99,999"),
        ("dense", {"labels": LABELS * 0}, "at least 2 classes"),
        ("dense", {"labels": LABELS[:39]}, r"labels: must be \(40,\) whole numbers, found int64 of shape \(39,\)"),
        ("dense", {"split": np.array(["train", "tset"] * 20)}, "split: must be .* found .*tset"),
        ("dense", {"lables": LABELS}, "unknown array 'lables'; did you mean 'labels'"),
        ("dense", {"t": LABELS}, "either data or t"),
        ("lists", {"offsets": np.arange(51)}, "offsets: must be whole numbers that rise from 0"),
        ("lists", {"grid": (2, 4, 3)}, "sample 3: x: event 0 has 3, outside 0 … 2"),
        ("lists", {"grid": None}, "needs labels, and either data or"),
        ("lists", {"p": None}, r"on the grid \(2, 4, 4\), p, y, x"),
        (
            "lists",
            {"t": 1_600_000_000_000_000 + np.arange(500)},
            "no event comes in .* t counts from the beginning of i",
        ),
    ],
)
def test_files_that_cannot_be_are_refused_by_name(write, tmp_path, form, changes, message):
    lists = form == "lists"
    file = write_arrays(tmp_path, **changes) / "arrays/mine.npz" if lists else write(**{**DENSE, **changes})
    with pytest.raises(DataError, match=message) as caught:
        load(file)
    assert str(file) in str(caught.value)


def test_timing_that_a_file_does_not_say_is_asked_for(write, tmp_path):
    untimed = write(data=FRAMES, labels=LABELS)
    with pytest.raises(
        InputError, match=r"timestep: mine.npz lacks timestep_s; write it there, or give such as 'timestep: 10 ms'"
    ):
        load(untimed)
    assert load(untimed, timestep="2 ms").timestep_s == 0.002
    with pytest.raises(InputError, match="timestep: must be that of the file's frames, 1 ms, found 2 ms"):
        load(write(**DENSE), timestep="2 ms")
    with pytest.raises(InputError, match="timesteps: must be at most those of the file, 3, found 4"):
        load(write(**DENSE), timesteps=4)
    with pytest.raises(InputError, match=r"timesteps: mine.npz lacks timesteps; write it"):
        load(write_arrays(tmp_path, timesteps=None) / "arrays" / "mine.npz")
    with pytest.raises(InputError, match="file: is no option of 'digits'; remove it"):
        load_workload(WorkloadSpec(name="digits", file="mine.npz"))


def test_a_file_that_changes_while_it_is_read_is_refused_and_nothing_of_it_kept(write, monkeypatch):
    file, batch = write(**DENSE), Recordings.batch

    def changing(*arguments):
        write(**{**DENSE, "data": FRAMES[::-1]})
        return batch(*arguments)

    monkeypatch.setattr(Recordings, "batch", changing)
    with pytest.raises(DataError, match=r"workload 'arrays': its files in .*mine\.npz changed while they were read"):
        load(file)
    monkeypatch.undo()
    kept = load(write(**DENSE)).test
    assert_same(kept, load_workload(WorkloadSpec(name="arrays", file=str(file)), cache_root=file.parent / "new").test)


def test_what_a_file_claims_takes_no_memory(tmp_path, monkeypatch):
    """A zip of kilobytes that says it holds terabytes, or numbers that it does not hold."""
    file = tmp_path / "mine.npz"
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 9), }"
    for rows, message in ((2**60, "data.npy has .* bytes, not those of"), (2**61, ".")):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data.npy", (header % rows).ljust(127) + b"\n" + bytes(1000))
        with pytest.raises(DataError, match=message):
            load(file)
    monkeypatch.setattr("codesign.workload.datasets.arrays._MOST_ENTRIES", 50)
    np.savez(file, **DENSE)
    with pytest.raises(DataError, match=r"more than 50 numbers other than 0.* fewer samples or timesteps"):
        load(file)
    monkeypatch.setattr("codesign.workload.datasets.array_file._MOST_AT_ONCE", 20)
    with pytest.raises(DataError, match=r"data.npy has 24 bytes a sample"):
        load(file)


def test_hdf5_that_takes_from_other_files_is_refused(write, tmp_path):
    write("elsewhere.h5", data=FRAMES)
    file = write("mine.h5", labels=LABELS)
    for link in (h5py.ExternalLink("elsewhere.h5", "data"), h5py.SoftLink("/labels")):
        with h5py.File(file, "a") as content:
            content["data"] = link
        with pytest.raises(DataError, match="data must be an array in this file itself"):
            load(file)
        with h5py.File(file, "a") as content:
            del content["data"]
    virtual = h5py.VirtualLayout(FRAMES.shape, FRAMES.dtype)
    virtual[:] = h5py.VirtualSource(tmp_path / "elsewhere.h5", "data", FRAMES.shape)
    with h5py.File(file, "a") as content:
        content.create_virtual_dataset("data", virtual)
    with pytest.raises(DataError, match="data must be an array in this file itself"):
        load(file)


def chunk_of(content, filters, mask=0):
    """A chunk of a few bytes by its own word that inflates to 64 MiB."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk(FRAMES.shape)
    for filter_ in filters:
        getattr(settings, f"set_{filter_}")(*([9] if filter_ == "deflate" else []))
    space = h5py.h5s.create_simple(FRAMES.shape)
    held = h5py.h5d.create(content.id, b"data", h5py.h5t.NATIVE_UINT8, space, dcpl=settings)
    held.write_direct_chunk((0,) * FRAMES.ndim, zlib.compress(bytes(1 << 26)), mask)


@pytest.mark.parametrize(
    ("filters", "mask", "message"),
    [
        (["deflate"], 0, "a compressed chunk holds more numbers than it may"),
        (["shuffle", "deflate"], 1, "a compressed chunk holds more numbers than it may"),  # not shuffled
        (["deflate", "deflate"], 0, r"data: must be uncompressed, or filtered by gzip, .* each once, found .*\[1, 1\]"),
    ],
)
def test_what_a_compressed_chunk_holds_is_found_before_it_is_inflated(write, filters, mask, message):
    file = write("mine.h5", labels=LABELS, timestep_s=1e-3)
    with h5py.File(file, "a") as content:
        chunk_of(content, filters, mask)
    with pytest.raises(DataError, match=message):
        load(file)


def test_texts_that_all_are_one_long_text_are_not_copied(write):
    file = write("mine.h5", **DENSE)
    with h5py.File(file, "a") as content:
        texts = content.create_dataset("split", (100_000,), h5py.string_dtype(), chunks=(100_000,))
        texts[0] = "train" * 100_000  # 50 GB, if each were read
        reference = texts.id.read_direct_chunk((0,))[1][:16]
        texts.id.write_direct_chunk((0,), reference * 100_000)
    with pytest.raises(DataError, match=r"a text has 500,000 bytes, more than 64"):
        load(file)


# in folders ----------------------------------------------------------------------------------------------------------


def write_folder(root, parts=("train", "test"), settings="grid: [2, 2, 3]\ntimestep: 1 ms\ntimesteps: 3\n"):
    """Four recordings a part, of labels 9 and 10; each begins late, and has as many events as its number says."""
    for part in parts:
        for number in range(1, 5):
            events = np.zeros(number, dtype=[("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
            events["t"], events["x"], events["p"] = 5_000_000 + 1000 * np.arange(number), number % 3, number % 2
            path = root / part / str(9 + number % 2) / f"{number}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, events)
    (root / "arrays.yaml").write_text(settings, encoding="utf-8")
    return root


def test_recordings_in_folders(tmp_path):
    """Labels are numbers, so 9 comes before 10, and the fourth event of a recording comes after the last timestep."""
    workload = load(write_folder(tmp_path / "mine"))
    assert (workload.input_grid, workload.classes, workload.timesteps) == ((2, 2, 3), 2, 3)
    assert sorted(workload.test.labels) == [0, 0, 1, 1]
    assert sorted(workload.test.events) == [1, 2, 3, 3]
    assert (workload.test.labels == workload.test.events % 2)[workload.test.events < 3].all()
    (one,) = np.flatnonzero(workload.test.events == 1)
    assert workload.test.frame(0)[one].nonzero().ravel().tolist() == [6 + 1]
    pooled = load(write_folder(tmp_path / "no parts", parts=[""]), timesteps=4)
    assert sorted(np.concatenate([part.events for part in parts(pooled)])) == [1, 2, 3, 4]


def test_a_recording_of_a_camera(tmp_path, monkeypatch):
    """As a DVXplorer writes it, in two packets: 1.7·10⁹ s after 1970, and 0.5 and 2 ms later, events at the x, y and p
    (1, 0, 1), (2, 1, 0) and (0, 1, 1)."""
    pytest.importorskip("aedat")
    folder = write_folder(tmp_path / "mine")
    shutil.copy(Path(__file__).with_name("camera.aedat4"), folder / "test/10/0.aedat4")
    assert entries(load(folder), number_of("test/10/0.aedat4")) == [(0, 5, 1), (0, 7, 1), (2, 9, 1)]
    whole = (folder / "test/10/0.aedat4").read_bytes()
    (folder / "test/10/0.aedat4").write_bytes(whole[:50] + whole[60:])
    with pytest.raises(DataError, match=r"0\.aedat4: cannot be read as a recording"):
        load(folder, timesteps=4)
    (folder / "test/10/0.aedat4").write_bytes(whole)
    monkeypatch.setattr(event_folder, "MOST_EVENTS", 2)
    with pytest.raises(DataError, match=r"0\.aedat4: cannot be read .*more than 2 events"):
        load(folder, timesteps=2)


def test_events_that_timesteps_leave_out_are_told(tmp_path):
    """Recordings of 1 to 4 events, 1 ms apart: 2 of 20 come after 3 ms, 6 of 20 after 2 ms."""
    folder, same = write_folder(tmp_path / "mine"), "4 of 4 test samples equal one for training or validation; "
    for timesteps, share in ((3, "10.0"), (2, "30.0")):
        workload = load(folder, timesteps=timesteps, validation=1)
        assert workload.left_out == (
            f"{same}{share} % of the events come after the {timesteps} timesteps of 1 ms and are left out"
        )
        assert workload.coverage == f"8 samples of 2 classes, events on 2x2x3 inputs; {workload.left_out}"
    padded = f"{same}on average, the last 1.5 of a sample's 4 timesteps are empty, but run like others"
    assert load(folder, timesteps=4).left_out == padded
    assert load(folder, timesteps=8).left_out == f"{same}no event comes after the first 4 of the 8 timesteps of 1 ms"


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        ((4, 4, 4, 4), ""),
        ((2, 2, 2, 2), "no event comes after the first 2 of the 4 timesteps of 1 ms"),
        ((4, 3, 2, 1), "on average, the last 1.5 of a sample's 4 timesteps are empty, but run like others"),
    ],
)
def test_silence_behind_recordings_is_told(lengths: tuple[int, ...], told: str, write):
    frames = (np.arange(4) < np.array(2 * lengths)[:, None]) * np.arange(1, 9)[:, None]
    file = write(data=frames[:, :, None].astype(float), labels=np.arange(8) % 2, timestep_s=1e-3)
    assert load(file, test=2, validation=2).left_out == told


def test_labels_that_leave_classes_empty_are_told(write):
    """Labels from 1 make a class 0 that no sample has."""
    file = write(data=1 + np.arange(48).reshape(8, 2, 3), labels=1 + np.arange(8) % 2, timestep_s=1e-3)
    workload = load(file, test=2, validation=2)
    assert workload.left_out == "1 of 3 classes, counted from 0, without samples: 0"
    assert workload.coverage == f"8 samples of 3 classes, events on 1x1x3 inputs; {workload.left_out}"


def test_classes_and_samples_that_spoil_a_test_are_told(write):
    """No sample of class 1 is trained on, none of class 2 tested, and the last test sample is the first for training.
    Samples without events are no repetition."""
    data = 1 + np.arange(10).reshape(10, 1, 1)
    data[[2, 9]], data[8] = 0, 1
    split = np.repeat(["train", "validation", "test"], [4, 2, 4])
    file = write(data=data, labels=[0, 2, 0, 2, 0, 2, 0, 0, 1, 1], split=split, timestep_s=1e-3)
    assert load(file).left_out == (
        "1 of 3 classes, counted from 0, without training samples: 1; 1 of 3 classes, counted from 0, without test "
        "samples: 2; 1 of 4 test samples equal one for training or validation"
    )


def test_another_timestep_leaves_a_sample_as_long_as_the_file_says(write):
    events = {"t": 1000 * np.arange(8), "unit": np.arange(8) % 3, "offsets": np.array([0, 4, 8, 8, 8]), "grid": [3]}
    file = write(**events, labels=np.arange(4) % 2, timestep_s=1e-3, timesteps=9)
    told = [load(file, timestep=f"{ms} ms").timesteps for ms in (0.5, 1, 2, 3, 20)]
    assert told == [18, 9, 5, 3, 1]
    assert load(file, timestep="2 ms", timesteps=9).timesteps == 9
    dense = write("dense.npz", **DENSE)
    assert load(dense, timestep="1 ms").timesteps == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: root.rename(f"{root}s") and root.mkdir(), r"yaml\. Name such a file or folder, as in"),
        (lambda root: (root / "arrays.yaml").unlink(), "arrays.yaml: is missing"),
        (lambda root: (root / "arrays.yaml").write_text("grid: [2, 2, 2]"), "timestep: arrays.yaml lacks timestep;"),
        (lambda root: (root / "arrays.yaml").write_text("grid: [2, 2, 2, 2]"), r"arrays.yaml: grid: must be"),
        (lambda root: np.save(root / "train/9/2.npy", np.zeros((3, 4))), "2.npy: must be a structured array"),
        (lambda root: (root / "train/9/2.npy").write_bytes(b""), "2.npy: cannot be read"),
        (lambda root: (root / "train/9/2.npy").rename(root / "train/9/2.aedat4"), "2.aedat4: (needs|cannot be read)"),
    ],
)
def test_folders_that_cannot_be_are_refused_by_name(tmp_path, change, message):
    change(write_folder(tmp_path / "mine"))
    with pytest.raises((DataError, InputError), match=message):
        load(tmp_path / "mine")

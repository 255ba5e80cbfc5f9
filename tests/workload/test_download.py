"""Downloads from a server on this machine, of small archives in the real formats."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest
from file_server import FileServer
from typer.testing import CliRunner
from workload_files import recording, write_cifar10, write_mnist, write_nmnist

from codesign.cli.data import app
from codesign.errors import DataError
from codesign.workload.dataset import load_workload
from codesign.workload.datasets.mnist import MNIST
from codesign.workload.datasets.nmnist import NMNIST
from codesign.workload.datasets.registry import dataset_names, get_dataset
from codesign.workload.download import Download, RemoteFile, download
from codesign.workload.spec import WorkloadSpec


@pytest.fixture
def server():
    running = FileServer()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


class Told:
    """What a download told."""

    def __init__(self):
        self.notes, self.reports = [], []

    def note(self, text):
        self.notes.append(text)

    def advanced(self, phase, done, total, unit):
        self.reports.append((phase, done, total))


def archive_of(kind, folder, member):
    """A file or folder below a folder as an archive, `zip` or `gztar`."""
    return Path(shutil.make_archive(str(folder.parent / f"{member} packed"), kind, folder, member)).read_bytes()


def offered(server, folder, **files):
    """A download of files that the server has; each is given as its content and what it holds."""
    remote = []
    for name, (content, holds) in files.items():
        server.content[f"/{name}"] = content
        md5 = hashlib.md5(content).hexdigest()
        remote.append(RemoteFile(url=f"{server.url}/{name}", name=name, md5=md5, holds=holds))
    return Download(page="https://example.org/data", folder=folder, files=tuple(remote))


def nmnist_on(server, tmp_path):
    return offered(server, NMNIST.download.folder, **zips_of_a_folder_each(tmp_path / "source")[1])


def left_beside(folder):
    return sorted(path.name for path in folder.iterdir())


def zips_of_a_folder_each(source):
    below = write_nmnist(source) / "nmnist/NMNIST"
    return "nmnist", {f"{part.lower()}.zip": (archive_of("zip", below, part), part) for part in ("Train", "Test")}


def tar_of_a_folder(source):
    archive = archive_of("gztar", write_cifar10(source) / "cifar10", "cifar-10-batches-py")
    return "cifar10", {"cifar-10-python.tar.gz": (archive, "cifar-10-batches-py")}


def no_archives(source):
    files = {path.name: (path.read_bytes(), path.name) for path in sorted((write_mnist(source) / "mnist").iterdir())}
    assert sorted(files) == sorted(file.name for file in MNIST.download.files)
    return "mnist", files


@pytest.mark.parametrize("kind", [zips_of_a_folder_each, tar_of_a_folder, no_archives])
def test_archives_and_files_of_each_kind_become_a_dataset(server, tmp_path, kind):
    (name, files), told = kind(tmp_path / "source"), Told()
    what = offered(server, get_dataset(name).download.folder, **files)
    download(what, tmp_path / "data", told)
    assert len(load_workload(WorkloadSpec(name=name), data_root=tmp_path / "data").test) == 10
    assert left_beside(tmp_path / "data" / what.folder) == sorted(holds for _, holds in files.values())
    first, (content, _) = next(iter(files.items()))
    assert told.reports[0] == (first, 0, len(content))
    assert (first, len(content), len(content)) in told.reports


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    what = nmnist_on(server, tmp_path)
    write_nmnist(tmp_path / "data", test_per_digit=0)
    own = tmp_path / "data/nmnist/NMNIST/Train/0/00001.bin"
    own.write_bytes(recording((1, 1, 0, 1)))
    told = Told()
    download(what, tmp_path / "data", told)
    assert [path for path, _ in server.asked] == ["/test.zip"]
    assert own.read_bytes() == recording((1, 1, 0, 1))
    assert "stays as it is" in told.notes[0]
    download(what, tmp_path / "data", told)
    assert len(server.asked) == 1


# connections that break -------------------------------------------------------------------------------------------


def one_file(server):
    content = os.urandom(50_000)
    return offered(server, "blob", **{"blob.gz": (content, "blob.gz")}), content


@pytest.fixture
def began(tmp_path):
    """The beginning of the file that an earlier download left."""
    path = tmp_path / "blob/.blob.gz.part"
    path.parent.mkdir()
    return path


def test_a_broken_connection_goes_on_where_it_broke(server, tmp_path):
    what, content = one_file(server)
    server.breaks_after = [20_000]
    told = r"cannot be fetched \(.*\); the same command continues from what has arrived\. By hand: get blob.gz from"
    with pytest.raises(DataError, match=told):
        download(what, tmp_path, Told())
    download(what, tmp_path, Told())
    assert (tmp_path / "blob/blob.gz").read_bytes() == content
    (_, first), (_, second) = server.asked
    assert first is None
    assert re.fullmatch(r"bytes=[1-9]\d*-", second)


@pytest.mark.parametrize(
    ("there", "ranges", "asked", "first"),
    [
        (30_000, True, ["bytes=30000-"], 30_000),
        (50_000, True, [], None),
        (20_000, False, ["bytes=20000-"], 0),  # a server that gives no parts starts again
    ],
)
def test_what_came_before_is_not_fetched_again(server, tmp_path, began, there, ranges, asked, first):
    (what, content), told = one_file(server), Told()
    server.ranges = ranges
    began.write_bytes(content[:there] if ranges else b"x" * there)
    download(what, tmp_path, told)
    assert server.asked == [("/blob.gz", part) for part in asked]
    assert told.reports[:1] == ([] if first is None else [("blob.gz", first, 50_000)])
    assert told.reports[-1:] == ([("blob.gz", 50_000, 50_000)] if asked else [])
    assert (tmp_path / "blob/blob.gz").read_bytes() == content


def test_the_rest_of_another_file_is_not_mixed_in(server, tmp_path, began):
    what, content = one_file(server)
    began.write_bytes(b"x" * 60_000)
    with pytest.raises(DataError, match="damaged or another file; nothing was kept"):
        download(what, tmp_path, Told())
    download(what, tmp_path, Told())
    assert (tmp_path / "blob/blob.gz").read_bytes() == content


# what is not as it should be ----------------------------------------------------------------------------------------


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    what = nmnist_on(server, tmp_path)
    server.content["/train.zip"] += b"x"
    with pytest.raises(DataError, match=r"has the MD5 checksum .*, not .* nothing was kept"):
        download(what, tmp_path / "data", Told())
    assert left_beside(tmp_path / "data/nmnist/NMNIST") == []


def test_a_download_that_never_ends_is_broken_off(server, tmp_path, monkeypatch):
    monkeypatch.setattr("codesign.workload.download.MOST_BYTES", 30_000)
    what, _ = one_file(server)
    told = Told()
    with pytest.raises(DataError, match="nothing was kept"):
        download(what, tmp_path, told)
    assert max(done for _, done, _ in told.reports) < 50_000


def test_a_server_that_does_not_give_the_file_leads_to_the_page(server, tmp_path):
    what, _ = one_file(server)
    server.status = 404
    with pytest.raises(DataError) as caught:
        download(what, tmp_path, Told())
    message = str(caught.value)
    assert "the server answered 404" in message
    assert f"get blob.gz from {server.url}/blob.gz or https://example.org/data with a browser" in message
    assert str(tmp_path / "blob") in message
    assert len(server.asked) == 1


def test_without_a_network_the_error_says_what_to_do_by_hand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = FileServer()
    what, _ = one_file(server)
    server.close()
    with pytest.raises(DataError, match=r"cannot be fetched \(.*refused.*By hand: get blob.gz from http") as caught:
        download(what, Path("data"), Told())
    assert f"save it as {tmp_path / 'data' / 'blob' / 'blob.gz'}, and run" in str(caught.value)  # absolute


def test_an_archive_that_was_put_there_by_hand_is_taken(server, tmp_path):
    what = nmnist_on(server, tmp_path)
    folder = tmp_path / "data/nmnist/NMNIST"
    (folder / ".unpacking-abc/Train").mkdir(parents=True)  # left by a process that was killed
    for name in ("train.zip", "test.zip"):
        (folder / name).write_bytes(server.content[f"/{name}"])
    download(what, tmp_path / "data", Told())
    assert server.asked == []
    assert left_beside(folder) == ["Test", "Train", "test.zip", "train.zip"]
    (folder / "Train").rename(folder / "Old")
    (folder / "train.zip").write_bytes(b"PK")  # another file
    with pytest.raises(DataError, match=r"train.zip: has the MD5 checksum .*; remove it"):
        download(what, tmp_path / "data", Told())


def test_nothing_is_in_its_place_before_it_is_on_the_disk(server, tmp_path, monkeypatch):
    """After a power failure an empty recording would count as one without events."""
    places, settled = [tmp_path / "nmnist/NMNIST/Train", tmp_path / "blob/blob.gz"], []
    monkeypatch.setattr(os, "sync", lambda: settled.append([place.exists() for place in places]))
    download(nmnist_on(server, tmp_path), tmp_path, Told())
    download(one_file(server)[0], tmp_path, Told())
    assert settled == [[False, False], [True, False], [True, False]]  # Train, Test, the file


def fails(*_, **__):
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("fault", ["hashlib.file_digest", "os.sync"])
def test_a_disk_that_fails_is_told_with_the_place(server, tmp_path, monkeypatch, fault):
    what = nmnist_on(server, tmp_path)
    with monkeypatch.context() as failing:
        failing.setattr(fault, fails)
        with pytest.raises(DataError, match=r"nmnist.*: cannot be read .*Input/output error"):
            download(what, tmp_path / "data", Told())
    download(what, tmp_path / "data", Told())
    assert left_beside(tmp_path / "data/nmnist/NMNIST") == ["Test", "Train"]


# the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [False, True], ids=["option after", "option before"])
def test_the_command_fetches_and_says_what_is_there(server, tmp_path, monkeypatch, before):
    monkeypatch.setattr(NMNIST, "download", nmnist_on(server, tmp_path))
    where = ["--data-root", str(tmp_path / "data")]
    result = CliRunner().invoke(app, [*where, "download", "nmnist"] if before else ["download", "nmnist", *where])
    assert result.exit_code == 0, result.output
    assert "train.zip: in place" in result.stderr
    assert re.search(r"train.zip: [\d.]+ MB of [\d.]+ MB", result.stderr)
    (line,) = result.stdout.splitlines()
    assert line.startswith("nmnist  partial  N-MNIST recordings: 40 of 60,000 training")


def test_the_command_lists_every_dataset_with_its_state(tmp_path, monkeypatch):
    write_nmnist(tmp_path)
    result = CliRunner().invoke(app, ["--data-root", str(tmp_path)])
    assert result.exit_code == 0
    head, *rows = result.output.splitlines()
    assert head == f"data root: {tmp_path}"
    found = {"digits": "embedded", "nmnist": "partial"}
    assert [row.split()[:2] for row in rows] == [[name, found.get(name, "missing")] for name in dataset_names()]
    (mnist, nmnist) = (row for row in rows if row.startswith(("mnist", "nmnist")))
    assert f"expected in {tmp_path / 'mnist'}" in mnist
    assert "40 of 60,000 training and 10 of 10,000 test recordings" in nmnist
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path / "nothing"))
    output = CliRunner().invoke(app, []).output
    assert output.splitlines()[0] == f"data root: {tmp_path / 'nothing'} (does not exist)"


def test_what_comes_with_a_package_is_not_fetched():
    result = CliRunner().invoke(app, ["download", "digits"])
    assert str(result.exception).startswith("digits: there is nothing to download")


def test_names_of_files_steer_no_terminal_where_datasets_are_listed(tmp_path):
    (tmp_path / "arrays").mkdir()
    (tmp_path / "arrays/\x1b]0;owned\x07.npz").touch()
    output = CliRunner().invoke(app, ["--data-root", str(tmp_path)], color=True).output
    assert r"\x1b]0;owned\x07.npz" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("name", [name for name in dataset_names() if get_dataset(name).download])
def test_published_files_are_where_their_dataset_looks(name):
    what = get_dataset(name).download
    assert what.folder.split("/")[0] == name
    for file in what.files:
        assert file.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{32}", file.md5)
        assert file.archive or file.holds == file.name
    assert len({file.md5 for file in what.files}) == len(what.files)

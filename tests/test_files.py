from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem as FsspecLocal
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations
from pyarrow import fs

from codesign.errors import InputError, StoreError
from codesign.files import (
    Folder,
    is_url,
    join,
    open_file,
    open_folder,
    opening,
    printable,
    read_file,
    with_suffix,
    write_atomically,
)
from codesign.files.arrow import ArrowFolder
from codesign.files.fsspec import FsspecFolder
from codesign.files.local import LocalFolder

FULL = OSError(errno.ENOSPC, "No space left on device")


class Bucket:
    """An object store as Arrow shows one: what is written to a stream is an object once the stream is closed."""

    type_name = "s3"

    def __init__(self, *, while_open: Callable[[], None] = lambda: None) -> None:
        self.inside = fs._MockFileSystem()
        self.inside.create_dir("bucket")
        self.while_open = while_open

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)

    def move(self, source: str, target: str) -> None:
        self.inside.create_dir(target.rpartition("/")[0])
        self.inside.move(source, target)

    def open_output_stream(self, path: str, **options: Any) -> Any:
        written: list[bytes] = []

        def close(*exception: object) -> None:
            self.inside.create_dir(path.rpartition("/")[0])
            with self.inside.open_output_stream(path, compression=None) as file:
                file.write(b"".join(written))

        self.while_open()
        stream = SimpleNamespace(write=written.append)
        return type("Stream", (), {"__enter__": lambda _: stream, "__exit__": lambda _, *exception: close()})()


class Faulty:
    """A file system of which one function fails."""

    def __init__(self, filesystem: Any, function: str, error: Exception) -> None:
        self.filesystem, self.function, self.error = filesystem, function, error

    def __getattr__(self, name: str) -> Any:
        if name != self.function:
            return getattr(self.filesystem, name)

        def fail(*arguments: object, **options: object) -> None:
            raise self.error

        return fail


def local(path: Path) -> Folder:
    return open_folder(path / "new" / "folder")


def file_url(path: Path) -> Folder:
    return open_folder((path / "new folder").as_uri())


def memory(path: Path) -> Folder:
    return open_folder(f"memory://{uuid4().hex}/folder")


def moving(path: Path) -> Folder:
    """Through fsspec, on a system that shows files while they are written."""
    return FsspecFolder("local:///folder", FsspecLocal(), str(path / "folder"), error=InputError)


def bucket(path: Path) -> Folder:
    return ArrowFolder("s3://bucket/folder", Bucket(), "bucket/folder", error=InputError)


@pytest.fixture(params=[local, file_url, memory, moving, bucket], ids=lambda make: make.__name__)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """An empty folder that is not there yet, one of each kind."""
    return request.param(tmp_path)


def test_each_kind_is_the_one_that_is_meant(tmp_path: Path) -> None:
    kinds = [type(make(tmp_path)) for make in (local, file_url, memory, moving, bucket)]
    assert kinds == [LocalFolder, ArrowFolder, FsspecFolder, FsspecFolder, ArrowFolder]


def test_what_is_written_comes_back(folder: Folder) -> None:
    data = bytes(range(256)) * 300
    folder.write("a.bin", data)
    folder.write("deep/er/b", b"")
    assert folder.read("a.bin") == data
    assert folder.read("a.bin", first=10) == data[:10]
    assert folder.read("a.bin", first=10**6) == data
    assert folder.size("a.bin") == 76_800
    assert folder.read("deep/er/b") == folder.read("deep/er/b", first=5) == b""
    assert folder.size("deep/er/b") == 0
    folder.write("a.bin", b"short")
    assert folder.read("a.bin") == b"short"


def test_what_is_missing_is_none(folder: Folder) -> None:
    for _ in range(2):
        assert folder.read("a") is None
        assert folder.read("a", first=3) is None
        assert folder.size("a/b") is None
        assert folder.age_s("a") is None
        assert folder.names() == folder.names("a") == folder.names(deep=True) == []
        assert not folder.move("a", "b")
        folder.remove("a")
        folder.write("other/x", b"")  # the same in a folder that is there
        folder.remove("other/x")


def test_a_sub_folder_is_no_file(folder: Folder) -> None:
    folder.write("sub/x", b"x")
    assert folder.read("sub") is None
    assert folder.read("sub", first=1) is None
    assert folder.size("sub") is None
    assert folder.age_s("sub") is None
    assert not folder.move("sub", "other")


def test_names_are_sorted_and_can_be_read(folder: Folder) -> None:
    for name in ("b", "a", "runs/2.json", "runs/1.json", "runs/old/0.json", ".hidden", "runs/.x.abc.tmp"):
        folder.write(name, name.encode())
    assert folder.names() == [".hidden", "a", "b"]
    assert folder.names("runs") == ["runs/1.json", "runs/2.json"]
    assert folder.names("runs", deep=True) == ["runs/1.json", "runs/2.json", "runs/old/0.json"]
    everything = folder.names(deep=True)
    assert everything == [".hidden", "a", "b", "runs/1.json", "runs/2.json", "runs/old/0.json"]
    assert [folder.read(name) for name in everything] == [name.encode() for name in everything]


def test_files_move_onto_others_and_go_away(folder: Folder) -> None:
    folder.write("a", b"a")
    folder.write("b", b"b")
    assert folder.move("a", "b")
    assert (folder.read("a"), folder.read("b")) == (None, b"a")
    assert folder.move("b", "new/sub/c")
    assert folder.names(deep=True) == ["new/sub/c"]
    folder.remove("new/sub/c")
    assert folder.names(deep=True) == []


def test_age_counts_from_the_last_write(folder: Folder) -> None:
    folder.write("a", b"")
    time.sleep(0.05)
    age = folder.age_s("a")
    assert age is not None
    assert 0 <= age < 60


def test_age_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.utime(tmp_path / "a", (time.time() - 1000,) * 2)
    folders = (
        open_folder(tmp_path),
        open_folder(tmp_path.as_uri()),
        FsspecFolder("", FsspecLocal(), str(tmp_path), error=InputError),
    )
    for folder in folders:
        assert folder.age_s("a") == pytest.approx(1000, abs=5)


@pytest.mark.parametrize("name", ["", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "a/", "./a", "a\0b"])
def test_names_cannot_leave_the_folder(folder: Folder, name: str) -> None:
    for use in (
        folder.read,
        folder.size,
        folder.age_s,
        folder.remove,
        lambda name: folder.write(name, b""),
        lambda name: folder.move(name, "a"),
        lambda name: folder.move("a", name),
    ):
        with pytest.raises(ValueError, match="stays in it"):
            use(name)
    if name:
        with pytest.raises(ValueError, match="stays in it"):
            folder.names(name)


def test_whether_it_can_be_written_is_found_without_leaving_a_trace(folder: Folder) -> None:
    folder.check_writable()
    assert folder.names(deep=True) == []


def faulty_arrow(function: str, error: Exception, path: Path) -> Folder:
    return ArrowFolder("file:///x", Faulty(fs.LocalFileSystem(), function, error), str(path), error=InputError)


def faulty_fsspec(function: str, error: Exception, path: Path) -> Folder:
    return FsspecFolder("local:///x", Faulty(FsspecLocal(), function, error), str(path), error=InputError)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: faulty_arrow("move", FULL, path),
        lambda path: faulty_arrow("open_output_stream", FULL, path),
        lambda path: faulty_fsspec("mv", FULL, path),
        lambda path: faulty_fsspec("pipe_file", FULL, path),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, make: Callable[[Path], Folder]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    folder = make(tmp_path)
    with pytest.raises(InputError, match="/x/a: cannot be written: No space left on device"):
        folder.write("a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failed_local_write_likewise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    write_atomically(tmp_path / "a", b"old")

    def fail(*arguments: object) -> None:
        raise FULL

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(InputError, match="/a: cannot be written: No space left on device"):
        write_atomically(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_a_failed_put_leaves_the_old_object(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder(f"memory://{uuid4().hex}")
    folder.write("a", b"old")

    def fail(*arguments: object, **options: object) -> None:
        raise FULL

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail)
    with pytest.raises(InputError, match="/a: cannot be written: No space left on device"):
        folder.write("a", b"new")
    assert folder.read("a") == b"old"


def test_an_interrupt_does_not_put_half_an_object() -> None:
    def interrupt() -> None:
        time.sleep(0.1)  # the main thread waits by now
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)  # and is interrupted

    system = Bucket()
    folder = ArrowFolder("s3://bucket", system, "bucket", error=InputError)
    folder.write("a", b"old")
    system.while_open = interrupt
    with pytest.raises(KeyboardInterrupt):
        folder.write("a", b"new and whole")
    assert folder.read("a") == b"new and whole"


def test_an_interrupt_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    for make in (faulty_arrow, faulty_fsspec):
        with pytest.raises(KeyboardInterrupt):
            make("mv" if make is faulty_fsspec else "move", KeyboardInterrupt(), tmp_path).write("a", b"new")  # type: ignore[arg-type]
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_a_read_only_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = OSError(errno.EROFS, "Read-only file system")
    folders = [
        faulty_arrow("open_output_stream", refused, tmp_path),
        faulty_fsspec("pipe_file", refused, tmp_path),
        LocalFolder(tmp_path, error=InputError),
    ]

    def fail(*arguments: object, **options: object) -> None:
        raise refused

    monkeypatch.setattr(Path, "open", fail)
    for folder in folders:
        with pytest.raises(InputError, match=r"cannot be written: Read-only file system$"):
            folder.check_writable()


def test_each_failure_names_the_place_and_the_reason(tmp_path: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    (tmp_path / "a").write_bytes(b"a")
    names = {
        "read": ("open_input_file", "cat_file"),
        "size": ("get_file_info", "info"),
        "names": ("get_file_info", "ls"),
    }
    for use, functions in {**names, "remove": ("delete_file", "rm_file")}.items():
        for make, function in zip((faulty_arrow, faulty_fsspec), functions, strict=True):
            folder = make(function, denied, tmp_path)
            with pytest.raises(InputError, match=r":///x(/a)?: cannot be [a-z ]+: Permission denied$"):
                getattr(folder, use)(*([] if use == "names" else ["a"]))
    for make, function in ((faulty_arrow, "move"), (faulty_fsspec, "mv")):
        with pytest.raises(InputError, match=r"/x/a: cannot be moved to b: Permission denied"):
            make(function, denied, tmp_path).move("a", "b")


def test_the_class_of_errors_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for location in (tmp_path / "file" / "x", (tmp_path / "file" / "x").as_uri()):
        with pytest.raises(StoreError, match="cannot be written: "):
            open_folder(location, error=StoreError).write("a", b"")


class Refusing(FsspecLocal):
    """Does not move onto a file, as WebHDFS, and does not say so."""

    def mv(self, source: str, target: str, **options: object) -> None:
        if not self.exists(target):
            super().mv(source, target, **options)


def test_files_are_replaced_where_the_system_does_not_move_onto_them(tmp_path: Path) -> None:
    class Hadoop:
        type_name = "hdfs"

        def __getattr__(self, name: str) -> Any:
            return getattr(fs.LocalFileSystem(), name)

        def move(self, source: str, target: str) -> None:
            if Path(target).exists():
                raise OSError(errno.EEXIST, "File exists")
            os.rename(source, target)

    class Azure(Hadoop):
        type_name = "abfs"

        def move(self, source: str, target: str) -> None:
            raise NotImplementedError("no hierarchical namespace")

    for number, folder in enumerate(
        (
            FsspecFolder("local:///x", Refusing(), str(tmp_path), error=InputError),
            ArrowFolder("hdfs:///x", Hadoop(), str(tmp_path), error=InputError),
            ArrowFolder("abfs:///x", Azure(), str(tmp_path), error=InputError),
        )
    ):
        folder.write("a", b"%d" % number)
        assert folder.read("a") == b"%d" % number
        assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://bucket/x", True),
        ("file:///x", True),
        ("memory://x", True),
        ("simplecache::s3://bucket/x", True),
        ("reports/x", False),
        ("/x", False),
        ("C:\\x", False),
        ("C:/x", False),
        ("C://x", False),
        ("a:b", False),
        ("s3:/x", False),
        ("12://x", False),
        ("", False),
        (Path("s3:") / "x", False),
    ],
)
def test_what_is_a_url(location: str | Path, expected: bool) -> None:
    assert is_url(location) is expected


def test_a_path_with_a_colon_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("a:b/c:d", b"x")
    assert (tmp_path / "a:b" / "c:d").read_bytes() == b"x"
    assert read_file("a:b/c:d") == b"x"


def test_options_of_a_url_stay_at_its_end() -> None:
    url = "s3://bucket/x?region=eu-west-1"
    assert join(url, "a/b.parquet") == "s3://bucket/x/a/b.parquet?region=eu-west-1"
    assert join("memory://", "a") == "memory://a"
    assert join("x", "a") == Path("x/a")
    assert with_suffix("s3://bucket/x/r.parquet?a=b.c", ".html") == "s3://bucket/x/r.html?a=b.c"
    assert with_suffix("s3://bucket.x/r", ".html") == "s3://bucket.x/r.html"
    assert with_suffix("x/r.parquet", ".html") == Path("x/r.html")


def test_passwords_are_not_printed() -> None:
    assert printable("s3://key:secret@bucket/x?region=a") == "s3://key:***@bucket/x?region=a"
    assert printable("abfs://c@a/x?client_secret=s&tenant_id=t") == "abfs://c@a/x?client_secret=***&tenant_id=t"
    assert printable("s3://key:se/cr@et@bucket/x") == "s3://key:***@bucket/x"
    assert printable("hdfs://host:8020/x") == "hdfs://host:8020/x"
    assert printable(Path("a:b@c")) == "a:b@c"
    with pytest.raises(InputError) as raised:
        open_folder("s3://key:secret@bucket/x?region=us-east-1&nonsense=1")
    assert "s3://key:***@bucket/x?region=us-east-1&nonsense=1: cannot be opened: " in str(raised.value)
    assert "nonsense" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_single_files_at_a_location(tmp_path: Path) -> None:
    for location in (tmp_path / "a" / "b", str(tmp_path / "c"), (tmp_path / "d e").as_uri(), f"memory://{tmp_path}/f"):
        assert read_file(location) is None
        write_atomically(location, b"data")
        assert read_file(location) == b"data"
    assert (tmp_path / "d e").read_bytes() == b"data"
    for location in (Path(), "..", "memory://a/", "memory://a/?b=c", f"{tmp_path.as_uri()}/"):
        with pytest.raises(InputError, match="must end in the name of a file"):
            open_file(location)


def test_an_unknown_scheme_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"^s4://bucket/x: unknown scheme 's4'; allowed are paths, and URLs of .*s3, "):
        open_folder("s4://bucket/x")
    with pytest.raises(StoreError, match="unknown scheme"):
        open_folder("s4://bucket/x", error=StoreError)


def test_a_missing_package_is_named() -> None:
    fsspec.register_implementation("elsewhere", "no_such_package.System", errtxt="Install no-such-package to use it")
    try:
        with pytest.raises(InputError, match=r"elsewhere://x: needs a package .*: Install no-such-package to use it"):
            open_folder("elsewhere://x")
    finally:
        known_implementations.pop("elsewhere")


@pytest.mark.slow
def test_a_place_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    folder = open_folder("s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1")
    with pytest.raises(InputError, match=r"^s3://bucket/x\?endpoint.*: cannot be written: .*NETWORK_CONNECTION"):
        folder.check_writable()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opening._S3_OPTIONS, "request_timeout", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"127.0.0.1:{server.getsockname()[1]}"
        folder = open_folder(f"s3://key:secret@bucket/x?endpoint_override={endpoint}&scheme=http&region=us-east-1")
        with pytest.raises(InputError, match=r"^s3://key:\*\*\*@bucket/x/a\?.*: cannot be read: .*NETWORK_CONNECTION"):
            folder.read("a")


def test_options_of_s3_are_those_of_the_url_and_then_ours() -> None:
    url, same = "s3://key:secret@bucket/x?region=eu-west-1", {"access_key": "key", "secret_key": "secret"}
    ours = {"allow_delayed_open": True, "connect_timeout": 10, "request_timeout": 30}
    for options, expected in (
        ("", ours),
        ("&scheme=http&endpoint_override=h:1", {**ours, "scheme": "http", "endpoint_override": "h:1"}),
        ("&allow_delayed_open=false", {**ours, "allow_delayed_open": False}),
    ):
        filesystem, path = opening._from_uri(url + options)
        assert path == "bucket/x"
        assert filesystem == fs.S3FileSystem(region="eu-west-1", **same, **expected), options
    untouched = f"{url}&tls_verify_certificates=false"  # a copy would forget it
    assert opening._from_uri(untouched)[0] == fs.FileSystem.from_uri(untouched)[0]


def test_paths_of_this_machine_load_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom codesign.files import open_folder\n"
        "folder = open_folder(sys.argv[1])\nfolder.write('a/b', b'x')\n"
        "assert folder.read('a/b') == b'x' and folder.names(deep=True) == ['a/b']\n"
        "assert not {'pyarrow', 'fsspec', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)

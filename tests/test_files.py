from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem as FsspecLocal
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry, known_implementations

from codesign.errors import InputError, StoreError
from codesign.files import (
    Folder,
    held,
    is_url,
    join,
    lock_of,
    open_file,
    open_folder,
    printable,
    read_file,
    with_suffix,
    write_atomically,
)
from codesign.files.folder import temporary_beside
from codesign.files.remote import RemoteFolder

FULL = OSError(errno.ENOSPC, "No space left on device")
DENIED = PermissionError(errno.EACCES, "Permission denied")


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail


def faulty(function: str, error: BaseException, path: Path) -> Folder:
    """A folder on a file system of which one function fails."""
    system = FsspecLocal(skip_instance_cache=True)
    setattr(system, function, failing(error))
    return RemoteFolder("local:///x", system, str(path), error=InputError)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def local(path: Path) -> Folder:
    return open_folder(path / "new" / "folder")


def memory(path: Path) -> Folder:
    return open_folder(f"memory://{uuid4().hex}/folder")


def moving(path: Path) -> Folder:
    """Through fsspec, on a system that shows files while they are written."""
    return RemoteFolder("local:///folder", FsspecLocal(), str(path / "folder"), error=InputError)


@pytest.fixture(params=[local, memory, moving], ids=lambda make: make.__name__)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """An empty folder that is not there yet, one of each kind."""
    return request.param(tmp_path)


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


def test_what_is_missing_or_a_folder_is_none(folder: Folder) -> None:
    for _ in range(2):
        assert folder.read("a") is None
        assert folder.read("a", first=3) is None
        assert folder.size("a/b") is None
        assert folder.names() == []
        assert not folder.remove("a")
        folder.write("other/x", b"")  # the same in a folder that is there
        assert (folder.read("other"), folder.read("other", first=1), folder.size("other")) == (None,) * 3
        assert folder.remove("other/x")


def test_names_are_sorted_and_can_be_read(folder: Folder) -> None:
    for name in ("b", "a", "runs/2.json", "runs/1.json", "runs/old/0.json", ".hidden", "runs/.x.abc.tmp"):
        folder.write(name, name.encode())
    everything = folder.names()
    assert everything == [".hidden", "a", "b", "runs/1.json", "runs/2.json", "runs/old/0.json"]
    assert [folder.read(name) for name in everything] == [name.encode() for name in everything]


@pytest.mark.parametrize("name", ["", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "a/", "./a", "a\0b"])
def test_names_cannot_leave_the_folder(folder: Folder, name: str) -> None:
    for use in (folder.read, folder.size, folder.remove, lambda name: folder.write(name, b"")):
        with pytest.raises(ValueError, match="stays in it"):
            use(name)


def test_whether_it_can_be_written_is_found_without_leaving_a_trace(folder: Folder) -> None:
    folder.check_writable()
    assert folder.names() == []


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failed_local_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, function):
    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(os, function, failing(FULL))
    with pytest.raises(InputError, match="/a: cannot be written: No space left on device"):
        write_atomically(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": b"old"}


def test_every_new_folder_above_a_file_survives_a_power_failure(tmp_path, monkeypatch):
    forced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: forced.append(os.readlink(f"/proc/self/fd/{number}")))
    open_folder(tmp_path / "a/b").write("c/d", b"x")
    assert {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a/b"), str(tmp_path / "a/b/c")} < {*forced}


def test_what_killed_writers_left_goes_after_a_day(tmp_path: Path) -> None:
    old, new = temporary_beside("a"), temporary_beside("a")
    for name in (old, new, ".other.tmp", ".a.tmp"):
        (tmp_path / name).touch()
        if name != new:
            os.utime(tmp_path / name, (0, 0))
    open_folder(tmp_path).names()
    assert (tmp_path / old).exists()  # a look changes nothing
    open_folder(tmp_path).write("b", b"x")
    assert {*contents(tmp_path)} == {new, ".other.tmp", ".a.tmp", "b"}


def test_a_failed_put_leaves_the_old_object(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder(f"memory://{uuid4().hex}")
    folder.write("a", b"old")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", failing(FULL))
    with pytest.raises(InputError, match="/a: cannot be written: No space left on device"):
        folder.write("a", b"new")
    assert folder.read("a") == b"old"


def test_a_read_only_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr(Path, "open", failing(refused))
    for folder in (faulty("pipe_file", refused, tmp_path), open_folder(tmp_path)):
        with pytest.raises(InputError, match=r"cannot be written: Read-only file system$"):
            folder.check_writable()


def test_each_failure_names_the_place_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    for use, function in {"read": "cat_file", "size": "info", "names": "find", "remove": "rm_file"}.items():
        with pytest.raises(InputError, match=r":///x(/a)?: cannot be [a-z ]+: Permission denied$"):
            getattr(faulty(function, DENIED, tmp_path), use)(*([] if use == "names" else ["a"]))


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    with held(lock), pytest.raises(InputError, match="is held by another process, which writes there; "), held(lock):
        pass
    with held(lock):
        assert lock.stat().st_mode & 0o777 == 0o666  # for whoever may write to the folder next
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be locked: "), held(lock_of(tmp_path / "file")):
        pass
    assert lock_of("memory://a") != lock_of("memory://b")


@pytest.mark.parametrize("location", ["", " "])
def test_what_names_no_place_is_refused(location: str) -> None:
    for use in (open_folder, open_file, read_file, lock_of, lambda empty: write_atomically(empty, b"")):
        with pytest.raises(InputError, match="names no place"):
            use(location)


def test_what_is_no_regular_file_counts_as_missing(tmp_path: Path) -> None:
    """A pipe would keep a reader waiting for ever, and the device behind a link fill the memory."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 100 * 2**30)  # which takes no room
    folder = open_folder(tmp_path)
    with pytest.raises(InputError, match="huge: cannot be read: has more than 8 GiB"):
        folder.read("huge")
    assert folder.read("huge", first=3) == bytes(3)
    folder.remove("huge")
    assert folder.names() == ["file", "link"]
    assert folder.read("link") == b"x"
    for name in ("pipe", "zero"):
        assert (folder.size(name), folder.read(name), folder.read(name, first=3)) == (None, None, None)
        folder.write(name, b"new")
        assert folder.read(name) == b"new"


def test_the_class_of_errors_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written: "):
        open_folder(tmp_path / "file" / "x", error=StoreError).write("a", b"")


class Bucket(MemoryFileSystem):
    """What an S3 file system is given."""

    protocol = "s3"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    async_impl = True
    given: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.given.append(options)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self.given.append(options)
        super().pipe_file(path, value, mode)


def test_an_object_store_gets_the_options_of_the_url_and_the_type_of_a_page() -> None:
    fsspec.register_implementation("bucket", Bucket)
    try:
        folder = open_folder("bucket://team/x?endpoint_url=http://h:9000&anon=true")
        folder.write_many({"a.parquet": b"a", "report.html": b"<!"})
    finally:
        _registry.pop("bucket")
    assert Bucket.given[0] == {"endpoint_url": "http://h:9000", "anon": True}
    given = sorted(Bucket.given[1:], key=len)
    assert given == [{}, {"ContentType": "text/html; charset=utf-8"}]
    assert list(folder.read_many(["a.parquet", "b", "report.html"])) == [b"a", None, b"<!"]


def test_what_is_a_url_and_what_is_none() -> None:
    urls = ["s3://bucket/x", "file:///x", "memory://x", "simplecache::s3://bucket/x"]
    paths = ["reports/x", "/x", "C:\\x", "C:/x", "C://x", "a:b", "s3:/x", "12://x", "", Path("s3:") / "x"]
    assert [place for place in [*urls, *paths] if is_url(place)] == urls


@pytest.mark.parametrize(
    "url",
    [
        "filecache:///etc/hostname?target_protocol=file&cache_storage={}&same_names=true",
        "simplecache::file:///etc/hostname?cache_storage={}&same_names=true",
        "file:///dev/zero",
        "local:///dev/zero",
        "zip://m.safetensors::file:///m.zip",
    ],
)
def test_a_url_leads_to_one_place_and_leaves_no_copy(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown scheme|leads through several file systems"):
        read_file(url.format(tmp_path))
    assert not list(tmp_path.iterdir())


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
        open_folder("nowhere://key:secret@bucket/x?token=hidden")
    assert str(raised.value).startswith("nowhere://key:***@bucket/x?token=***: ")


def test_single_files_at_a_location(tmp_path: Path) -> None:
    for location in (tmp_path / "a" / "b", str(tmp_path / "d e"), f"memory://{tmp_path}/f"):
        assert read_file(location) is None
        write_atomically(location, b"data")
        assert read_file(location) == b"data"
    assert (tmp_path / "d e").read_bytes() == b"data"
    for location in (Path(), "..", "memory://a/", "memory://a/?b=c"):
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


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_that_leads_nowhere_hides_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(b"x")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "here").symlink_to(".")
    assert list(open_folder(tmp_path).names()) == ["name"]

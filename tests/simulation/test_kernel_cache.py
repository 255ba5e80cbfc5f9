"""Where compiled kernels are kept: what lies there is run as code, so nobody else may have written it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import types

from codesign.errors import InputError
from codesign.files.code import CACHE_VARIABLE, read_code, sealed, write_code
from codesign.simulation.event import compilation


def unwritable(folder: Path) -> Path:
    """A path below a file, where nobody can create a folder, not even root."""
    (folder / "file").touch()
    return folder / "file" / "below"


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user whose home and temporary folder are below the given path."""
    for name in (CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def cache_folder() -> Path:
    return compilation.cache_folder.__wrapped__()


def test_kernels_are_kept_below_the_users_cache(no_variables: Path, monkeypatch: pytest.MonkeyPatch):
    folder = cache_folder()
    assert folder.is_dir()
    assert folder.name == compilation._state_of_sources()
    assert folder.parent == no_variables / "home" / ".cache" / "codesign" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(no_variables / "cache"))
    assert cache_folder() == no_variables / "cache" / "codesign" / "kernels" / folder.name
    monkeypatch.setenv(CACHE_VARIABLE, str(no_variables / "mine"))
    assert cache_folder() == no_variables / "mine" / folder.name
    assert list(folder.iterdir()) == []  # trying whether it can be written leaves nothing behind


def test_a_home_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    no_variables: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(unwritable(no_variables)))
    folder = cache_folder()
    assert folder.is_relative_to(no_variables / "temporary")
    assert folder.stat().st_mode & 0o077 == 0


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies there is another user's."""
    monkeypatch.setattr(os, "getuid", lambda: 1 + os.stat("/").st_uid + os.getpid())


def folder_of(path: Path, mode: int = 0o700) -> Path:
    path.mkdir(parents=True)
    path.chmod(mode)
    return path


def linked(path: Path, to: Path) -> Path:
    path.symlink_to(folder_of(to))
    return path


def given_away(path: Path) -> Path:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 65534, 65534, follow_symlinks=False)
    return path


CHOSEN: dict[str, tuple[Callable[[Path, str], Path], str | None]] = {
    "a link of one's own": (lambda place, state: linked(place / "link", place / "mine"), None),
    "below a folder like /tmp": (lambda place, state: folder_of(folder_of(place / "all", 0o1777) / "mine"), None),
    "others may write it": (lambda place, state: folder_of(place / "mine", 0o777), "others may write to"),
    "others may replace it": (
        lambda place, state: folder_of(folder_of(place / "all", 0o777) / "mine"),
        "others may replace",
    ),
    "a link in it": (
        lambda place, state: linked(folder_of(place / "mine") / state, place / "b").parent,
        "not a folder",
    ),
    "somebody else's link": (
        lambda place, state: given_away(linked(place / "link", place / "mine")),
        "belongs to somebody else",
    ),
    "somebody else's kernels": (
        lambda place, state: given_away(folder_of(place / "mine" / state)).parent,
        "belongs to somebody else",
    ),
    "nobody can write it": (lambda place, state: unwritable(place), "Not a directory"),
}


@pytest.mark.parametrize("how", CHOSEN)
def test_a_chosen_folder_is_taken_or_refused(how: str, no_variables: Path, monkeypatch: pytest.MonkeyPatch):
    make, refusal = CHOSEN[how]
    state = cache_folder().name
    chosen = make(no_variables, state)
    monkeypatch.setenv(CACHE_VARIABLE, str(chosen))
    if refusal is None:
        assert cache_folder() == chosen.resolve() / state
    else:
        with pytest.raises(InputError, match=f"{chosen}.*{refusal}.*{CACHE_VARIABLE}"):
            cache_folder()


def test_kernels_that_can_only_be_read_are_of_use(no_variables: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(no_variables / "mine"))
    folder = cache_folder()

    def refused(**options: Any) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(InputError, match=CACHE_VARIABLE):
        cache_folder()  # and there are none
    (folder / "kernel").touch()
    assert cache_folder() == folder


def test_a_folder_of_somebody_else_is_not_taken(
    no_variables: Path, monkeypatch: pytest.MonkeyPatch, somebody_else: None
):
    folder = cache_folder()
    assert folder.is_dir()
    assert folder.parent == no_variables / "temporary"
    assert folder == cache_folder()  # of this process alone, and the same all along
    monkeypatch.setenv(CACHE_VARIABLE, str(no_variables / "mine"))
    with pytest.raises(InputError, match=CACHE_VARIABLE):
        cache_folder()


CODE = b"what was compiled"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file of kept code, which nobody else may write to, whatever the user's mask."""
    previous = os.umask(0)
    try:
        write_code(tmp_path / "kernel", CODE)
    finally:
        os.umask(previous)
    assert read_code(tmp_path / "kernel") == CODE
    return tmp_path / "kernel"


def test_a_file_of_somebody_else_is_not_read(kept: Path, somebody_else: None):
    with pytest.raises(OSError, match="belongs to somebody else"):
        read_code(kept)


SPOILT = {
    "others may write to": lambda file: file.chmod(0o620),
    "symbolic links": lambda file: file.symlink_to(file.rename(file.with_name("elsewhere"))),
    "is not a file": lambda file: (file.unlink(), os.mkfifo(file)),
    "Is a directory": lambda file: (file.unlink(), file.mkdir()),
    "is damaged": lambda file: file.write_bytes(b""),
}


@pytest.mark.parametrize("reason", SPOILT)
def test_what_is_no_file_of_ones_own_is_not_read(kept: Path, reason: str):
    SPOILT[reason](kept)
    with pytest.raises(OSError, match=reason):
        read_code(kept)


def test_a_flip_of_any_bit_is_seen(kept: Path):
    content = kept.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        kept.write_bytes(flipped)
        with pytest.raises(OSError, match="is damaged"):
            read_code(kept)
    kept.write_bytes(content)
    assert read_code(kept) == CODE


@pytest.mark.parametrize("content", [b"", b"unsealed", sealed(b"no compiled code")])
def test_a_file_that_cannot_be_loaded_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
):
    monkeypatch.setattr(compilation, "cache_folder", lambda: tmp_path)
    compiled = compilation.kept(lambda number: 2 * number)
    signature = (types.int64,)
    compiled._cache.file(signature, compiled.targetctx.codegen()).write_bytes(content)
    assert compiled._cache.is_kept()
    assert compiled._cache.load_overload(signature, compiled.targetctx) is None


def test_code_that_holds_addresses_of_this_process_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compilation, "cache_folder", lambda: tmp_path)
    large = np.zeros(1 << 18)
    compiled = compilation.kept(lambda place: large[place])
    compiled.compile((types.int64,))
    assert not compiled._cache.is_kept()


def test_a_folder_that_cannot_be_used_is_told_at_every_run(monkeypatch: pytest.MonkeyPatch):
    def refuse() -> Path:
        raise InputError("others may write to it")

    monkeypatch.setattr(compilation, "_asked", [])
    monkeypatch.setattr(compilation, "cache_folder", refuse)
    for _ in range(2):
        with pytest.raises(InputError, match="others may write to it"):
            compilation.tell_of_compiling()

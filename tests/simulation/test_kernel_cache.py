"""Where compiled kernels are kept: what lies there is run as code, so nobody else may have written it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codesign.errors import InputError
from codesign.files.code import CACHE_VARIABLE
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
    assert folder.parent == no_variables / "home" / ".cache" / "codesign" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(no_variables / "cache"))
    assert cache_folder() == no_variables / "cache" / "codesign" / "kernels" / folder.name
    monkeypatch.setenv(CACHE_VARIABLE, str(no_variables / "mine"))
    assert cache_folder() == no_variables / "mine" / folder.name
    assert list(folder.iterdir()) == []  # trying whether it can be written leaves nothing behind


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME"])
def test_a_home_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    no_variables: Path, monkeypatch: pytest.MonkeyPatch, variable: str
):
    monkeypatch.setenv(variable, str(unwritable(no_variables)))
    folder = cache_folder()
    assert folder.is_dir()
    assert folder.is_relative_to(no_variables / "temporary")


def test_a_chosen_folder_that_cannot_be_written_is_an_error(no_variables: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = unwritable(no_variables)
    monkeypatch.setenv(CACHE_VARIABLE, str(chosen))
    with pytest.raises(Exception, match=f"{chosen}.*{CACHE_VARIABLE}"):
        cache_folder()


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies there is another user's."""
    monkeypatch.setattr(os, "getuid", lambda: 1 + os.stat("/").st_uid + os.getpid())


def open_to_all(folder: Path) -> Path:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    return folder


def test_a_chosen_folder_that_others_may_write_is_an_error(no_variables: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = open_to_all(no_variables / "open")
    monkeypatch.setenv(CACHE_VARIABLE, str(chosen))
    with pytest.raises(InputError, match=f"{chosen}.*{CACHE_VARIABLE}"):
        cache_folder()
    monkeypatch.setenv(CACHE_VARIABLE, str(no_variables / "mine"))
    folder = cache_folder()
    folder.chmod(0o777)
    with pytest.raises(InputError, match=CACHE_VARIABLE):
        cache_folder()


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


def test_without_a_home_a_folder_that_others_may_write_is_not_taken(
    no_variables: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(unwritable(no_variables)))
    planted = open_to_all(no_variables / "temporary" / f"codesign-kernels-{os.getuid()}")
    folder = cache_folder()
    assert not folder.is_relative_to(planted)
    assert folder.stat().st_mode & 0o077 == 0


LOADED = "what was compiled"


def files_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function's files below a folder, with something kept in them."""

    def doubled(number: Any) -> Any:
        return 2 * number

    monkeypatch.setattr(compilation, "cache_folder", lambda: folder)
    files = compilation._KernelCache(doubled)._cache_file
    files.save("key", LOADED)
    assert files.load("key") == LOADED
    return files


def test_files_of_somebody_else_count_as_missing(no_variables: Path, monkeypatch: pytest.MonkeyPatch):
    files, uid = files_in(no_variables, monkeypatch), os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    assert files.load("key") is None


SPOILT = {
    "others may write it": lambda file: file.chmod(0o620),
    "a link": lambda file: file.symlink_to(file.rename(file.with_name("elsewhere"))),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "empty": lambda file: file.write_bytes(b""),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("which", ["index", "data"])
def test_what_is_no_file_of_ones_own_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str, how: str
):
    previous = os.umask(0)  # files are nobody else's to write all the same
    try:
        files = files_in(tmp_path, monkeypatch)
    finally:
        os.umask(previous)
    SPOILT[how](Path(files._index_path if which == "index" else files._data_path(files._data_name(1))))
    assert files.load("key") is None


def test_a_flip_of_any_bit_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = files_in(tmp_path, monkeypatch)
    paths = [file for file in tmp_path.iterdir() if file.is_file()]
    assert len(paths) == 2
    for path in paths:
        content = path.read_bytes()
        for place in range(len(content)):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            path.write_bytes(flipped)
            assert files.load("key") is None, (path.suffix, place)
        path.write_bytes(content)
    assert files.load("key") == LOADED


# another user --------------------------------------------------------------------------------------------------------

NOBODY = 65534
AS_NOBODY = f"""
import json, os, sys
from pathlib import Path
from codesign.errors import InputError
from codesign.simulation.event import compilation
compilation.cache_folder.__wrapped__()  # loads what is loaded late, from where nobody may read
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
outcomes = {{}}
for place in sys.argv[1:]:
    os.environ["CODESIGN_KERNEL_CACHE"] = place
    try:
        outcomes[Path(place).name] = str(compilation.cache_folder.__wrapped__())
    except InputError as error:
        outcomes[Path(place).name] = f"refused: {{error}}"
print(json.dumps(outcomes))
"""


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every user may enter and none but root may write."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("only root can become another user")
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def folder_of(user: int, path: Path, mode: int = 0o700) -> Path:
    path.mkdir()
    os.chown(path, user, user)
    path.chmod(mode)
    return path


def test_folders_as_another_user_sees_them(open_place: Path, no_variables: Path):
    """Permissions and owners are the system's own: nothing is replaced here."""
    state = cache_folder().name
    for name in ("own", "filled", "empty", "state_of_root", "state_is_a_link", "linked"):
        folder_of(NOBODY, open_place / name)
    folder_of(NOBODY, open_place / "group_may_write", 0o770)
    folder_of(0, folder_of(0, open_place / "of_root", 0o755) / state, 0o755)
    folder_of(0, open_place / "state_of_root" / state, 0o755)
    kept = folder_of(NOBODY, open_place / "filled" / state)
    (kept / "kernel").touch()
    folder_of(NOBODY, open_place / "empty" / state)
    for name in ("filled", "empty"):
        (open_place / name / state).chmod(0o500)
        (open_place / name).chmod(0o500)
    for owner, name in ((0, "link_of_root"), (NOBODY, "own_link"), (NOBODY, f"state_is_a_link/{state}")):
        (open_place / name).symlink_to(open_place / "linked")
        os.chown(open_place / name, owner, owner, follow_symlinks=False)
    folder_of(NOBODY, folder_of(0, open_place / "anybodys", 0o777) / "below_anybodys")
    folder_of(NOBODY, folder_of(0, open_place / "sticky", 0o1777) / "below_sticky")
    nested = {"below_anybodys": "anybodys", "below_sticky": "sticky"}
    taken = {"own": "own", "filled": "filled", "own_link": "linked", "below_sticky": "sticky/below_sticky"}
    refused = {
        "of_root": "belongs to somebody else",
        "state_of_root": "belongs to somebody else",
        "link_of_root": "belongs to somebody else",
        "group_may_write": "others may write to",
        "below_anybodys": "others may replace",
        "state_is_a_link": "not a folder",
        "empty": "Permission denied",
        "of_nobody": "Permission denied",
    }
    places = [str(open_place / nested.get(name, "") / name) for name in (*taken, *refused)]
    ended = subprocess.run([sys.executable, "-c", AS_NOBODY, *places], capture_output=True, text=True, check=True)
    outcomes = json.loads(ended.stdout)
    for name, where in taken.items():
        assert outcomes[name] == str(open_place / where / state)
    for name, reason in refused.items():
        assert outcomes[name].startswith("refused: ")
        assert reason in outcomes[name], name
        assert CACHE_VARIABLE in outcomes[name]

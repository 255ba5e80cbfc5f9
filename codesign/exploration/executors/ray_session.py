"""Ray in this process: starting it on this machine or joining a cluster, watching it, and leaving it.

Ray ends a process that is connected to it, without a message and with exit code 1, if it writes to the object store of
a raylet that has died, or a minute after the cluster's control service has. So both are checked before that can happen,
and their end is an ordinary error.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

import codesign
from codesign.errors import CodesignError, InputError
from codesign.files.folder import reason_of
from codesign.signals import handlers_kept

_INTERRUPTIONS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
_LOOK_S = 2.0
_CLUSTER_AWAY_S = 30.0
"""Time that a cluster has to answer again; Ray itself gives it a minute, and then ends this process."""
_HEALTH_S = 30.0
_END_S = 3.0
"""Longest wait for killed processes."""
_PREFIX = "codesign-ray-"
_BELOW = "/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
"""The longest path of a socket that Ray creates in its folder."""
_LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107  # sun_path of unix(7), in bytes, without the closing zero
_LONGEST_FOLDER = _LONGEST_SOCKET - len(f"/{_PREFIX}1234567-12345678{_BELOW}")
_NO_CLUSTER = "something answers there, but no Ray cluster; give the port of `ray start --head`, by default 6379"
_OTHER_TOKEN = (
    "its token differs from the one here, or there is none here; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
    "RAY_AUTH_TOKEN_PATH (a file), as where it was started (or RAY_AUTH_MODE=disabled, if it was started with that)"
)


class RaySession:
    """This process' connection to Ray, with arguments as in `RayExecutor`; it has one at a time. Raises InputError
    if no usable cluster answers at `address`, or this process uses Ray already, and CodesignError if Ray cannot be
    started."""

    def __init__(self, *, address: str | None, workers: int, on_note: Callable[[str], None]) -> None:
        if address is not None:
            _check_address(address)
        self._address = address
        self._folder: Path | None = None
        with _environment(local=address is None), handlers_kept(_INTERRUPTIONS):
            with _signals_held():
                import ray

            self.ray: Any = ray
            if ray.is_initialized():  # before its token is forgotten, since Ray ends the process without it
                raise InputError("Ray is in use in this process already; close that executor, or call ray.shutdown()")
            _read_token_again()
            if address is None:
                self._folder = _scratch()
            else:
                _check_health(address)
            with ExitStack() as undo:
                undo.callback(self.close)
                self._connect(workers)
                context = ray.get_runtime_context()
                self._control = context.gcs_address
                self._raylet: psutil.Process = _find_raylet(ray, context.get_node_id())
                undo.pop_all()
        self._looked = self._answered = time.monotonic()
        if address is not None:
            on_note(f"connected to Ray at {address}")

    def _connect(self, workers: int) -> None:
        job = self.ray.job_config.JobConfig()
        job._py_driver_sys_path = _Searched()
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "job_config": job}
        if self._address is None:
            options |= {"num_cpus": workers, "include_dashboard": False, "_temp_dir": str(self._folder)}
        else:
            # regardless of the version on the nodes
            options["runtime_env"] = {"py_modules": [str(Path(codesign.__file__).parent)]}
        try:
            with (
                _signals_held(),
                # As if it could not be started: Ray starts a dashboard process even if it is disabled, which then only
                # queries the metadata servers of three clouds, to report their answers.
                patch("ray._private.services.start_api_server", return_value=(None, None)),
                # Ray's handler ends the process with other exit codes, and leaves files behind.
                patch("ray._private.utils.set_sigterm_handler"),
            ):
                self.ray.init(address=self._address or "local", **options)
        except Exception as error:  # Ray may raise anything
            reason = reason_of(error)
            if self._address is None:
                advice = "on a busy machine, trying again may help; --executor serial does without it"
                raise CodesignError(f"Ray cannot be started on this machine ({reason}); {advice}") from error
            raise InputError(
                f"--ray-address: the cluster at {self._address} cannot be joined ({reason}); this machine must be one "
                f"of its nodes: ray start --address={self._address} (with --num-cpus=0 to run no job here)"
            ) from error

    def check(self) -> None:
        """Raise CodesignError if the raylet on this machine has ended; to be called before the object store is used."""
        try:
            dead = self._raylet.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        except psutil.NoSuchProcess:
            dead = True
        if dead:
            raise self._lost("its raylet on this machine has ended")

    def look(self) -> bool:
        """Check every two seconds whether the control service answers, and return whether it did so now. Raises
        CodesignError once the time to wait for it is over."""
        self.check()
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return False
        self._looked = now
        if self.answers():
            self._answered = now
            return True
        if self._address is None or now - self._answered > _CLUSTER_AWAY_S:
            raise self._lost("its control service does not answer any more")
        return False

    def answers(self) -> bool:
        """Whether the control service answers; if not, Ray would wait for it, and end this process."""
        host, _, port = self._control.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Leave the cluster, or end the Ray that was started here and remove its files."""
        started = self._started()
        _kill(started, only=f"{os.sep}monitor.py")  # it would end only a second after Ray asks it to
        with handlers_kept(_INTERRUPTIONS):
            self.ray.shutdown()
        _forget_token()
        _kill(started)
        psutil.wait_procs(started, timeout=_END_S)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self) -> list[psutil.Process]:
        """Running processes of the Ray that was started here, even if its start was interrupted."""
        started: list[psutil.Process] = []
        for child in psutil.Process().children() if self._folder is not None else ():
            with suppress(psutil.Error):  # it may have ended
                if any(str(self._folder) in word for word in child.cmdline()):
                    started += [child, *child.children(recursive=True)]
        return started

    def _lost(self, reason: str) -> CodesignError:
        where = "on this machine" if self._address is None else f"at {self._address}"
        return CodesignError(
            f"Ray was lost: {where}, {reason}; finished jobs are kept; run it again to continue from there"
        )


def _kill(processes: Iterable[psutil.Process], *, only: str = "") -> None:
    """Kill processes whose command contains `only`. Without Ray's control service, some would take a minute to end."""
    for process in processes:
        with suppress(psutil.Error):  # it may have ended
            if only in " ".join(process.cmdline()):
                process.kill()


def _find_raylet(ray: Any, node: str) -> psutil.Process:
    """The process of the raylet on this machine, identified by the socket at which it listens."""
    (path,) = [facts["RayletSocketName"] for facts in ray.nodes() if facts["NodeID"] == node]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.name()).stem == "raylet" and any(path in word for word in process.cmdline()):
                return process
    raise CodesignError(f"Ray cannot be used: its raylet is not among the processes of this machine ({path})")


class _Searched(list[str]):
    """Folders that workers search for modules before all others. Of the script's and the working folder, which Ray
    adds, it keeps those that this process searches, too, and that contain no other copy of this program."""

    def extend(self, more: Iterable[str]) -> None:
        here = set(map(os.path.abspath, sys.path))
        super().extend(one for one in more if one in here and PathFinder.find_spec("codesign", [one]) is None)


@cache
def _token() -> str:
    """Token of a local Ray, which reads it once per process."""
    return secrets.token_hex(32)


def _read_token_again() -> None:
    """Make Ray, which may know another token from before, read it again. Older versions have no tokens."""
    with suppress(ImportError, AttributeError):
        from ray._private.authentication.authentication_token_setup import _enable_token_auth

        if os.environ.get("RAY_AUTH_MODE") == "token":
            _enable_token_auth()
            _forget_token()


def _forget_token() -> None:
    """Make Ray forget the token: the next use of Ray in this process may need another one."""
    compiled: Any = sys.modules["ray._raylet"]
    with suppress(AttributeError):
        compiled.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _environment(*, local: bool) -> Iterator[None]:
    """The environment variables that Ray reads when it starts, and that workers started here inherit."""
    before = dict(os.environ)
    os.environ.pop("RAY_ADDRESS", None)  # could name any cluster
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if local:
        # Ray listens at all addresses of this machine and runs any code it is sent, so it needs a token. By default, it
        # would write one into the home folder, which may be read-only.
        os.environ.pop("RAY_AUTH_TOKEN_PATH", None)
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token()}
        # Tasks set the number of threads that they compute with; code that ignores it computes with one.
        os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
        os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Delay interrupting signals until after the block: a partly started Ray crashes at the end of the process."""
    held: list[int] = []

    def hold(number: int, frame: object) -> None:
        held.append(number)
        if hasattr(signal, "alarm"):
            signal.alarm(0)  # Ray's compiled code passes the signal on, and would soon abort the process

    with handlers_kept(_INTERRUPTIONS):
        if threading.current_thread() is threading.main_thread():
            for number in _INTERRUPTIONS:
                signal.signal(number, hold)
        yield
    for late in held:
        signal.raise_signal(late)


def _scratch() -> Path:
    """Create a folder for the files of Ray, private to this user: in /tmp where the usual folder for temporary files
    has too long a path for sockets. Removes the folders of processes that were killed."""
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > _LONGEST_FOLDER and sys.platform != "win32":
        base = Path("/tmp")
    for old in base.glob(f"{_PREFIX}*-*"):
        owner = old.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(old, ignore_errors=True)  # folders of other users stay
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--ray-address: must be HOST:PORT, found '{address}'")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray-address: no Ray cluster answers at {address}: {error}") from error


def _check_health(address: str) -> None:
    """Check that a cluster answers: without one, Ray would try to join for 80 seconds, and not say why."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        checked = subprocess.run(command, capture_output=True, text=True, timeout=_HEALTH_S, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"--ray-address: {address}: {_NO_CLUSTER}") from None
    if checked.returncode:
        said = checked.stderr.strip().splitlines() or [f"exit code {checked.returncode}"]
        reason = _OTHER_TOKEN if re.search("InvalidAuthToken|authentication_token_loader", checked.stderr) else said[-1]
        raise InputError(f"--ray-address: {address}: {reason}")

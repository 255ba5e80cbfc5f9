"""Interruptions and timeouts, wherever in the program the signal comes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace

import llvmlite.binding as llvm
import pytest
import typer

from codesign.cli import options
from codesign.cli.options import interruptible
from codesign.exploration.executors.base import Task
from codesign.exploration.executors.perform import perform
from codesign.exploration.resources import JobResources
from codesign.exploration.runs.progress import Progress


def compile_asking(asked: Callable[[], object]) -> None:
    """Compile a function; LLVM asks before whether its code is kept. Then take a while."""

    def kept(module: object) -> None:
        asked()

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.set_object_cache(getbuffer_func=kept)
    engine.add_module(llvm.parse_assembly("define i32 @one() { ret i32 1 }"))
    engine.finalize_object()
    for _ in range(100):
        time.sleep(0.1)


hangs_up = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal of Windows hangs up")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", pytest.param("SIGHUP", marks=hangs_up)])
def test_an_interruption_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    number, own = signal.Signals[name], signal.default_int_handler
    before = signal.signal(number, own)  # under nohup, SIGHUP is ignored
    try:
        with pytest.raises(typer.Exit) as ended, interruptible(Progress(), "all is kept"):
            signal.raise_signal(number)
        assert signal.getsignal(number) is own
    finally:
        signal.signal(number, before)
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "interrupted: all is kept\n"


@hangs_up
def test_who_ignores_that_the_terminal_hangs_up_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(Progress(), ""):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("system", [os, SimpleNamespace(name="nt")], ids=["here", "Windows"])
def test_an_interruption_waits_for_a_callback_of_compiled_code(system: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, where `os.kill` would end the process, without it."""
    monkeypatch.setattr(options, "os", system)
    done = []

    def asked() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("the callback")

    with pytest.raises(typer.Exit), interruptible(Progress(), ""):
        compile_asking(asked)
    assert set(done) == {"the callback"}


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="Windows cannot interrupt a job")
def test_a_timeout_waits_for_a_callback_of_compiled_code() -> None:
    done = []

    def asked() -> None:
        time.sleep(0.5)
        done.append("the callback")

    asking = Task(key="a", kind="ask", function=compile_asking, arguments=(asked,), resources=JobResources(timeout=0.2))
    failure = perform(asking).failure
    assert failure is not None
    assert failure.kind == "TimeoutError", failure
    assert set(done) == {"the callback"}

"""A chip under another kind of synchronization, as an axis or a trial of a study sets it."""

from __future__ import annotations

import pytest
from handmade_hardware import MESH_CORES, STATED, SYNCHRONIZATIONS, TIMES, chip_from, cost_of, number, shape_of

import codesign as cd
from codesign.hardware import terms
from codesign.hardware.chip.kinds import KINDS, in_words
from codesign.hardware.chip.parameters import with_parameter, with_parameters

BARRIER = (
    f"{{kind: barrier, scope: timestep, times: {{by_tiles: {{1: 1 us}}, {STATED}}}, least_step: {number('9 us')}}}"
)
WORDS = [*(kind for kind in KINDS if kind != "timer"), "barrier by layer", "timer 50 us"]


@pytest.mark.parametrize("words", WORDS)
def test_the_chips_own_schedule_and_its_latency_follow_from_the_kind(words: str, two_timesteps: cd.Execution) -> None:
    chip = chip_from(f"{MESH_CORES}group_size: {number(3)}\n{TIMES}synchronization: {{kind: asynchronous}}\n")
    kind = with_parameter(chip, "synchronization", words)
    assert kind.synchronization.kind == words.split()[0]
    assert in_words(kind.synchronization) == ("timer" if words.startswith("timer") else words)
    shape = shape_of("3-4-2")
    result, grouped = (cd.chip_schedule(cd.place(shape, kind), stop="drained", group_size=f) for f in (None, 2))
    schedule = result.schedule
    waits = words not in ("asynchronous", "clocked")
    assert schedule.synchronization_threshold == ("layer" if waits else 1)
    assert (schedule.group_size, grouped.schedule.group_size) == (None if waits else 3, 2)
    assert schedule.barrier_messages == schedule.equivalent_to_layered(shape) == waits
    assert not (waits and (result.assumptions or grouped.assumptions))
    assert kind.group_size == (None if kind.synchronized else chip.group_size)
    latency = cost_of(two_timesteps, kind).latency
    # Barriers take a time that an asynchronous chip does not give.
    assert (latency.total_s is None) == words.startswith("barrier")
    assert any("synchronization.times" in text for text in latency.not_modelled) == words.startswith("barrier")


def test_what_both_kinds_have_stays() -> None:
    chip = chip_from(f"{MESH_CORES}synchronization: {BARRIER}\n")
    by_layer = with_parameter(chip, "synchronization", "barrier by layer").synchronization
    own = chip.synchronization
    assert (by_layer.scope, by_layer.times, by_layer.least_step) == ("layer", own.times, own.least_step)
    both = {"synchronization.handshake": "20 ns", "synchronization": "neighbour"}  # in any order
    assert with_parameters(chip, both).synchronization.handshake.value == 20e-9
    timed = cd.find_chip("spinnaker2")
    assert with_parameter(timed, "synchronization", "timer").synchronization == timed.synchronization
    short = with_parameter(timed, "synchronization", "timer 100 us").synchronization
    assert (short.tick.value, short.overload) == (pytest.approx(1e-4), "drop")
    assert with_parameter(chip, "synchronization", "barrier").synchronization == own


def test_every_kind_has_a_word() -> None:
    assert KINDS.keys() == terms.SYNCHRONIZATIONS.keys() == SYNCHRONIZATIONS.keys()

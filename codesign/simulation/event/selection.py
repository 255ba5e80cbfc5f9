"""Choosing F of the waiting neurons: the policy's priorities become sortable keys, and a threshold separates them.

A key is an int32 that sorts like its float32 priority. A few keys are ranked by counting. Among many, interpolation and
bisection, with one vectorized count per iteration, find a threshold that slightly more than F keys reach, and those are
ranked. Ties between equal priorities go to the lower number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, routine
from codesign.simulation.event.draws import absorb, uniform_numbers
from codesign.simulation.event.priorities import GIVEN, call_policy, key_of, priority_of
from codesign.simulation.event.vector import (
    BLOCK,
    LANES,
    above,
    add,
    fill_as,
    highest,
    highest_lane,
    lanes_of,
    lanes_set,
    load,
    lowest,
    lowest_lane,
    mask_of,
    one_by_one,
    reaches,
    select,
    store,
    unsigned_index,
)

FEW = 32
"""Most waiting sources for which `choose_among_few` is worthwhile: two vectors of keys."""
_ZERO, _ONE = np.int32(0), np.int32(0x3F800000)
"""Keys of the priorities 0 and 1."""
FIRST, LAST = np.int32(0x7FFFFFFF), np.int32(-(1 << 31))
"""Keys above and below that of any priority."""
_BYTES, _MOST_IN_BYTE, _RUNNING_SUMS = 8, np.uint64(255), np.uint64(0x0101010101010101)
"""Bytes of a uint64, the most one holds, and the factor that turns each byte into the sum of itself and those below."""


@routine
def choose(network: Any, rules: Any, draw_keys: Any, step: Any, state: Any, waiting: Any, inputs_waiting: Any) -> Any:
    """Move the group from `Queue.waiting` to `chosen`; `draw_keys` are the pass's keys for neurons and for inputs.

    Returns how many were chosen (−1 if the policy failed) and how many still wait.
    """
    queue, ranking, limit = state.queue, state.ranking, rules.group_size
    if waiting <= limit:
        for i in range(waiting):
            queue.chosen[i] = queue.waiting[i]
        return np.int64(waiting), np.int64(0)
    ranking.draw_keys[0] = absorb(draw_keys[0], step)
    ranking.draw_keys[1] = absorb(draw_keys[1], step)
    if rules.uniform:
        keys = ranking.draw_keys
        for i in range(0, waiting, LANES):
            drawn = uniform_numbers(load(queue.waiting, i), keys[0], keys[1], rules.inputs)
            store(ranking.keys, i, drawn)
    elif call_policy(network, rules, state, waiting, step) != GIVEN:
        return np.int64(-1), np.int64(0)
    if rules.prioritize_input and inputs_waiting > 0:
        for i in range(waiting):
            if queue.waiting[i] < rules.inputs:
                ranking.keys[i] = FIRST if inputs_waiting < limit else ranking.keys[i]
            elif inputs_waiting >= limit:
                ranking.keys[i] = LAST
    if limit == 1:
        choose_one(ranking.keys, queue.waiting, waiting, queue.chosen)
        return np.int64(1), waiting - 1
    if waiting <= FEW and choose_among_few(ranking.keys, queue.waiting, waiting, limit, queue.chosen):
        return np.int64(limit), waiting - limit
    if rules.uniform and not rules.prioritize_input:
        least, reached = _between(ranking.keys, ranking.few, waiting, limit, _ZERO, _ONE)
    else:
        least, reached = separator(ranking.keys, ranking.few, waiting, limit)
    if reached > limit:
        keep_lowest_equals(ranking.keys, queue.waiting, waiting, least, limit, ranking.equals, ranking.few)
    chosen = move_reaching(ranking.keys, least, queue.waiting, waiting, queue.chosen)
    return chosen, waiting - chosen


@leaf
def order_by_layer(wiring: Any, queue: Any, rows: Any, chosen: Any) -> None:
    """Sort the chosen sources into `ordered` by layer, note where each layer ends, and write the row of each source
    that has a single one to `rows`. One loop over all of them: a loop per layer would end unpredictably."""
    layer_of, row_of, ends = wiring.source_layer, wiring.single_row, queue.layer_ends
    in_bytes = end_by_layer(layer_of, queue.chosen, chosen, ends)
    if in_bytes != 0:
        _order_few(layer_of, row_of, queue, rows, chosen, in_bytes)
        return
    begin = np.int64(0)
    for layer in range(len(ends)):  # the beginning of each layer, which the next loop advances to its end
        begin, ends[layer] = ends[layer], begin
    for i in range(chosen):
        source = unsigned_index(queue.chosen[i])
        layer = unsigned_index(layer_of[source])
        place = unsigned_index(ends[layer])
        queue.ordered[place] = source
        rows[place] = row_of[source]
        ends[layer] += 1


@leaf
def end_by_layer(layer_of: Any, sources: Any, count: Any, ends: Any) -> Any:
    """Write to `ends` where each layer ends when the sources are sorted by layer.

    Also returns these ends as the bytes of one number, or 0 if they do not fit into bytes or there is no source. Layers
    are counted in this number, which stays in a register: counts in memory would be read right after being written, on
    which a processor stalls, as it does when a vector is loaded from memory that was just written in smaller parts.
    """
    if count > _MOST_IN_BYTE or len(ends) > _BYTES:
        for layer in range(len(ends)):
            ends[layer] = 0
        for i in range(count):
            ends[unsigned_index(layer_of[unsigned_index(sources[i])])] += 1
        for layer in range(1, len(ends)):
            ends[layer] += ends[layer - 1]
        return np.uint64(0)
    in_bytes = np.uint64(0)
    for i in range(count):
        in_bytes += np.uint64(1) << _byte_of(layer_of[unsigned_index(one_by_one(sources[i]))])
    in_bytes *= _RUNNING_SUMS
    for layer in range(len(ends)):
        ends[layer] = (in_bytes >> _byte_of(layer)) & _MOST_IN_BYTE
    return in_bytes


@leaf
def _order_few(layer_of: Any, row_of: Any, queue: Any, rows: Any, chosen: Any, in_bytes: Any) -> None:
    """`order_by_layer` if all ends are bytes of one number."""
    places = in_bytes << _byte_of(1)  # where each layer begins: the sum of the bytes below
    for i in range(chosen):
        source = unsigned_index(queue.chosen[i])
        byte = _byte_of(layer_of[source])
        place = (places >> byte) & _MOST_IN_BYTE
        queue.ordered[place] = source
        rows[place] = row_of[source]
        places += np.uint64(1) << byte


@leaf
def _byte_of(layer: Any) -> Any:
    """The lowest bit of a layer's byte."""
    return np.uint64(8 * layer)


@leaf
def separator(keys: Any, few: Any, count: Any, wanted: Any) -> Any:
    """A number that at least `wanted` of the first `count` keys reach, and how many do; 0 < wanted < count.

    More than `wanted` keys reach it only if ties leave no other number. At least `wanted` keys must be above `LAST`.
    Keys after `count`, up to a block, are overwritten; `few` has room for four vectors.
    """
    store(keys, count, fill_as(load(keys, 0), keys[0]))
    least = most = load(keys, 0)
    for i in range(LANES, count, LANES):
        least, most = _lower(least, load(keys, i)), _higher(most, load(keys, i))
    return _between(keys, few, count, wanted, lowest(least), highest(most))


@leaf
def _between(keys: Any, few: Any, count: Any, wanted: Any, low: Any, high: Any) -> Any:
    """`separator` of keys from `low` to `high`."""
    last = fill_as(load(keys, 0), LAST)
    for i in range(count, count + BLOCK, LANES):
        store(keys, i, last)
    reach_low, reach_above = count, np.int64(0)  # keys that reach `low`: enough; and `high` + 1: too few
    aim = wanted + FEW // 4 if wanted >= FEW else min(2 * wanted + 2, (wanted + FEW) // 2)
    halve = False
    while low < high:
        distance = np.int64(high) - np.int64(low)
        middle = np.int64(low) + 1 + distance // 2
        if not halve:  # interpolate as if priorities were evenly spread; bisecting in between bounds the iterations
            share = np.float32(reach_low - aim) / np.float32(reach_low - reach_above)
            bottom, top = priority_of(low), priority_of(high)
            guess = bottom + (top - bottom) * share
            if bottom < guess < top:
                middle = np.int64(key_of(guess)) + 1
        middle = min(max(middle, np.int64(low) + 1), np.int64(high))
        reach_middle = _reach(keys, count, np.int32(middle))
        if wanted <= reach_middle <= reach_above + FEW:
            return _separator_of_those(keys, few, count, wanted, np.int32(middle), high, reach_above)
        if reach_middle >= wanted:
            low, reach_low = np.int32(middle), reach_middle
            if reach_middle == wanted:
                break
        else:
            high, reach_above = np.int32(middle - 1), reach_middle
        halve = not halve
    return low, reach_low


@leaf
def _reach(keys: Any, count: Any, least: Any) -> Any:
    """How many of the first `count` keys reach a number; they must be followed by `LAST` up to a block."""
    reached = np.int64(0)
    for i in range(0, count, BLOCK):
        reached += lanes_set(_block_reaching(keys, i, least))
    return reached


@leaf
def _block_reaching(keys: Any, i: Any, least: Any) -> Any:
    """Bits of those of the 64 keys from `i` on that reach a number."""
    lanes = _reaching(keys, i, least) | (_reaching(keys, i + LANES, least) << LANES)
    lanes |= _reaching(keys, i + 2 * LANES, least) << 2 * LANES
    return lanes | (_reaching(keys, i + 3 * LANES, least) << 3 * LANES)


@leaf
def _reaching(keys: Any, i: Any, least: Any) -> Any:
    """Bits of those of the 16 keys from `i` on that reach a number."""
    found = load(keys, i)
    return lanes_of(reaches(found, fill_as(found, least)))


@leaf
def _separator_of_those(keys: Any, few: Any, count: Any, wanted: Any, least: Any, most: Any, reach_above: Any) -> Any:
    """`separator` if at most `FEW` keys lie from `least` to `most` and `reach_above` keys, fewer than `wanted`,
    above."""
    found = np.int64(0)
    for i in range(0, count, BLOCK):
        lanes = _block_reaching(keys, i, least)
        while lanes != 0:
            key = keys[unsigned_index(i + lowest_lane(lanes))]
            few[unsigned_index(found)] = key
            found += key <= most
            lanes &= lanes - 1
    lanes = _highest_of_few(few, found, wanted - reach_above)
    low, high = _where(few, 0, lanes, FIRST), _where(few, LANES, lanes >> LANES, FIRST)
    return lowest(_lower(low, high)), reach_above + lanes_set(lanes)


@leaf
def _highest_of_few(keys: Any, count: Any, wanted: Any) -> Any:
    """Bits of the `wanted` highest of at most `FEW` keys, and of those equal to the last of them.

    Each key's rank is counted, so no branch depends on the keys. Keys after `count`, up to `FEW`, are ignored.
    """
    low, high = load(keys, 0), load(keys, LANES)
    none, one = fill_as(low, np.int32(0)), fill_as(low, np.int32(1))
    above_low = above_high = none
    for i in range(count):
        key = fill_as(low, keys[i])
        above_low = add(above_low, select(above(key, low), one, none))
        above_high = add(above_high, select(above(key, high), one, none))
    limit = fill_as(low, np.int32(wanted))
    lanes = lanes_of(above(limit, above_low)) | (lanes_of(above(limit, above_high)) << LANES)
    return lanes & _first_lanes(count)


@leaf
def _where(keys: Any, i: Any, lanes: Any, otherwise: Any) -> Any:
    """The 16 keys from `i` on, replaced by `otherwise` where the bit in `lanes` is not set."""
    found = load(keys, i)
    return select(mask_of(found, lanes), found, fill_as(found, otherwise))


@leaf
def _lower(a: Any, b: Any) -> Any:
    return select(above(a, b), b, a)


@leaf
def _higher(a: Any, b: Any) -> Any:
    return select(above(a, b), a, b)


@leaf
def keep_lowest_equals(keys: Any, sources: Any, count: Any, least: Any, wanted: Any, scratch: Any, few: Any) -> None:
    """Break ties if more than `wanted` keys reach `least`: of those equal to it, only the lowest sources keep
    theirs."""
    higher = equals = np.int64(0)
    for i in range(count):
        scratch[equals] = -sources[i]
        equals += keys[i] == least
        higher += keys[i] > least
    last, _ = separator(scratch, few, equals, wanted - higher)
    for i in range(count):
        if keys[i] == least and -sources[i] < last:
            keys[i] = LAST


@leaf
def _move(lanes: Any, begin: Any, waiting: Any, stay: Any, chosen: Any, moved: Any) -> None:
    """Move the sources at `begin` + set bits of `lanes` from `waiting`, which holds `stay` sources, to `chosen`.

    From the last to the first, so that the last remaining source can fill each gap.
    """
    while lanes != 0:
        lane = highest_lane(lanes)
        lanes ^= np.int64(1) << lane
        place = unsigned_index(begin + lane)
        chosen[unsigned_index(moved)] = waiting[place]
        moved += 1
        stay -= 1
        waiting[place] = waiting[unsigned_index(stay)]


@leaf
def choose_among_few(keys: Any, waiting: Any, count: Any, wanted: Any, chosen: Any) -> Any:
    """Move the `wanted` sources with the highest keys, out of at most `FEW`; return False and move none if there are
    ties for the last place."""
    lanes = _highest_of_few(keys, count, wanted)
    if lanes_set(lanes) != wanted:
        return False
    _move(lanes, np.int64(0), waiting, count, chosen, np.int64(0))
    return True


@leaf
def choose_one(keys: Any, waiting: Any, count: Any, chosen: Any) -> None:
    """Move the source with the highest key, among equals the lowest; at least one key must be above `LAST`. Keys after
    `count`, up to a block, are ignored."""
    most = fill_as(load(keys, 0), LAST)
    for i in range(0, count, LANES):
        most = _higher(most, _where(keys, i, _first_lanes(min(count - i, LANES)), LAST))
    high, place = highest(most), np.int64(-1)
    for begin in range(0, count, BLOCK):
        lanes = _block_reaching(keys, begin, high) & _first_lanes(min(count - begin, BLOCK))
        while lanes != 0:
            here = begin + lowest_lane(lanes)
            lanes &= lanes - 1
            if place < 0 or waiting[unsigned_index(here)] < waiting[unsigned_index(place)]:
                place = here
    chosen[0] = waiting[unsigned_index(place)]
    waiting[unsigned_index(place)] = waiting[unsigned_index(count - 1)]


@leaf
def _first_lanes(count: Any) -> Any:
    """The lowest `count` bits, 0 < count ≤ 64."""
    return (np.int64(1) << (count - 1) << 1) - 1


@leaf
def move_reaching(keys: Any, least: Any, waiting: Any, count: Any, chosen: Any) -> Any:
    """Move the sources whose keys reach `least` from `waiting` to `chosen`; return how many. As for `_reach`, keys must
    be followed by `LAST`."""
    moved = np.int64(0)
    begin = (count - 1) // BLOCK * BLOCK
    stay = count
    while begin >= 0:
        lanes = _block_reaching(keys, begin, least)
        _move(lanes, begin, waiting, stay, chosen, moved)
        moved += lanes_set(lanes)
        stay -= lanes_set(lanes)
        begin -= BLOCK
    return moved

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade_hardware import Builder, chip_from, number
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import InputError
from codesign.hardware.mapping import map_network
from codesign.hardware.traffic import Link, traffic_of
from codesign.hardware.work import layout_of
from codesign.network.topology import network_shape, parse_topology


def mesh_chip(
    rows: int, columns: int, per_tile: int = 1, *, neurons: int = 1, amount: int | None = None, more: str = ""
):
    body = (
        f"cores: {number(rows * columns * per_tile if amount is None else amount)}\n"
        f"layers_share_core: false\nneurons_per_core: {number(neurons)}\nsynchronization: {{kind: asynchronous}}\n"
        f"network_on_chip: {{shape: mesh, rows: {rows}, columns: {columns}, cores_per_tile: {per_tile}, "
        "confidence: stated, source: made_up}\n"
    )
    return chip_from(body + more)


def traffic(topology: str, chip, capacity="published"):
    return traffic_of(map_network(network_shape(parse_topology(topology)), chip, capacity), chip)


def loads(found, messages) -> dict[tuple[int, int, str], float]:
    """Messages by chip, tile and direction, for links that carry any."""
    by_link = found.link_loads(messages)
    links = {number: found.link(number) for number in np.flatnonzero(by_link).tolist()}
    return {(link.chip, link.tile, link.direction): by_link[number] for number, link in links.items()}


def test_messages_run_along_the_row_first_and_then_along_the_column() -> None:
    """A core a tile of a 3×2 mesh: the first layer on tiles 0 1 / 2, the second on tiles 3 / 4 5, row by row."""
    found = traffic("1-3-3", mesh_chip(3, 2))
    pairs = list(zip(found.source.tolist(), found.destination.tolist(), strict=True))
    assert pairs == [(0, 0), (0, 1), (0, 2), *((source, to) for source in (1, 2, 3) for to in (3, 4, 5))]
    assert found.horizontal.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert found.vertical.tolist() == [0, 0, 1, 1, 2, 2, 1, 2, 2, 0, 1, 1]
    assert found.crossings.tolist() == [0] * 12
    # 2 messages from the neuron on tile 0 to the one on tile 5: east on row 0, then down column 1
    messages = np.zeros(12)
    messages[found.pairs(1, 5)] = 2
    assert loads(found, messages) == {(0, 0, "east"): 2, (0, 1, "south"): 2, (0, 3, "south"): 2}
    # and from tile 1 to tile 4: west first, then down column 0
    messages = np.zeros(12)
    messages[found.pairs(2, 4)] = 1
    assert loads(found, messages) == {(0, 1, "west"): 1, (0, 0, "south"): 1, (0, 2, "south"): 1}


def test_messages_may_run_back() -> None:
    """A 2×2 mesh with the first layer on tile 3 and the second on tile 0."""
    chip = mesh_chip(2, 2)
    mapping = map_network(network_shape(parse_topology("1-1-1")), chip, "published")
    parts = tuple(replace(part, core=core) for part, core in zip(mapping.placements, (3, 0), strict=True))
    found = traffic_of(replace(mapping, placements=parts), chip)
    messages = np.zeros(2)
    messages[found.pairs(1, 1)] = 3
    assert loads(found, messages) == {(0, 3, "west"): 3, (0, 2, "north"): 3}


def test_cores_of_one_tile_are_no_hop_apart() -> None:
    found = traffic("1-2-2", mesh_chip(1, 2, per_tile=2))
    assert found.horizontal.tolist() == [0, 0, 1, 1, 1, 1]
    # four pairs of neurons, all over the one link from tile 0 to tile 1
    assert loads(found, np.ones(6)) == {(0, 0, "east"): 4}


def test_several_chips_are_left_and_entered_through_tile_0() -> None:
    """Two tiles in a row on each of three chips, and a neuron on each: layers on chips 0 0 1, 1 2 2."""
    found = traffic("1-3-3", mesh_chip(1, 2, more=f"multi_chip: {{most: {number(3)}}}\n"))
    assert found.table(found.crossings).tolist() == [
        [0, 0, 1, 0, 0, 0],  # the input
        [0, 0, 0, 1, 2, 2],
        [0, 0, 0, 1, 2, 2],
        [0, 0, 0, 0, 1, 1],
        *[[0] * 6] * 3,
    ]
    assert found.table(found.horizontal).tolist() == [
        [0, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 2, 1, 2],
        [0, 0, 0, 1, 0, 1],
        *[[0] * 6] * 3,
    ]
    messages = np.zeros(len(found.source))
    messages[found.pairs([2, 0], [5, 2])] = [4, 9]  # tile 1 of chip 0 to tile 1 of chip 2; the input to chip 1, tile 0
    assert loads(found, messages) == {(0, 1, "west"): 4, (2, 0, "east"): 4}


def test_added_cores_lie_in_further_rows() -> None:
    found = traffic("1-1-1-1-1", mesh_chip(1, 2), "scaled")
    assert found.horizontal.tolist() == [0, 1, 1, 1]
    assert found.vertical.tolist() == [0, 0, 1, 0]
    assert found.tiles == 4
    assert found.link(9) == Link(chip=0, tile=2, direction="west")


def test_links_are_not_known_without_a_network() -> None:
    body = f"cores: {number(2)}\nlayers_share_core: false\nsynchronization: {{kind: asynchronous}}\n"
    found = traffic("3-2-2", chip_from(body))
    assert found.horizontal is None
    assert found.vertical is None
    with pytest.raises(InputError, match="describes no network_on_chip"):
        found.link_loads([1, 1])
    one = traffic("3-2", chip_from(body))
    assert one.horizontal.tolist() == one.vertical.tolist() == [0]


def test_what_does_not_belong_together_is_refused() -> None:
    chip = mesh_chip(2, 2)
    mapping = map_network(network_shape(parse_topology("1-1-1")), chip, "published")
    with pytest.raises(InputError, match="is for chip 'tiny', found 'other'"):
        traffic_of(mapping, chip.model_copy(update={"name": "other"}))
    with pytest.raises(InputError, match="placements of the layer after its own only"):
        traffic_of(mapping, chip).pairs([0, 1], [0, 0])


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    mesh=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
    neurons=st.integers(1, 4),
    chips=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_links_carry_every_hop_and_lead_somewhere(
    sizes: list[int], mesh: tuple[int, int, int], neurons: int, chips: bool, seed: int
) -> None:
    rows, columns, per_tile = mesh
    chip = mesh_chip(rows, columns, per_tile, neurons=neurons, more="multi_chip: {}\n" if chips else "")
    mapping = map_network(network_shape(parse_topology("-".join(map(str, sizes)))), chip, "scaled")
    found = traffic_of(mapping, chip)
    parts = [sum(part.layer == layer for part in mapping.placements) for layer in range(len(sizes) - 1)]
    assert len(found.source) == sum(a * b for a, b in zip([1, *parts], parts, strict=False))
    messages = np.random.default_rng(seed).integers(0, 20, (3, 2, len(found.source)))
    by_link = found.link_loads(messages)
    assert by_link.shape[:2] == (3, 2)
    hops = found.horizontal + found.vertical
    np.testing.assert_array_equal(by_link.sum(axis=2), (messages * hops).sum(axis=2))
    flat = by_link.reshape(*by_link.shape[:2], -1, 4)
    np.testing.assert_array_equal(flat[..., :2].sum(axis=(2, 3)), (messages * found.horizontal).sum(axis=2))
    step = {"east": (0, 1), "west": (0, -1), "south": (1, 0), "north": (-1, 0)}
    for number_ in np.flatnonzero(by_link.any(axis=(0, 1))).tolist():
        link = found.link(number_)
        row, column = divmod(link.tile, columns)
        row, column = row + step[link.direction][0], column + step[link.direction][1]
        assert 0 <= row < found.tiles // columns
        assert 0 <= column < columns
        assert 0 <= link.chip < mapping.chips_used


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4), chips=st.booleans())
def test_each_pair_follows_one_way_from_its_source_to_its_destination(sizes: list[int], chips: bool) -> None:
    """Walks the links of each pair, one after the other, on each chip that the message sees."""
    chip = mesh_chip(2, 3, neurons=2, more="multi_chip: {}\n" if chips else "")
    mapping = map_network(network_shape(parse_topology("-".join(map(str, sizes)))), chip, "scaled")
    found = traffic_of(mapping, chip)
    step = {"east": 1, "west": -1, "south": 3, "north": -3}
    for pair, (source, destination) in enumerate(zip(found.source, found.destination, strict=True)):
        start = 0 if source == 0 else mapping.placements[source - 1].core
        end = mapping.placements[destination].core
        places = [divmod(core, 6) if chips else (0, core) for core in (start, end)]
        legs = [(places[0][0], places[0][1], places[1][1])]
        if places[0][0] != places[1][0]:
            legs = [(places[0][0], places[0][1], 0), (places[1][0], 0, places[1][1])]
        passed = [found.link(number_) for number_ in found.passes[[pair]].nonzero()[1].tolist()]
        for at_chip, tile, goal in legs:
            for directions in (("east", "west"), ("south", "north")):
                while True:
                    ways = [one for one in passed if (one.chip, one.tile) == (at_chip, tile)]
                    ways = [one for one in ways if one.direction in directions]
                    if not ways:
                        break
                    passed.remove(ways[0])
                    tile += step[ways[0].direction]
            assert tile == goal
        assert not passed


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4), mesh=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_tiles_numbered_along_columns_are_the_transposed_mesh(sizes: list[int], mesh: tuple[int, int]) -> None:
    """Rows and columns exchanged: what was horizontal is vertical, and hops are as many."""
    rows, columns = mesh
    chip = mesh_chip(rows, columns, neurons=2)
    mapping = map_network(network_shape(parse_topology("-".join(map(str, sizes)))), chip, "scaled")
    plain = chip.network_on_chip
    network = plain.model_copy(update={"numbering": "columns", "rows": columns, "columns": rows})
    along, across = traffic_of(mapping, chip), traffic_of(mapping, chip.model_copy(update={"network_on_chip": network}))
    np.testing.assert_array_equal(along.horizontal, across.vertical)
    np.testing.assert_array_equal(along.vertical, across.horizontal)
    assert along.passes.sum() == across.passes.sum()


@pytest.mark.parametrize("numbering", ["rows", "columns"])
@pytest.mark.parametrize("chips", [False, True])
def test_the_layout_of_an_execution_has_the_same_hops(numbering: str, chips: bool) -> None:
    chip = mesh_chip(2, 3, neurons=2, more="multi_chip: {}\n" if chips else "")
    network = chip.network_on_chip.model_copy(update={"numbering": numbering})
    chip = chip.model_copy(update={"network_on_chip": network})
    builder = Builder("3-5-4-3")
    mapping = map_network(builder.shape, chip, "scaled")
    builder.slices = mapping.slices()
    layout = layout_of(builder.message(-1, 0, 1).build(), chip, mapping)
    traffic = traffic_of(mapping, chip)
    row = np.append(0, 1 + layout.core)[traffic.source]
    core = layout.core[traffic.destination]
    np.testing.assert_array_equal(layout.horizontal[row, core], traffic.horizontal)
    np.testing.assert_array_equal(layout.vertical[row, core], traffic.vertical)
    np.testing.assert_array_equal(layout.crossings[row, core], traffic.crossings)
    assert layout.links.sum() == traffic.passes.sum()

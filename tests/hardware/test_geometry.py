from __future__ import annotations

from collections import Counter

import pytest
from handmade_hardware import ASYNCHRONOUS, chip_from, mesh_chip, number, shape_of
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import InputError
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.placement.placement import Placement, place


def placed(topology: str, chip, capacity="published") -> Placement:
    return place(shape_of(topology), chip, capacity)


def test_links_are_not_known_without_a_network() -> None:
    chip = chip_from(f"cores: {number(2)}\nlayers_share_core: false\n{ASYNCHRONOUS}")
    geometry = placed("3-2-2", chip).geometry
    assert not geometry.described
    assert geometry.links.shape == (3, 0)
    one = placed("3-2", chip).geometry
    assert one.described
    assert not one.ways.any()


def way(start: int, end: int, line: int, numbering: str) -> list[tuple[int, int]]:
    """Links from tile to tile, each a tile and a direction: east, west, south or north."""
    at, to, links = list(divmod(start, line)), divmod(end, line), []
    along = 1 if numbering == "rows" else 0
    for axis, forward in ((along, 0), (1 - along, 2)):
        while at[axis] != to[axis]:
            back = to[axis] < at[axis]
            links.append((at[0] * line + at[1], forward + back))
            at[axis] += -1 if back else 1
    return links


@settings(max_examples=100)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    mesh=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
    neurons=st.integers(1, 4),
    chips=st.booleans(),
    numbering=st.sampled_from(["rows", "columns"]),
)
def test_links_carry_every_hop(sizes, mesh, neurons, chips, numbering):
    """Follow every route hop by hop: along the row first, and to other chips through tile 0 of both."""
    rows, columns, per_tile = mesh
    chip = mesh_chip(rows, columns, per_tile, neurons=neurons, more="multi_chip: {}\n" if chips else "")
    network = chip.network_on_chip.model_copy(update={"numbering": numbering})
    chip = chip.model_copy(update={"network_on_chip": network})
    placement = placed("-".join(map(str, sizes)), chip, "scaled")
    geometry, line = placement.geometry, columns if numbering == "rows" else rows
    of_chip = rows * columns * per_tile if chips else 1 << 30
    places = [(part.core // of_chip, part.core % of_chip // per_tile) for part in placement.parts]
    walked = []
    for source, (own, start) in enumerate([(0, 0), *places]):
        layer = 0 if source == 0 else placement.parts[source - 1].layer + 1
        row = 0 if source == 0 else 1 + geometry.core[source - 1]
        passes = Counter()
        for part in geometry.parts_of(layer):
            other, end = places[part]
            legs = [(own, start, end)] if own == other else [(own, start, 0), (other, 0, end)]
            links = [(on, *link) for on, *ends in legs for link in way(*ends, line, numbering)]
            along = sum(link[2] < 2 for link in links)
            hops = geometry.ways[row, geometry.core[part]].tolist()
            assert hops == [along, len(links) - along, abs(own - other)]
            passes.update(links)
        walked.append(passes)
    used = sorted(set().union(*walked))
    assert geometry.links.tolist() == [[passes[link] for link in used] for passes in walked]


def test_a_mesh_without_rows_and_columns_is_as_near_to_a_square_as_holds_the_cores() -> None:
    chip = mesh_chip(4, 4)
    open_ = chip.model_copy(
        update={"network_on_chip": chip.network_on_chip.model_copy(update={"rows": None, "columns": None})}
    )
    found = {}
    for cores in (1, 2, 3, 5, 16, 17, 64):
        mesh = with_parameter(open_, "cores", cores).mesh
        found[cores] = mesh.rows, mesh.columns
    assert found == {1: (1, 1), 2: (1, 2), 3: (2, 2), 5: (2, 3), 16: (4, 4), 17: (4, 5), 64: (8, 8)}
    flat = with_parameter(open_, "network_on_chip.rows", 2)
    assert (flat.mesh.rows, flat.mesh.columns) == (2, 8)
    tall = with_parameter(open_, "network_on_chip.columns", 3)
    assert (tall.mesh.rows, tall.mesh.columns) == (6, 3)
    assert placed("1-16", open_).geometry.vertical[0].max() == placed("1-16", chip).geometry.vertical[0].max() == 3
    assert placed("1-16", flat).geometry.horizontal[0].max() == 7
    with pytest.raises(InputError, match=r"place for 8 cores .*, the chip has 16; leave out rows and columns"):
        with_parameter(chip, "network_on_chip.rows", 2)

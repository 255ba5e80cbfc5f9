from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_sweep import base_row, synthetic_metadata

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.columns import COLUMNS, SMALLEST
from codesign.analysis.results.limits import MOST_ROWS
from codesign.analysis.results.metadata import AxisFacts, JobFacts, ResultMetadata
from codesign.analysis.results.table import (
    METADATA_KEY,
    ResultTable,
    contents_equal,
    frame_of,
    read_results,
    write_results,
)
from codesign.errors import InputError
from codesign.exploration.definition.variants import MOST_POINTS

QUESTION = {"choose": "chip", "least": "energy_j", "where": ["accuracy within 1 point of best"]}
METADATA = replace(synthetic_metadata(mine=QUESTION), title="A sweep of <b>")


def row(**changes: object) -> dict[str, object]:
    return base_row("layered", "mubrain", "layered", 0, 0) | {"point": "p0", "accuracy": 0.5} | changes


def test_values_and_metadata_come_back_as_written(tmp_path):
    path = tmp_path / "new" / "results.parquet"
    given = {"group_size": 8, "equivalent_to_layered": False, "assumptions": ["a", "b"], "samples": np.int64(3)}
    given |= {"convergence_accuracy": (0.25, 0.5), "latency_spikes_counts": np.array([1, 2])}
    given |= {"energy_j": np.float64(1e-9)}
    write_results(path, [row(**given)], METADATA)
    table = read_results(path)
    assert table.metadata == METADATA
    assert len(repr(table)) < 200
    (only,) = table.frame.to_dict("records")
    for name, value in given.items():
        np.testing.assert_array_equal(only[name], value, err_msg=name)
    assert [path.name for path in path.parent.iterdir()] == ["results.parquet"]


def test_draws_come_back_in_single_precision(tmp_path):
    path = tmp_path / "r.parquet"
    write_results(path, [row(energy_draws_j=[1.23457e-9, 0.0], uncertain_terms=[], term_draws=[])], METADATA)
    (only,) = read_results(path).frame.to_dict("records")
    assert only["energy_draws_j"].dtype == np.float32
    assert only["energy_draws_j"] == pytest.approx([1.23457e-9, 0.0], rel=1e-7, abs=0)
    assert list(only["uncertain_terms"]) == []
    with pytest.raises(ValueError, match="energy_draws_j: must be float"):
        write_results(path, [row(energy_draws_j=["1"])], METADATA)


def test_null_stays_null_and_integers_stay_integers(tmp_path):
    path = tmp_path / "r.parquet"
    write_results(path, [row(group_size=8), row(point="p1", accuracy=None, evaluation_seed=1)], METADATA)
    frame = read_results(path).frame
    assert list(frame.columns) == list(COLUMNS)
    assert str(frame["group_size"].dtype) == "Int64"
    assert frame["group_size"].isna().tolist() == [False, True]
    assert frame["accuracy"].isna().tolist() == [False, True]
    assert frame["policy"].tolist() == [None, None]
    assert frame["assumptions"].tolist() == [None, None]


def test_rows_in_any_order_give_the_same_bytes(tmp_path):
    rows = [
        row(point=f"p{seed}{chip}", training_seed=seed, chip=chip, **{"axis.lanes": lanes})
        for seed in (0, 1)
        for chip in ("b", "a")
        for lanes in (4, None)
    ]
    write_results(tmp_path / "a", rows, METADATA)
    write_results(tmp_path / "b", rows[::-1], METADATA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_results(tmp_path / "a").frame["chip"].tolist() == ["a"] * 4 + ["b"] * 4


def test_rows_written_in_pieces_give_the_same_bytes(tmp_path, monkeypatch):
    rows = [
        row(
            point=f"p{number}",
            training_seed=7 - number,
            accuracy=None if number % 3 == 0 else number / 7,
            assumptions=[f"a{number}", "b"],
            energy_draws_j=None if number == 4 else [1.0, number],
            **({} if number < 3 else {"axis.lanes": number % 2, "axis.mode": "x" if number % 2 else None}),
        )
        for number in range(7)
    ]
    write_results(tmp_path / "whole", rows, METADATA)
    monkeypatch.setattr("codesign.analysis.results.table._PIECE", 2)
    write_results(tmp_path / "pieces", iter(rows), METADATA)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()
    with pytest.raises(ValueError, match="row 5: unknown column made_up"):
        write_results(tmp_path / "r", [*rows[:5], row(made_up=1)], METADATA)


@settings(max_examples=5)
@given(st.lists(st.tuples(st.none() | st.just(0.0) | st.floats(SMALLEST, 1e9), st.none() | st.text(max_size=5))))
def test_any_rows_survive_a_round_trip(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("r") / "r.parquet"
    rows = [row(point=f"p{i}", training_seed=i, energy_j=of, reason=why) for i, (of, why) in enumerate(cells)]
    write_results(path, rows, METADATA)
    table = read_results(path)
    assert [None if np.isnan(value) else value for value in table.frame["energy_j"]] == [cell[0] for cell in cells]
    assert table.frame["reason"].tolist() == [cell[1] for cell in cells]


def test_axes_are_texts_or_numbers_and_stand_last(tmp_path):
    path = tmp_path / "r.parquet"
    write_results(path, [row(**{"axis.lanes": 4, "axis.mode": "frame"})], METADATA)
    frame = read_results(path).frame
    assert list(frame.columns)[-2:] == ["axis.lanes", "axis.mode"]
    assert frame["axis.lanes"].tolist() == [4.0]
    with pytest.raises(ValueError, match=r"axis\.lanes: an axis holds strings or numbers, found both"):
        write_results(path, [row(**{"axis.lanes": 4}), row(**{"axis.lanes": "four"})], METADATA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy": 1.0}, "unknown column energy"),
        ({"accuracy": "0.5"}, "accuracy: must be float"),
        ({"accuracy": float("nan")}, "accuracy: must be finite"),
        ({"training_seed": 1.0}, "training_seed: must be int"),
        ({"assumptions": "a"}, "assumptions: must be a list"),
        ({"equivalent_to_layered": 1}, "equivalent_to_layered: must be bool"),
    ],
)
def test_wrong_rows_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write_results(tmp_path / "r", [row(**changes)], METADATA)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("number", ["1e61", "-1e-61", "9" * 400])
def test_a_number_in_the_metadata_is_of_a_size_that_numbers_have(number):
    text = METADATA.to_json().replace('"timestep_s": 0.01', f'"timestep_s": {number}')
    with pytest.raises(ValueError, match=r"workload\.timestep_s: must be 0 or from 1e-60 to 1e\+60 in size"):
        ResultMetadata.from_json(text)


def test_a_unit_is_short_since_it_stands_beside_each_value():
    axis = AxisFacts(name="chip.mubrain.cores", unit="x" * 1001)
    text = replace(METADATA, axes=(axis,)).to_json()
    with pytest.raises(ValueError, match=r"axes\.0\.unit: must be at most 1,000 characters, found 1,001"):
        ResultMetadata.from_json(text)


def test_a_number_that_is_not_finite_has_no_place_in_the_metadata(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path / "r", [row()], replace(METADATA, neuron={"time_constant_s": float("inf")}))


def test_damaged_results_are_named_with_the_reason(tmp_path):
    path = tmp_path / "r.parquet"
    write_results(path, [row(), row(training_seed=1)], METADATA)
    good, table = path.read_bytes(), pq.read_table(path)
    first = pq.ParquetFile(path).metadata.row_group(0).column(0)
    flipped = bytearray(good)
    flipped[first.dictionary_page_offset + first.total_compressed_size - 1] ^= 0xFF  # the last byte of its values
    other_sweep = json.dumps({**json.loads(METADATA.to_json()), "sweep": 1}).encode()

    def with_metadata(text: bytes) -> pa.Table:
        return table.replace_schema_metadata({METADATA_KEY: text})

    torn = "is not a Parquet file, or is truncated"
    foreign = "its metadata is damaged or from another version of codesign"
    contents: list[tuple[bytes | pa.Table, str]] = [
        *((part, torn) for part in (good[: len(good) // 2], bytes(flipped), good[4:], b"hello", b"")),
        (pa.table({"a": [1, 2]}), "is a Parquet file, but not from codesign"),
        *((with_metadata(text), foreign) for text in (b"{}", b"[]", b"{", b"\xff", other_sweep)),
        (with_metadata(b"{}"), r"version of codesign; run its sweep again \(sweep: Field required\)$"),
        (table.set_column(0, "sweep", pa.array([1, 1])), "column sweep: must be string, found int64"),
        (table.drop_columns(["chip"]), "lacks the required column chip"),
        (table.append_column("mine", pa.array([1, 1])), "unknown column mine; was it written by another version"),
    ]
    for content, reason in contents:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            pq.write_table(content, path)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}.*{reason}"):
            read_results(path)
    (tmp_path / "loop").symlink_to("loop")
    for name, reason in (("", "no such file"), ("x", "no such file"), ("loop", "Too many")):
        with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path / name))}.*{reason}"):
            read_results(tmp_path / name)
    pq.write_table(table.drop_columns(["energy_j"]), path)
    assert read_results(path).frame["energy_j"].isna().all()


RANGED: dict[str, object] = {
    "uncertain_numbers": ["a", "b"],
    "uncertain_low": [1.0, 0.0],
    "uncertain_value": [2.0, 2.0],
    "uncertain_high": [3.0, 3.0],
    "energy_draws_j": [1.0, 2.0, 3.0],
    "uncertain_terms": ["spike"],
    "term_draws": [0.5, 0.5, 0.5],
    "latency_spikes_bins": [0, 8, 16],
    "latency_spikes_counts": [3, 2, 1],
    "spike_density_quartiles": [1.0, 2.0, 3.0],
    "energy_coverage": ["spike"],
}


@pytest.fixture(scope="module")
def ranged(tmp_path_factory) -> pa.Table:
    """What a file of four rows holds."""
    path = tmp_path_factory.mktemp("ranged") / "r"
    write_results(path, [row(point=f"p{n}", **{"axis.lanes": 1.0, **RANGED}) for n in range(4)], METADATA)
    return pq.read_table(path)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("status", "good", "row 1: must be one of ok, infeasible, failed, found 'good'"),
        ("recipe", "x" * 1001, "row 1: must be at most 1,000 characters, found 1,001 characters"),
        ("accuracy", 1.5, "row 1: must be 0 or from 1e-60 to 1, found 1.5"),
        ("energy_j", math.nan, "row 1: must be 0 or from 1e-60 to 1e+60, found nan"),
        ("energy_j", -1.0, "row 1: must be 0 or from 1e-60 to 1e+60, found -1.0"),
        ("spike_density", 5e-324, "row 1: must be 0 or from 1e-60 to 1e+60, found 5e-324"),
        ("group_size", 0, "row 1: must be at least 1, found 0"),
        ("energy_coverage", [None], "row 1: must have a value in every entry"),
        ("spike_density_quartiles", [1.0], "row 1: must have 3 entries, found 1"),
        ("uncertain_low", [], r"row 1: must have len\(uncertain_numbers\) = 2 entries, found 0"),
        ("uncertain_low", [1.0, 2.5], "row 1: must not be above uncertain_value, found 2.5 above 2.0"),
        ("term_draws", [0.5], r"row 1: must have len\(uncertain_terms\) · len\(energy_draws_j\) = 3 entries, found 1"),
        ("energy_draws_j", [1.0] * 4, "row 1: must have as many entries in all rows, here 3, found 4"),
        ("latency_spikes_bins", [0, 8, 8], "row 1: must ascend, found an entry that is not above the one before it"),
        ("axis.lanes", math.inf, "row 1: must be 0 or from 1e-60 to 1e.60 in size, found inf"),
    ],
)
def test_cells_that_a_column_does_not_allow_are_named(tmp_path, ranged, column, cell, message):
    cells = ranged[column].to_pylist()
    cells[1] = cell
    field = ranged.schema.field(column)
    changed = ranged.set_column(ranged.column_names.index(column), field, pa.array(cells, field.type))
    pq.write_table(changed, tmp_path / "r")
    with pytest.raises(
        InputError, match=re.escape(f"{tmp_path / 'r'}: column {column}, ") + message.replace("1e+", r"1e\+")
    ):
        read_results(tmp_path / "r")


def test_all_wrong_cells_are_told_at_once_up_to_ten(tmp_path):
    write_results(tmp_path / "r", [row(), row(training_seed=1)], METADATA)
    table = pq.read_table(tmp_path / "r")
    wrong = [name for name, column in COLUMNS.items() if column.most == 1.0 and column.kind == "float"]
    wrong += ["energy_j", "latency_s", "on_s", "energy_hop_j", "energy_spike_j"]
    for name in wrong:
        table = table.set_column(table.column_names.index(name), name, pa.array([-1.0, -1.0]))
    pq.write_table(table, tmp_path / "r")
    with pytest.raises(InputError) as caught:
        read_results(tmp_path / "r")
    lines = str(caught.value).splitlines()
    assert len(lines) == 11 < len(wrong)
    assert lines[2].endswith("column accuracy, row 0 and 1 more: must be 0 or from 1e-60 to 1, found -1.0")
    assert lines[-1].endswith("there is more of the kind")
    with pytest.raises(InputError, match="column energy_j, row 0"):
        write_results(tmp_path / "w", [row(energy_j=-1.0)], METADATA)


def test_files_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    def refused(changes: dict[str, object], most: str) -> None:
        write_results(tmp_path / "r", [row(point=f"p{n}", **changes) for n in range(50)], METADATA)
        with monkeypatch.context() as patch:
            patch.setattr(f"codesign.analysis.results.limits.{most.partition(' ')[0]}", int(most.partition(" ")[2]))
            with pytest.raises(InputError, match=f"r: must hold at most {int(most.partition(' ')[2]):,} "):
                read_results(tmp_path / "r")

    refused({}, "MOST_ROWS 49")
    refused({"energy_draws_j": [1.0] * 500}, "MOST_VALUES 25000")
    refused({"reason": "x" * 5000}, "MOST_TEXT 200000")  # which the file has once
    refused({"not_modelled": ["x" * 5000]}, "MOST_TEXT 200000")
    refused({}, "MOST_BYTES 1000")
    assert MOST_ROWS == MOST_POINTS  # as many as a sweep may have design points


def test_files_of_two_sweeps_that_were_put_together_are_no_results(tmp_path):
    """Their rows would be averaged where entries have the same names."""
    path = tmp_path / "results.parquet"
    tables = []
    for accuracy in (0.5, 0.9):
        rows = [row(accuracy=accuracy, point=f"{accuracy}/{width}") | {"axis.width": width} for width in (1.0, None)]
        write_results(path, rows, METADATA)
        tables.append(pq.read_table(path))
    assert len(read_results(path).frame) == 2
    pq.write_table(pa.concat_tables(tables), path)
    with pytest.raises(InputError, match="has a design point twice"):
        read_results(path)
    together = AnsweredTable(frame=pa.concat_tables(tables).to_pandas(), metadata=METADATA)  # in memory
    with pytest.raises(InputError, match="results: has a design point twice"):
        _ = together.points
    write_results(path, [row(sweep="other", recipe="mine") | {"axis.width": 1.0}], METADATA)
    pq.write_table(pa.concat_tables([tables[0], pq.read_table(path)]), path)
    with pytest.raises(InputError, match=r"has rows of '\w+' and 'other'; results of several sweeps"):
        read_results(path)


def test_a_url_may_be_that_of_the_file_or_of_its_folder(tmp_path):
    place = f"memory://{tmp_path.name}/run.v2"
    write_results(f"{place}/results.parquet?skip_instance_cache=true", [], synthetic_metadata())
    for url in (place, f"{place}/", f"{place}/results.parquet", f"{place}?skip_instance_cache=true"):
        assert read_results(url).frame.empty


def test_contents_are_equal_whatever_the_wall_time(tmp_path):
    def written(metadata: ResultMetadata = METADATA, **changes: object) -> ResultTable:
        write_results(tmp_path / "r", [row(assumptions=["a"], **changes)], metadata)
        return read_results(tmp_path / "r")

    first = written(train_wall_s=1.0)
    assert contents_equal(first, written(replace(METADATA, jobs=JobFacts(reused=3))))
    assert not contents_equal(first, written(accuracy=0.75))
    assert not contents_equal(first, written(replace(METADATA, command="other")))
    changed = replace(first, frame=pd.concat([first.frame, first.frame], ignore_index=True))
    assert not contents_equal(first, changed)


def test_rows_in_memory_make_the_frame_that_a_file_of_them_has(tmp_path):
    rows = [
        row(refractory=True, **{"axis.lanes": None}),
        row(group_size=8, assumptions=["a"], energy_j=1e-9, **{"axis.lanes": 4}),
    ]
    write_results(tmp_path / "r", rows, METADATA)
    frame = read_results(tmp_path / "r").frame
    names = ["chip", "group_size", "refractory", "assumptions", "energy_j", "axis.lanes"]
    pd.testing.assert_frame_equal(frame_of(rows, names), frame[names])


def test_two_results_are_not_read_as_one():
    with pytest.raises(InputError, match=r"^location: must be one file or folder, found list; to compare two sweeps"):
        read_results(["a", "b"])

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.analysis.columns import COLUMNS
from codesign.analysis.metadata import ChipFacts, ChipNumber, JobFacts, Objective, ResultMetadata, WorkloadFacts
from codesign.analysis.table import METADATA_KEY, ResultTable, contents_equal, frame_of, read_results, write_results
from codesign.errors import InputError

METADATA = ResultMetadata(
    sweep="tiny",
    title="A tiny sweep",
    config_hash="abc",
    command="codesign sweep tiny.yaml",
    workload=WorkloadFacts(name="digits", train=10, validation=2, test=3, classes=10, timesteps=4, timestep_s=0.01),
    topology="64-8-10",
    static_book="board",
    objectives=(Objective(column="accuracy", direction="maximize", reference=0.0),),
    chips={
        "mubrain": ChipFacts(
            title="µBrain <b>",
            citation="Stuijt et al.",
            synchronization="asynchronous",
            numbers=(
                ChipNumber(
                    name="energy", value_si=26e-12, unit="J", text="26 pJ", confidence="measured", source="Table 2"
                ),
            ),
        )
    },
    recipes={"layered": {"method": "layered", "epochs": 5, "learning_rate": 5e-4, "patience": None}},
)


def row(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "sweep": "tiny",
        "point": "p0",
        "status": "ok",
        "workload": "digits",
        "topology": "64-8-10",
        "recipe": "layered",
        "training_method": "layered",
        "training_seed": 0,
        "evaluation_seed": 0,
        "chip": "mubrain",
        "schedule": "layered",
        "accuracy": 0.5,
    }
    return {**base, **changes}


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
    monkeypatch.setattr("codesign.analysis.table._PIECE", 2)
    write_results(tmp_path / "pieces", iter(rows), METADATA)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()
    with pytest.raises(ValueError, match="row 5: unknown column made_up"):
        write_results(tmp_path / "r", [*rows[:5], row(made_up=1)], METADATA)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e9, 1e9)), st.one_of(st.none(), st.text(max_size=5))), max_size=6
    )
)
def test_any_rows_survive_a_round_trip(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("r") / "r.parquet"
    rows = [
        row(point=f"p{i}", training_seed=i, energy_j=energy, reason=reason) for i, (energy, reason) in enumerate(cells)
    ]
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
        ({"status": None}, "status: must have a value"),
        ({"accuracy": "0.5"}, "accuracy: must be float"),
        ({"accuracy": float("nan")}, "accuracy: must be finite"),
        ({"training_seed": 1.0}, "training_seed: must be int"),
        ({"training_seed": True}, "training_seed: must be int"),
        ({"assumptions": "a"}, "assumptions: must be a list"),
        ({"equivalent_to_layered": 1}, "equivalent_to_layered: must be bool"),
    ],
)
def test_wrong_rows_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write_results(tmp_path / "r", [row(**changes)], METADATA)
    assert not (tmp_path / "r").exists()


def test_a_number_that_is_not_finite_has_no_place_in_the_metadata(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path / "r", [row()], replace(METADATA, neuron={"time_constant_s": float("inf")}))


def test_an_unreadable_file_says_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "r.parquet"
    with pytest.raises(InputError, match="no such file"):
        read_results(path)
    path.write_text("hello")
    with pytest.raises(InputError, match="not a Parquet file, or is truncated"):
        read_results(path)
    write_results(path, [row()], METADATA)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated"):
        read_results(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match="not one of codesign"):
        read_results(path)
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({METADATA_KEY: b"{}"}), path)
    with pytest.raises(InputError, match="metadata is damaged or of another version"):
        read_results(path)
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path)


def test_foreign_columns_are_named(tmp_path):
    path = tmp_path / "r.parquet"
    write_results(path, [row()], METADATA)
    whole = pq.read_table(path)
    for foreign, message in (
        (whole.drop_columns(["chip"]), "lacks the required column chip"),
        (whole.append_column("extra", pa.array([1])), "unknown column extra"),
        (
            whole.drop_columns(["accuracy"]).append_column("accuracy", pa.array(["x"])),
            "column accuracy: must be double, found string",
        ),
    ):
        pq.write_table(foreign, path)
        with pytest.raises(InputError, match=message):
            read_results(path)
    pq.write_table(whole.drop_columns(["energy_j"]), path)
    assert read_results(path).frame["energy_j"].isna().all()


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


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_results(tmp_path / "file" / "r.parquet", [row()], METADATA)


def test_rows_in_memory_make_the_frame_that_a_file_of_them_has(tmp_path):
    rows = [
        row(refractory=True, **{"axis.lanes": None}),
        row(group_size=8, assumptions=["a"], energy_j=1e-9, **{"axis.lanes": 4}),
    ]
    write_results(tmp_path / "r", rows, METADATA)
    frame = read_results(tmp_path / "r").frame
    names = ["chip", "group_size", "refractory", "assumptions", "energy_j", "axis.lanes"]
    pd.testing.assert_frame_equal(frame_of(rows, names), frame[names])

"""Results as a notebook asks for them."""

from __future__ import annotations

import pickle
from math import nan

import pytest
from synthetic_sweep import loihi_row, synthetic_metadata, synthetic_rows, table_of

from codesign.errors import InputError
from codesign.reporting.results import SweepResults, read_results


@pytest.fixture(scope="module")
def results() -> SweepResults:
    return SweepResults.of(table_of(synthetic_rows(), synthetic_metadata()))


def test_the_best_is_least_or_most_of_what_meets_the_constraints(results: SweepResults) -> None:
    accuracies = [point.value("accuracy").mean for point in results.points]
    assert results.best(most="accuracy").value("accuracy").mean == max(accuracies)
    near = results.best(least="spike_density", where=["accuracy within 2 points of best"])
    able = [point for point in results.points if point.value("accuracy").mean >= max(accuracies) - 0.02]
    assert near.value("spike_density").mean == min(point.value("spike_density").mean for point in able)
    with pytest.raises(InputError, match="no design point with a known energy_j meets accuracy > 100 %"):
        results.best(least="energy_j", where="accuracy > 100 %")
    with pytest.raises(InputError, match="give one of least and most"):
        results.best()
    with pytest.raises(InputError, match=r"no numeric column 'energy'; did you mean '\w+'\?$"):
        results.best(least="energy")
    with pytest.raises(InputError, match="no numeric column 'energy'; did you mean 'energy_j'"):
        results.points[0].value("energy")
    with pytest.raises(InputError, match="point: must be Point, found int"):
        results.savings(0)
    with pytest.raises(InputError, match="where: "):
        results.best(least="energy_j", where="accuracy is high")


def test_the_best_of_those_selected(results: SweepResults) -> None:
    for chip in {point.chip for point in results.points}:
        of_chip = [point.value("accuracy").mean for point in results.points if point.chip == chip]
        best = results.best(most="accuracy", select={"chip": chip})
        assert (best.chip, best.value("accuracy").mean) == (chip, max(of_chip))
    with pytest.raises(InputError, match="select: no point has chip mubran and policy fifo"):
        results.best(most="accuracy", select={"chip": "mubran", "policy": "fifo"})


def test_the_best_is_one_that_its_chip_can_execute_and_that_answers() -> None:
    """Layers that wait on a chip that cannot, and networks that never answer, cost least and are left out."""
    rows = [row for row in synthetic_rows() if row["status"] == "ok"]
    for row in rows:
        if row["chip"] == "mubrain" and row["schedule"] == "layered":
            row["energy_j"] = 1e-15
        if row["recipe"] == "layered" and row["chip"] == "loihi":
            row |= {"undecided_fraction": 1.0, "accuracy": 0.0, "energy_j": 1e-16}
    best = SweepResults.of(table_of(rows)).best(least="energy_j")
    assert not best.set_aside
    assert best.value("energy_j").mean > 1e-15


def test_the_best_of_two_chips_is_the_one_of_the_answers_where_one_lacks_terms() -> None:
    rows = [row for row in synthetic_rows() if row["status"] == "ok" and row["chip"] != "truenorth"]
    for row in rows:
        if row["chip"] == "mubrain":  # whose energy is that of operations alone
            row["energy_synaptic_operation_j"] = row["energy_j"] = row["energy_j"] / 100
    results = SweepResults.of(table_of(rows))
    assert results.answers[0].options[0].label == "µBrain"
    assert results.best(least="energy_j").chip == "mubrain"


def test_nothing_on_a_front_is_beaten_by_what_it_compares_with(results: SweepResults) -> None:
    front = results.front()
    assert list(front.columns)[4:] == ["accuracy", "energy_j", "latency_s", "front"]
    assert front.groupby("front")["chip"].unique().map(list).tolist() == [["TrueNorth"], ["Loihi"]]
    assert front["front"][0].startswith("nmnist, accelerated, energy of barrier message, hop,")
    front = results.front("accuracy", "spike_density")
    assert list(front.columns) == ["chip", "schedule", "recipe", "variant", "accuracy", "spike_density", "front"]
    ordered = front.sort_values("accuracy")
    assert ordered["spike_density"].is_monotonic_increasing
    assert front["accuracy"].max() == results.table()["accuracy"].max()


def test_savings_are_a_frame_that_rows_without_them_leave_empty(results: SweepResults) -> None:
    halves = {"halved_numbers": ["clock"], "energy_at_half": [0.75], "latency_at_half": None}
    (point,) = SweepResults.of(table_of([loihi_row("layered", seed, 0) | halves for seed in (0, 1)])).points
    (saving,) = results.savings(point).to_dict("records")
    assert saving == {
        "path": "clock",
        "change": "twice the clock",
        "energy": 0.75,
        "latency": pytest.approx(nan, nan_ok=True),
    }
    assert list(results.savings(results.points[0])) == list(saving)
    assert results.savings(results.points[0]).empty


def test_a_notebook_shows_the_first_answer_without_a_script(results: SweepResults) -> None:
    page = results._repr_html_()
    assert results.answers[0].sentence[:20] in page
    assert page.count("<table>") == 1
    assert "<tr><td>Loihi</td><td>94.9 ± 2.1 %</td>" in page
    hostile = "<script>alert(1)</script>"
    renamed = SweepResults.of(table_of(synthetic_rows(), synthetic_metadata()))
    object.__setattr__(renamed.metadata, "title", hostile)
    object.__setattr__(renamed, "answers", results.answers[:2])
    assert "<summary>1 more question</summary>" in renamed._repr_html_()
    assert "<script" not in renamed._repr_html_()
    assert "&lt;script&gt;" in renamed._repr_html_()


def test_a_notebook_shows_how_sure_each_answer_is(results: SweepResults) -> None:
    claim = next(answer for answer in results.answers if answer.name == "not_waiting")
    assert str(claim).startswith("A model trained layer by layer loses accuracy where layers do not wait. Layers wait:")
    assert f"<li>{claim}</li>" in results._repr_html_()
    alone = SweepResults.of(results)
    object.__setattr__(alone, "answers", (claim,))
    assert "<table" not in alone._repr_html_()
    assert f"({claim.how_sure})</p>" in alone._repr_html_()


def test_a_notebook_writes_values_as_the_page_does() -> None:
    """A measure in the unit of its column, and ≥ before an energy that lacks terms."""
    curve = {"convergence_accuracy": [0.9], "not_modelled": ["energy of hop: chip loihi gives no energies.hop"]}
    of = {"label": "Loihi", "of": {"chip": "loihi"}}
    asked = {"printed": "Table 2", "columns": ["accuracy_at_output", "energy_j"], "rows": {"loihi": of}}
    row = loihi_row("layered", 0, 0) | curve | {"energy_j": 1e-6}
    page = SweepResults.of(table_of([row], synthetic_metadata(it=asked)))._repr_html_()
    assert "<th>accuracy at the output</th><th>energy per sample</th>" in page
    assert "<td>Loihi</td><td>90.0 %</td><td>≥ 1 µJ</td>" in page


def test_a_notebook_shows_a_table_where_there_is_no_question() -> None:
    alone = SweepResults.of(table_of([loihi_row("layered", 0, 0) | {"energy_j": 3.938e-6}], synthetic_metadata()))
    assert not alone.answers
    assert "<td>Loihi, barrier, layered training</td><td>94.5 %</td><td>3.94 µJ</td>" in alone._repr_html_()
    assert repr(alone).startswith("<SweepResults of synthetic: 1 row (1 ok), ")


def test_figures_are_charts_of_the_points(results: SweepResults) -> None:
    drawn = results.plot.pareto(x="spike_density").to_dict()
    assert "accuracy" in str(drawn)
    assert results.plot.effects("accuracy").to_dict()["title"] == "What each choice does to accuracy"
    assert results.plot.parts("latency_s").to_dict()["title"] == "Latency by part"
    with pytest.raises(InputError, match="by: unknown 'colour'"):
        results.plot.pareto(by="colour")
    with pytest.raises(InputError, match="column: unknown 'power_w'; allowed: energy_j, latency_s"):
        results.plot.parts("power_w")


def test_results_whose_answers_are_known_can_be_sent_to_another_process(results: SweepResults) -> None:
    sent = pickle.loads(pickle.dumps(results if results.answers else None))
    assert repr(sent.answers) == repr(results.answers)
    assert [point.means("layer_spikes") for point in sent.points] == [p.means("layer_spikes") for p in results.points]


def test_reading_a_folder_without_results_says_so(tmp_path) -> None:
    with pytest.raises(InputError, match=r"results\.parquet: there is no such file; .* to reports/NAME if"):
        read_results(tmp_path)

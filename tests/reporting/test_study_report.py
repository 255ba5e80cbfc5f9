from __future__ import annotations

import re
from dataclasses import replace

import pytest
from drawn_rows import rows_of
from hostile_texts import Page
from synthetic_study import OBJECTIVES, SPACE, TESTED, large_study, rows_on_test, small_study, study_metadata, trial
from synthetic_sweep import columns, page_of, printed, table_of, texts

from codesign.analysis.answers.answers import Answer
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.comparisons.fronts import find_fronts
from codesign.analysis.results.metadata import StudyFacts, TrialFacts
from codesign.analysis.results.points import gather
from codesign.analysis.results.study import Study, violated
from codesign.analysis.results.table import ResultTable
from codesign.errors import InputError
from codesign.reporting.charts.study import slice_figures, trade_off_figures
from codesign.reporting.facts import settings_tables
from codesign.reporting.html import render_report
from codesign.reporting.sections.contents import sections_of
from codesign.reporting.sections.study import search_table, space_table, trial_table


@pytest.fixture(scope="module")
def table() -> ResultTable:
    return table_of(rows_on_test(), study_metadata())


@pytest.fixture(scope="module")
def report(table: ResultTable) -> str:
    return render_report(table)


@pytest.fixture(scope="module")
def large() -> ResultTable:
    """A study of a thousand trials."""
    facts, rows = large_study(1000)
    return table_of(rows, study_metadata(facts))


@pytest.fixture(scope="module")
def large_page(large: ResultTable) -> str:
    return render_report(large)


def study_of(table: ResultTable) -> Study:
    return AnsweredTable.of(table).study


def answers_for(table: ResultTable) -> dict[str, Answer]:
    return {answer.name: answer for answer in AnsweredTable.of(table).answers}


def searched(table: ResultTable) -> dict[str, str]:
    return {row[0]: row[1] for row in texts(search_table(study_of(table), table.metadata))}


# the answers ---------------------------------------------------------------------------------------------------------


def test_the_best_in_each_objective_is_held_against_the_baseline_on_test(table):
    answers = answers_for(table)
    assert {name: answer.standing for name, answer in answers.items()} == {
        "trial": "likely",  # 3 points of accuracy, in every seed but of 60 samples
        "best_accuracy": "likely",
        "best_energy_j": "sure",
        "best_latency_s": "open",
    }
    assert answers["best_energy_j"].question == (
        "Is trial 2, the best of the front in energy per sample on validation, also better on test than the baseline, "
        "with the same trained models?"
    )
    assert answers["best_energy_j"].sentence == (
        "Trial 2 has 2.00 times less energy per sample than the baseline. They have the same latency (1 ms). It is "
        "open whether they differ in accuracy (89.5 % against 90.0 %)."
    )
    gains = {comparison.column: comparison.gain for comparison in answers["best_energy_j"].comparisons}
    assert (gains["energy_j"].low, gains["energy_j"].high) == pytest.approx((251.6e-9, 748.4e-9), rel=1e-3)
    # Trial 7 is sooner in the mean, in two of three seeds.
    assert answers["best_latency_s"].confidence == pytest.approx(2 / 3)


def test_without_a_baseline_or_a_result_on_test_nothing_is_asked_of_it():
    rows = [row for row in rows_on_test() if row["axis.trial"] != "baseline"]
    alone = answers_for(table_of(rows, study_metadata(replace(small_study(), baseline=None))))
    assert list(alone) == ["trial"]
    rows = [row | {"status": "failed", "reason": "no"} if row["axis.trial"] == "2" else row for row in rows_on_test()]
    table = table_of(rows, study_metadata())
    assert "best_energy_j" not in answers_for(table)
    assert "2 of 3 trials of the front" in searched(table)["tested on"]


def test_a_file_s_own_questions_come_first_and_may_be_about_trials():
    mine = {"claim": "Momentum is sooner", "column": "latency_s", "more": {"trial": "baseline"}, "less": {"trial": "7"}}
    rows = [row | {"topology": "2312-8-10"} if row["axis.trial"] == "7" else row for row in rows_on_test()]
    answers = answers_for(table_of(rows, replace(study_metadata(), questions={"mine": mine})))
    assert list(answers) == ["mine", "best_accuracy", "best_energy_j", "best_latency_s"]
    assert answers["mine"].sentence.startswith("Trial 7: 700 µs against 1 ms for the baseline.")


def test_counts_samples_and_hypervolumes_are_those_of_the_search(table):
    said = searched(table)
    assert said["trials"] == "8: 4 complete, 1 dropped, 2 infeasible, 1 failed"
    assert said["chosen on"] == "40 validation samples"
    first = study_metadata(replace(small_study(), samples=30))
    assert searched(table_of(rows_on_test(), first))["chosen on"] == "30 validation samples"
    assert said["sampler"] == "TPE, 10 startup trials; seed 7"
    assert said["level 1"] == "2 epochs, 1 training seed; 1 trial ended there"
    assert said["hypervolume"] == "8e-10"


# tables --------------------------------------------------------------------------------------------------------------


def test_all_trials_say_why_they_are_out(table):
    trials = trial_table(study_of(table), AnsweredTable.of(table).names)
    rows = {row[0]: row for row in texts(trials)}
    assert list(rows) == ["baseline", "0", "2", "7", "1", "3", "4", "5", "6"]
    splits = [f"{name}, {split}" for name in ("accuracy", "energy per sample") for split in ("validation", "test")]
    assert [heading.text for heading in trials.headings[3:7]] == splits
    assert rows["2"][3:7] == ["89.5 ± 1.0 %", "89.5 ± 2.2 %", "400 ± 20 nJ", "500 ± 0 nJ"]
    assert rows["1"][1:5] == ["dropped", "1 of 2", "60.0 %", "–"]
    assert "chip.loihi.gated true" in trials.caption
    assert rows["3"][-1] == "layer 0 needs 147,968 synapses, the chip has 37,366"
    assert rows["7"][1] == "on the front"


def test_an_energy_that_lacks_a_term_is_marked_in_the_table_of_trials():
    lacking = {"not_modelled": ["energy of hops: Loihi gives no energies.hop"]}
    rows = [one | (lacking if one["axis.trial"] == "2" else {}) for one in rows_on_test()]
    table = AnsweredTable.of(table_of(rows, study_metadata()))
    marked = {row[0]: row[3:7] for row in texts(trial_table(table.study, table.names)) if "≥" in str(row)}
    assert marked == {"2": ["89.5 ± 1.0 %", "89.5 ± 2.2 %", "≥ 400 ± 20 nJ", "≥ 500 ± 0 nJ"]}


def test_the_search_space_has_units_and_conditions(table):
    rows = {row[0]: row[1:] for row in texts(space_table(study_of(table)))}
    assert rows["recipe.group_size"] == ["integer", "1 to 4096", "logarithmic", ""]
    assert rows["chip.loihi.hop_energy"] == ["float", "1 pJ to 4 pJ", "linear", ""]
    assert rows["schedule.policy"] == ["categorical", "random, momentum", "–", ""]
    assert rows["schedule.steps_after_output"][1:] == ["0 to 8 in steps of 2", "linear", "schedule.stop is on_output"]


# the page ------------------------------------------------------------------------------------------------------------


def test_what_is_searched_for_varies_among_the_settings_and_a_trial_has_its_own(table):
    recipes, schedules = settings_tables(table.metadata)[:2]
    settings = {row[0].text: {cell.text for cell in row[1:]} for row in recipes.rows}
    assert (settings["group size"], settings["epochs"]) == ({"varied"}, {"20"})
    assert {("policy", "varied"), ("group size", "8")} <= {*columns(schedules, "parameter", "async_random")}
    tested = {dict(point.axes)["trial"]: point.training_parameters for point in gather(table)}
    assert [tested[trial].get("group_size") for trial in ("0", "2", "baseline")] == [8, 4096, None]


def test_energies_of_the_search_stay_in_its_book(table):
    said = "Energies on validation count the static power of the whole board, those on test that of the cores in use."
    answered = AnsweredTable.of(table)
    for book in ("cores_in_use", "board"):
        asked = answered.in_book("cores_in_use").in_book(book)
        assert [said in one.body for one in sections_of(asked) if one.name in ("search", "trials")] == [
            book == "cores_in_use"
        ] * 2


def of_one_objective(place: int) -> ResultTable:
    """The study as if it had searched for one of its objectives alone, with trial 0 on the front."""

    def reduced(one: TrialFacts) -> TrialFacts:
        kept = slice(place, place + 1)
        return replace(
            one, values=one.values[kept], spreads=one.spreads[kept], on_front=one.number == 0, hypervolume=None
        )

    facts = small_study()
    study = replace(facts, baseline=reduced(facts.baseline), trials=tuple(map(reduced, facts.trials)))
    return table_of(rows_on_test(), replace(study_metadata(study), objectives=OBJECTIVES[place : place + 1]))


def test_a_saving_that_was_searched_for_alone_is_told_with_its_accuracy():
    answer = answers_for(of_one_objective(1))["best_energy_j"]
    assert [found.column for found in answer.comparisons] == ["energy_j", "accuracy"]


def test_a_study_with_one_objective_has_a_curve_and_no_front_to_draw():
    text = render_report(of_one_objective(0))
    assert "Best accuracy so far after each trial, on validation" in text
    assert '"best-0"' in text
    assert '"trials-1"' not in text
    assert "hypervolume" not in text
    asked = "Is trial 0, the best of the front in accuracy on validation, also better on test than the baseline"
    assert f"{asked}, with the same trained models?" in text
    assert "seed that was lucky there may count here, too" in text
    assert "Shares add up to 100 % even if all variation is chance" in text


def test_of_trials_that_are_equally_good_in_an_objective_the_best_in_the_others_is_asked_about():
    facts = small_study()
    first, *rest = facts.trials
    cheaper = replace(first, number=8, values=(0.94, 1.1e-6, 1.5e-3))
    table = table_of(
        rows_on_test(TESTED | {"8": TESTED["0"]}), study_metadata(replace(facts, trials=(first, *rest, cheaper)))
    )
    assert answers_for(table)["best_accuracy"].question.startswith("Is trial 8, the best of the front in accuracy")


def test_a_baseline_that_violates_a_constraint_is_told_and_is_on_no_front():
    facts = small_study()
    baseline = replace(facts.baseline, state="infeasible", reason="violates neurons at most 42 (58)")
    baseline = replace(baseline, violations={"neurons at most 42": 0.38})
    metadata = study_metadata(replace(facts, baseline=baseline))
    asked = {
        "mine": {"choose": "axis.trial", "least": "accuracy"},
        "best": {"choose": "axis.trial", "most": "accuracy"},
    }
    table = table_of(rows_on_test(), replace(metadata, questions=asked))
    answers = answers_for(table)
    told = "The baseline violates neurons at most 42 (58)."
    assert [told in answers[name].remarks for name in ("best_accuracy", "best_energy_j")] == [True, True]
    dearest = next(option.label for option in answers["mine"].options)
    assert (told in answers["mine"].sentence) == (dearest == "the baseline")
    assert [option.label for option in answers["best"].options][:2] == ["trial 0", "the baseline"]
    assert told in answers["best"].sentence
    (violating,) = (point for point in gather(table) if violated(point))
    assert violated(violating, "layered") == "The baseline, here layered, violates neurons at most 42 (58)."
    for study, on_front in ((metadata, False), (study_metadata(facts), True)):
        points = gather(table_of(rows_on_test(), study))
        best = {dict(point.axes)["trial"] for front in find_fronts(points, OBJECTIVES[:2]) for point in front.best}
        assert ("baseline" in best) == on_front
    assert re.search(rf'"violating":{{"\d+":"{re.escape(told)}"}}', render_report(table))


def test_a_trial_that_violates_a_constraint_on_test_alone_is_told():
    facts = small_study()
    first, *rest = facts.trials
    reason = "violates neurons at most 42 (58)"
    table = table_of(
        rows_on_test(), study_metadata(replace(facts, trials=(replace(first, reason_on_test=reason), *rest)))
    )
    said = {name: f"On test, trial 0 {reason}." in answer.remarks for name, answer in answers_for(table).items()}
    assert {name for name, told in said.items() if told} == {"trial", "best_accuracy"}
    rows = {row[0]: row[-1] for row in texts(trial_table(study_of(table), AnsweredTable.of(table).names))}
    assert (rows["0"], rows["2"]) == (f"on test, {reason}", "")


def test_a_study_without_a_complete_trial_is_a_report_too():
    trials = tuple(trial(n, state="infeasible", reason="the network does not fit", hypervolume=0.0) for n in range(3))
    study = replace(small_study(), trials=trials, importances={}, baseline=trial(None, (0.90, 1e-6, 1e-3)))
    table = table_of(rows_on_test({"baseline": TESTED["baseline"]}), study_metadata(study))
    text = render_report(table)
    assert "3 infeasible" in searched(table)["trials"]
    assert re.search(r"No trial is on the front: 3 infeasible[\w ]*\. Trial 0: the network does not fit", text)
    assert "Importance:" not in text
    assert not answers_for(table)
    assert not re.search(r"\b(nan|none|<na>)\b", Page(text).text.replace("none, because", ""), flags=re.IGNORECASE)


def test_a_search_beyond_its_references_says_so():
    values = ((0.99, 1e-3, 1e-3), (0.1, 1e-9, 1e-3))  # at least half right and at most 2 µJ are asked of both
    apart = tuple(trial(number, each, hypervolume=0.0) for number, each in enumerate(values))
    study = replace(small_study(), trials=apart, importances={}, baseline=None)
    told = "No trial is on the front: 2 complete. None is better than all references."
    assert study_of(table_of([], study_metadata(study))).emptiness == told


def test_a_study_without_any_trial_is_a_report_too():
    study = StudyFacts(sampler="random", seed=0, parameters=SPACE)
    text = page_of([], study_metadata(study))
    assert "random; seed 0" in text


def test_a_parameter_that_few_trials_have_is_drawn_for_those():
    facts = small_study()
    study = replace(facts, importances={"accuracy": {"schedule.steps_after_output": 1.0}})
    slices = slice_figures(study_of(table_of(rows_on_test(), study_metadata(study))))
    assert [str(row["trial"]).split(",")[0] for row in rows_of(slices[0])] == ["trial 2"]
    charts = [*slices, *trade_off_figures(study_of(table_of(rows_on_test(), study_metadata(facts))))]
    for mark in ("color", "shape"):  # a state has one in all, and legends name those that are there
        assert len({str(drawn.spec["encoding"][mark]["scale"]) for drawn in charts}) == 1
    assert len({str(drawn.spec["encoding"]["color"]["legend"]) for drawn in charts[1:]}) > 1
    assert slices[0].note == "Condition: schedule.stop is on_output."
    assert slices[3].title == "Accuracy by recipe.group_size"  # those of no known importance follow
    nowhere = replace(study, trials=tuple(replace(one, parameters={}) for one in facts.trials))
    assert not slice_figures(study_of(table_of(rows_on_test(), study_metadata(nowhere))))


def test_a_large_study_stays_below_two_megabytes(large, large_page):
    study = study_of(large)
    drawn = {one.name: one for one in (*trade_off_figures(study), *slice_figures(study))}
    assert drawn["trials-1"].note.startswith("249 of 1,000 trials are drawn. Faint: ")
    assert re.fullmatch(r"59 of \d{3} trials are drawn\.", drawn["slice-0"].note)
    assert len(large_page.encode()) < 2_000_000
    assert large_page.count('data-figure="slice-') == 12


def test_objectives_stand_against_the_first_where_both_are_known(table: ResultTable):
    study = study_of(table)
    lacking = trial(8, (None, 2e-6, 1e-3), state="dropped")
    facts = replace(study.facts, trials=(*study.facts.trials, lacking))
    energy, latency = trade_off_figures(study_of(table_of(rows_on_test(), study_metadata(facts))))
    accuracies = [0.9, 0.94, 0.6, 0.895, 0.99, 0.85, 0.8]
    for drawn, values in (
        (energy, [1e-6, 1.2e-6, 1e-6, 0.4e-6, 1e-3, 0.5e-6, 1e-6]),
        (latency, [1e-3, 1.5e-3, 1e-3, 1e-3, 1e-3, 1.2e-3, 0.5e-3]),
    ):
        marks = {(row["x"], row["y"]) for row in rows_of(drawn)}
        assert marks == set(zip(values, accuracies, strict=True))
    assert latency.title == "Accuracy against latency, on validation"
    assert energy.note == "Faint: dropped or infeasible; the axes may not hold them all."


# files that do not fit together --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "facts", "message"),
    [
        (
            rows_on_test(),
            replace(small_study(), trials=(trial(0, (0.5,)),)),
            "trial 0 must have a value and a spread for each of 3 objectives, found 1",
        ),
        ([rows_on_test()[0] | {"axis.trial": None}], small_study(), "must name their trial"),
        (
            [*rows_on_test(), rows_on_test()[0] | {"schedule": "other", "point": "x"}],
            small_study(),
            "trial baseline has rows of more than one design point",
        ),
    ],
)
def test_trials_objectives_and_rows_must_fit(rows, facts, message):
    with pytest.raises(InputError, match=message):
        page_of(rows, study_metadata(facts))


# the terminal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ["table", "large"])
def test_the_summary_on_a_terminal_fits(found, request):
    lines = printed(request.getfixturevalue(found)).splitlines()
    assert len(lines) <= 25
    assert lines[-2:] == ["report   report.html", "results  results.parquet"]
    assert any(line.startswith("Trial 2: recipe.group_size ") for line in lines) == (found == "table")

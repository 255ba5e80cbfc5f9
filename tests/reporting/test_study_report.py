from __future__ import annotations

import re
from dataclasses import replace

import pytest
from pages import HOSTILE, Page, assert_harmless
from synthetic_study import (
    COMMON,
    OBJECTIVES,
    SPACE,
    TESTED,
    large_study,
    rows_on_test,
    small_study,
    study_metadata,
    trial,
)
from synthetic_sweep import Row, page_of, printed, statuses, table_of, texts, with_ranges

from codesign.analysis.metadata import ParameterFacts, StudyFacts, TrialFacts
from codesign.analysis.points import gather
from codesign.analysis.table import ResultTable
from codesign.errors import InputError
from codesign.reporting.charts.base import rows_of
from codesign.reporting.charts.study import progress_figures, slice_figures
from codesign.reporting.claims import Claim
from codesign.reporting.html import render_report
from codesign.reporting.study_tables import front_table, space_table, telling_parameters, trial_table
from codesign.reporting.study_trials import Study, read_study, short_names
from codesign.reporting.study_verdict import baseline_hypervolume, study_summary, study_verdict


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


def study_of(table: ResultTable) -> Study:
    return read_study(table, gather(table))


def claims_of(table: ResultTable) -> dict[str, Claim]:
    return {claim.name: claim for claim in study_verdict(study_of(table))}


def claims_for(rows: list[Row]) -> dict[str, Claim]:
    """What the small study says with these rows on test."""
    return claims_of(table_of(rows, study_metadata()))


# the verdict ---------------------------------------------------------------------------------------------------------


def test_the_best_in_each_objective_is_held_against_the_baseline_on_test(table):
    claims = claims_of(table)
    assert statuses(claims) == {
        "study accuracy": "holds",
        "study energy_j": "holds",
        "study latency_s": "not shown",
        "study accuracy kept": "holds",
    }
    assert claims["study accuracy"].title == "Trial 0 has a higher accuracy than the baseline"
    assert claims["study energy_j"].title == "Trial 2 has a lower energy per sample than the baseline"
    assert claims["study latency_s"].title == "Trial 7 has a lower latency than the baseline"
    accuracy = claims["study accuracy"].sentence
    assert "best in accuracy on validation: 94.0 %, where the baseline has 90.0 %" in accuracy
    assert "On test it has 93.0 %, the baseline 90.0 %: a gain of 3.0 points (95 % interval 0.5 to 5.5)" in accuracy
    assert "energy per sample worse by 200 nJ (95 % interval 200 nJ to 200 nJ), 1.2 µJ, the baseline 1 µJ" in accuracy
    energy = claims["study energy_j"].sentence
    assert "a saving of 500 nJ (95 % interval 251.6 nJ to 748.4 nJ)" in energy
    assert "accuracy worse by 0.5 points (95 % interval −0.7 to 1.7), within the spread of the seeds" in energy
    assert "latency equal in the mean, 1 ms" in energy
    assert "the interval includes zero; 3 training seeds" in claims["study latency_s"].sentence


def test_trials_that_keep_the_accuracy_are_named(table):
    sentence = claims_of(table)["study accuracy kept"].sentence
    assert "Of 3 tested trials of the front, 2 do so beyond the spread of the seeds: trial 0 (accuracy by" in sentence
    assert "and trial 2 (energy per sample by 500 nJ (95 % interval 251.6 nJ to 748.4 nJ); accuracy −0.5 points)" in (
        sentence
    )
    assert "trial 7" not in sentence
    assert "Of 9 such comparisons" in sentence


def test_a_loss_beyond_one_point_is_not_kept():
    tested = TESTED | {"2": ((0.879, 0.889, 0.899), *TESTED["2"][1:]), "0": ((0.80, 0.81, 0.82), *TESTED["0"][1:])}
    claim = claims_for(rows_on_test(tested))["study accuracy kept"]
    assert claim.status == "not shown"
    assert "none does so" in claim.sentence


def test_a_gain_within_the_spread_of_the_seeds_is_only_one_in_the_mean():
    tested = TESTED | {"2": (TESTED["2"][0], (0.5e-6, 0.5e-6, 2.0e-6), TESTED["2"][2]), "0": TESTED["7"]}
    tested["7"] = ((0.90, 0.90, 0.90), *TESTED["7"][1:])
    claim = claims_for(rows_on_test(tested))["study accuracy kept"]
    assert claim.status == "not shown"
    assert "In the mean only: trial 7." in claim.sentence


def test_a_gain_that_rests_on_uncertain_numbers_holds_in_part():
    rows = []
    for row in rows_on_test():
        # The numbers of both chips lie between a fifth and five times: half the energy is less in most draws only.
        name = f"energies.{row['axis.trial']}"
        terms = {"energy_synaptic_operation_j": row["energy_j"]}
        rows.append(with_ranges(row | terms, synaptic_operation=(name, 0.2, 5.0)))
    claims = claims_for(rows)
    assert claims["study energy_j"].status == "holds in part"
    assert claims["study energy_j"].robustness
    assert claims["study accuracy"].status == "holds"


def test_without_a_baseline_nothing_can_be_asked():
    rows = [row for row in rows_on_test() if row["axis.trial"] != "baseline"]
    metadata = study_metadata(replace(small_study(), baseline=None))
    claims = claims_of(table_of(rows, metadata))
    assert {claim.status for claim in claims.values()} == {"cannot be asked"}
    assert "the study has no baseline" in claims["study energy_j"].sentence


def test_a_trial_that_failed_on_test_cannot_be_asked_about():
    rows = [row | {"status": "failed", "reason": "no"} if row["axis.trial"] == "2" else row for row in rows_on_test()]
    table = table_of(rows, study_metadata())
    claims = claims_of(table)
    assert claims["study energy_j"].status == "cannot be asked"
    assert "trial 2 has no result on test" in claims["study energy_j"].sentence
    assert "Of 2 tested trials" in claims["study accuracy kept"].sentence
    assert "2 of 3 trials have a result there" in study_summary(study_of(table), table.metadata)[1]


def test_energies_that_cover_other_terms_do_not_compare():
    other = {"energy_coverage": ["synaptic_operation"]}
    claims = claims_for([row | other if row["axis.trial"] == "2" else row for row in rows_on_test()])
    assert claims["study energy_j"].status == "cannot be asked"
    assert "does not compare with the baseline’s" in claims["study energy_j"].sentence


def test_counts_samples_and_hypervolumes_are_those_of_the_search(table):
    counts, samples, volume = study_summary(study_of(table), table.metadata)
    assert counts == (
        "8 trials (sampler: TPE, 10 startup trials; seed 7): 4 complete, 1 dropped at a low level, 2 infeasible, "
        "1 failed. 3 on the front."
    )
    assert "made on 40 validation samples" in samples
    assert "run on 60 test samples, which chose nothing" in samples
    assert "Training seeds of the tested rows: 0, 1, 2." in samples
    assert volume == (
        "Hypervolume on validation, up to accuracy 50.0 %, energy per sample 2 µJ and latency 2 ms: 8e-10, "
        "2.00 times the 4e-10 of the baseline alone."
    )
    assert baseline_hypervolume(study_of(table)) == pytest.approx(4e-10)


# tables --------------------------------------------------------------------------------------------------------------


def test_the_front_table_shows_what_differs_on_both_splits(table):
    study = study_of(table)
    told = ["recipe.group_size", "schedule.policy", "schedule.steps_after_output", "chip.loihi.hop_energy"]
    assert telling_parameters(study) == told
    front = front_table(study)
    both = (f"{name}, {split}" for name in ("accuracy", "energy per sample") for split in ("validation", "test"))
    assert [heading.text for heading in front.headings[:5]] == ["trial", *both]
    rows = texts(front)
    assert [row[0] for row in rows] == ["baseline", "0", "2", "7"]
    assert rows[2][1:5] == ["89.5 ± 1.0 %", "89.5 ± 2.2 %", "400 nJ ± 20 nJ", "500 nJ ± 0 J"]
    assert rows[2][7:] == ["4096", "momentum", "2", "1 pJ"]
    assert rows[3][7:] == ["4096", "momentum", "–", "1 pJ"]


def test_all_trials_say_why_they_are_out(table):
    trials, note = trial_table(study_of(table))
    rows = {row[0]: row for row in texts(trials)}
    assert note == ""
    assert list(rows) == ["baseline", *map(str, range(8))]
    assert rows["1"][1:4] == ["dropped", "1", "60.0 %"]
    assert rows["3"][-1] == "layer 0 needs 147,968 synapses, the chip has 37,366"
    assert rows["4"][-2] == "energy_j at most 3 µJ by 0.0009970"
    assert rows["7"][1] == "complete, on the front"


def test_a_long_table_keeps_the_front_and_says_so(large):
    study = study_of(large)
    trials, note = trial_table(study)
    shown = {row[0] for row in texts(trials)}
    assert note.startswith(f"{len(shown)} of 1,001 rows")
    assert {str(one.number) for one in study.front} | {"baseline"} <= shown


def test_the_search_space_has_units_and_conditions(table):
    rows = {row[0]: row[1:] for row in texts(space_table(study_of(table)))}
    assert rows["recipe.group_size"] == ["integer", "1 to 4096", "logarithmic", "always"]
    assert rows["chip.loihi.hop_energy"] == ["float", "1 pJ to 4 pJ", "linear", "always"]
    assert rows["schedule.policy"] == ["categorical", "random, momentum", "–", "always"]
    assert rows["schedule.steps_after_output"][-1] == "schedule.stop is on_output"


def test_short_names_stay_distinct():
    names = ["recipe.group_size", "schedule.group_size", "recipe.epochs"]
    assert list(short_names(names).values()) == ["recipe.group_size", "schedule.group_size", "epochs"]
    assert list(short_names(["network.hidden.1", "network.hidden.2"]).values()) == ["hidden 1", "hidden 2"]


# the page ------------------------------------------------------------------------------------------------------------


def test_names_of_a_study_are_text_whatever_they_hold():
    def renamed(one: TrialFacts) -> TrialFacts:
        parameters = {HOSTILE: HOSTILE} if one.number else {HOSTILE: "b"}
        violated = {HOSTILE: 1.0} if one.state == "infeasible" else {}
        return replace(one, parameters=parameters, reason=HOSTILE, violations=violated)

    facts = small_study()
    choice = ParameterFacts(name=HOSTILE, kind="categorical", choices=("b", HOSTILE), condition=HOSTILE)
    hostile = StudyFacts(
        sampler=HOSTILE,
        seed=0,
        parameters=(choice,),
        constraints=(HOSTILE,),
        levels=(HOSTILE, HOSTILE),
        baseline=renamed(facts.baseline),
        trials=tuple(map(renamed, facts.trials)),
        importances={o.column: {HOSTILE: 1.0} for o in OBJECTIVES},
        importance_method=HOSTILE,
    )
    rows = [row | {"recipe": HOSTILE, "chip": HOSTILE, "schedule": HOSTILE} for row in rows_on_test()]
    text = page_of(rows, replace(study_metadata(hostile), title=HOSTILE))
    assert_harmless(text, scripts=5)


def test_a_study_with_one_objective_has_a_curve_and_no_front_to_draw():
    def reduced(one: TrialFacts) -> TrialFacts:
        return replace(one, values=one.values[:1], spreads=one.spreads[:1], on_front=one.number == 0, hypervolume=None)

    facts = small_study()
    study = replace(facts, baseline=reduced(facts.baseline), trials=tuple(map(reduced, facts.trials)))
    metadata = replace(study_metadata(study), objectives=OBJECTIVES[:1])
    text = page_of(rows_on_test(), metadata)
    assert "Best accuracy so far after each trial, on validation" in text
    assert '"best-0"' in text
    assert '"trials-1"' not in text
    assert "Hypervolume on validation" not in text
    assert "Trial 0 has a higher accuracy than the baseline" in text


def test_without_references_the_best_values_are_drawn_instead():
    objectives = tuple(replace(o, reference=None) for o in OBJECTIVES[:2]) + OBJECTIVES[2:]
    facts = small_study()
    study = replace(facts, trials=tuple(replace(one, hypervolume=None) for one in facts.trials))
    table = table_of(rows_on_test(), replace(study_metadata(study), objectives=objectives))
    text = render_report(table)
    assert "No hypervolume: accuracy and energy per sample have no reference." in text
    drawn = {figure.name: rows_of(figure) for figure in progress_figures(study_of(table))}
    # The best so far, and the last of them once more where the search ends.
    assert [row["x"] for row in drawn["best-1"]][:-1] == [0, 2]
    assert [row["x"] for row in drawn["best-2"]][:-1] == [0, 2, 7]


@pytest.mark.parametrize("state", ["infeasible", "failed", "dropped"])
def test_a_study_without_a_complete_trial_is_a_report_too(state):
    trials = tuple(trial(n, state=state, reason="the network does not fit", hypervolume=0.0) for n in range(3))
    study = replace(small_study(), trials=trials, importances={}, baseline=trial(None, (0.90, 1e-6, 1e-3)))
    table = table_of(rows_on_test({"baseline": TESTED["baseline"]}), study_metadata(study))
    text = render_report(table)
    assert f"3 {state}" in study_summary(study_of(table), table.metadata)[0]
    assert "The front is empty: no complete trial is better than all references." in text
    assert "the network does not fit" in text
    assert "No hypervolume: no trial is complete." in text
    assert {claim.status for claim in claims_of(table).values()} == {"cannot be asked"}
    assert not re.search(r"\b(nan|none|<na>)\b", Page(text).text.replace("none does", ""), flags=re.IGNORECASE)


def test_a_study_without_any_trial_is_a_report_too():
    study = StudyFacts(sampler="random", seed=0, parameters=SPACE)
    text = page_of([], study_metadata(study))
    assert "0 trials (sampler: random; seed 0)" in text


def test_a_parameter_that_few_trials_have_is_drawn_for_those():
    facts = small_study()
    study = replace(facts, importances={"accuracy": {"schedule.steps_after_output": 1.0}})
    slices = slice_figures(study_of(table_of(rows_on_test(), study_metadata(study))))
    assert [str(row["trial"]).split(",")[0] for row in rows_of(slices[0])] == ["trial 2"]
    assert slices[0].note == "Condition: schedule.stop is on_output."
    nowhere = replace(study, trials=tuple(replace(one, parameters=COMMON) for one in facts.trials))
    assert not slice_figures(study_of(table_of(rows_on_test(), study_metadata(nowhere))))


def test_a_large_study_stays_below_two_megabytes(large):
    text = render_report(large)
    assert len(text.encode()) < 2_000_000
    assert text.count('data-figure="slice-') == 12


# files that do not fit together --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "facts", "message"),
    [
        (
            rows_on_test(),
            replace(small_study(), trials=(trial(0, (0.5,)),)),
            "trial 0 must have a value and a spread for each of 3 objectives, found 1",
        ),
        ([row | {"axis.trial": None} for row in rows_on_test()], small_study(), "must name their trial"),
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

"""Questions in sweep files: mistakes at their lines, composition, and that they change no job."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from mistakes_found import mistakes_of

from codesign.analysis.comparisons.constraints import Constraint
from codesign.analysis.results.formatting import quantity
from codesign.exploration.definition.composition import load_chosen
from codesign.exploration.definition.entries import ObjectiveEntry
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.sweep import plan_sweep

SWEEP = """\
name: asked
workload: {name: digits, timesteps: 2, train: 20, validation: 10, test: 10}
network: {hidden: "[8x1]"}
recipes: {layered: {method: layered, epochs: 1}}
chips: {loihi: {}}
axes: {chip.loihi.mapping: [in_order, near]}
"""


def load(folder: Path, text: str) -> SweepSpec:
    (folder / "asked.yaml").write_text(text)
    return load_chosen(folder / "asked.yaml", SweepSpec).spec


def test_every_mistake_is_told_at_its_line_with_what_is_allowed(tmp_path):
    questions = """\
questions:
  a: {choose: chip, least: energy}
  b: {choose: axis.chip.loihi.maping, most: accuracy}
  c: {compare: [loihi, mubrain]}
  d:
    target:
      - accuracy >= 95 apples
      - speed > 3
  e: {choose: chip, most: accuracy, select: {chip: truenorth}}
  f: {ask: what then}
  g: {choose: chip, most: accuracy, were: []}
  h: {target: [accuracy > 120 %]}
  i: {choose: chip, most: accuracy, where: accuracy >= 95 %}
  j: {printed: Table 1, columns: [accuracy], rows: {one: {label: One, of: {}, values: {acuracy: 95 %}}}}
  k: {printed: Table 2, settings: {epoch: 50}}
  l: {choose: chip, most: accuracy, select: {training.epoch: 1}}
  m: {claim: It is so, column: acuracy,
      more: {policy: randm}, less: {}}
  n: {choose: chip, most: accuracy,
      least: energy}
  o: {compare: [loihi, loihi],
      columns: [energy]}
  p: {printed: Table 3, columns: [accuracy], rows: {one: {label: One, of: {}, values: {accuracy: 95}}}}
"""
    found = mistakes_of(load, tmp_path, SWEEP + questions)
    told = dict(found)
    assert [line for line, _ in found] == [8, 9, 10, 13, *range(14, 27), 28, 29]
    assert "did you mean 'energy_j'?" in told[8]
    assert "did you mean 'axis.chip.loihi.mapping'?" in told[9]
    assert "no chip, schedule or recipe 'mubrain'" in told[10]
    assert "'speed' is not a numeric column" in told[14]
    assert "has no value 'truenorth'" in told[15]
    assert told[16].startswith("questions.f: must have exactly one of the keys choose, compare")
    assert "did you mean 'where'?" in told[17]
    assert "relative_to" not in told[17]  # a key of another form
    assert told[18].endswith("a percentage such as '85 %' up to 100 %, found '120 %'")
    assert told[19].endswith("must be a list, as in [a, b], found 'accuracy >= 95 %'")
    assert told[20].endswith("values.acuracy: is not among the columns; did you mean 'accuracy'? allowed: accuracy")
    assert "settings.epoch: is not a setting of recipes, neurons or data; did you mean 'epochs'?" in told[21]
    assert "training.epoch: a recipe has no parameter 'epoch'; did you mean 'epochs'?" in told[22]
    assert "'acuracy' is not a numeric column of results or measure; did you mean 'accuracy'?" in told[23]
    assert "policy: has no value 'randm'; did you mean 'random'?" in told[24]
    assert told[25].endswith("give one of least and most")
    assert "did you mean 'energy_j'?" in told[26]
    assert "did you mean 'energy_j'?" in told[28]
    assert told[29].endswith("values.accuracy: must be a fraction or a percentage, found 95")


@pytest.mark.parametrize("column", ["accuracy", "energy_j"])
def test_what_may_be_limited_in_percent_is_written_in_percent(column):
    with nullcontext() if quantity(0.5, column).endswith("%") else pytest.raises(ValueError, match="must be a"):
        assert Constraint.parse(f"{column} <= 50 %").value == 0.5
    with pytest.raises(ValueError, match="nan"):
        Constraint.parse(f"{column} <= nan")
    with nullcontext() if quantity(0.5, column).endswith("%") else pytest.raises(ValueError, match="must be a"):
        assert ObjectiveEntry(column=column, direction="maximize", reference="50 %").reference == 0.5


def test_an_axis_is_named_by_its_path_or_by_its_column_of_the_results(tmp_path):
    asked = """
questions:
  a: {choose: AXIS, least: energy_j, select: {AXIS: [in_order, near]}}
  b: {compare: [{AXIS: near}, {AXIS: in_order}]}
  c: {claim: It falls, column: energy_j, along: AXIS, direction: falls}
"""
    path = "chip.loihi.mapping"
    specs = [load(tmp_path, SWEEP + asked.replace("AXIS", name)) for name in (path, f"axis.{path}")]
    assert specs[0].questions == specs[1].questions
    assert specs[0].questions["a"].choose == f"axis.{path}"
    wrong = asked.replace("AXIS", "axis.chip.loihi.maping")
    assert ["did you mean" in message for _, message in mistakes_of(load, tmp_path, SWEEP + wrong)] == [True] * 5


def test_questions_change_no_key_and_no_configuration(tmp_path):
    plain = plan_sweep(load(tmp_path, SWEEP))
    asked = plan_sweep(load(tmp_path, SWEEP + "questions: {a: {choose: chip, least: energy_j}}\n"))
    assert asked.config_hash == plain.config_hash
    assert [point.jobs.keys for point in asked.points] == [point.jobs.keys for point in plain.points]

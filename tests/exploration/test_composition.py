"""Sweep files that build on each other, and exist for several datasets and at several scales."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_sweeps import TINY

from codesign.errors import DocumentError, InputError
from codesign.exploration.definition.composition import load_chosen
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.study.spec import StudySpec
from codesign.simulation.policies import policy_names

MORE = """\
datasets:
  digits: {}
  audio:
    workload: {timesteps: 9}
    network: {hidden: "4"}
    scales:
      smoke: {workload: {train: 30}}
      tiny: {workload: {train: 10}}
scales:
  smoke: {workload: {train: 20}, seeds: {training: [7, 8]}}
  paper: {recipes: {layered: {epochs: 50}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a sweep, so that messages name files as they were given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (tmp_path / "more.yaml").write_text(TINY + MORE, encoding="utf-8")
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(name: str, text: str, **choice: str) -> SweepSpec:
    return load_chosen(write(name, text), SweepSpec, **choice).spec


def mistakes(name: str, text: str, **choice: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load(name, text, **choice)
    return str(caught.value).splitlines()


# extends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["50 pJ", "{value: 50 pJ}"])
def test_no_number_of_a_chip_stands_beside_the_source_of_another(folder, value):
    known = "{value: 5 pJ, includes: [hop], confidence: measured, source: lab, range: [4 pJ, 60 pJ]}"
    numbers = f"energies: {{synaptic_operation: {known}}}, sources: {{lab: {{citation: A lab}}}}"
    write("base.yaml", f"extends: tiny.yaml\nchips: {{mine: {{extends: speck, {numbers}}}}}\n")
    spec = load("mine.yaml", f"extends: base.yaml\nchips: {{mine: {{energies: {{synaptic_operation: {value}}}}}}}\n")
    number = base_chip(spec, "mine").energies.synaptic_operation
    assert (number.text, number.confidence, number.source, number.range) == ("50 pJ", "estimated", "own", None)
    assert number.includes == ("hop",)


@pytest.mark.parametrize(
    ("base", "over", "left"),
    [
        ("synchronization: {kind: layer, handshake: 3 ns}", "synchronization: {kind: asynchronous}", {}),
        ("group_size: 3", "synchronization: {kind: barrier, times: 1 us}", {"group_size": None}),
    ],
)
def test_a_chip_gives_way_to_another_kind_of_synchronization(folder, base, over, left):
    write("base.yaml", f"extends: tiny.yaml\nchips: {{mine: {{extends: speck, {base}}}}}\n")
    chip = base_chip(load("mine.yaml", f"extends: base.yaml\nchips: {{mine: {{{over}}}}}\n"), "mine")
    assert {name: getattr(chip, name) for name in left} == left


def test_null_is_a_value_like_any_other(folder):
    write("base.yaml", "extends: tiny.yaml\nevaluation: {samples: 2}\n")
    assert load("mine.yaml", "extends: base.yaml\nevaluation: {samples: }\n").evaluation.samples is None
    said = mistakes("mine.yaml", "extends: tiny.yaml\nchips:\n  truenorth:\n")
    assert said[0].startswith("mine.yaml:3: chips.truenorth: must be a mapping of capacity, cut, extends, ")


def test_what_is_not_there_cannot_be_removed(folder):
    text = "extends: more.yaml\nremove:\n  - recipes.layred\n  - seeds.training.0\n  - seeds\n"
    assert mistakes("mine.yaml", text) == [
        "mine.yaml:3: remove.0: there is no 'recipes.layred' to remove; did you mean 'layered'? allowed: layered",
        "mine.yaml:4: remove.1: there is no 'seeds.training.0' to remove",
    ]
    assert mistakes("mine.yaml", TINY + "remove: [recipes.layered]\n") == [
        "mine.yaml:15: remove.0: there is no 'recipes.layered' to remove; nothing is there"
    ]
    assert mistakes("mine.yaml", TINY + "remove: recipes\n") == [
        "mine.yaml:15: remove: must be a list of paths such as recipes.layered"
    ]


# datasets and scales -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "name", "train", "seeds"), [({}, "smoke", 30, (7, 8)), ({"scale": "tiny"}, "tiny", 10, (0,))]
)
def test_scales_are_merged_over_datasets_over_the_file(folder, scale, name, train, seeds):
    chosen = load_chosen(folder / "more.yaml", SweepSpec, dataset="audio", **scale)
    spec = chosen.spec
    assert (spec.name, chosen.options) == (f"tiny_audio_{name}", {"dataset": "audio", "scale": name})
    assert (spec.workload.timesteps, spec.workload.train, spec.seeds.training) == (9, train, seeds)
    assert spec.network.hidden == "4"
    again = load_chosen(folder / "more.yaml", SweepSpec, **chosen.options)
    assert again == chosen  # the options that are told make the same choice


def test_parts_of_a_file_are_merged_over_the_same_parts_of_its_base(folder):
    text = """\
extends: more.yaml
name: mine
workload: {timesteps: 5}
datasets:
  audio: {remove: [network], workload: {test: 8}}
  speakers: {workload: {timesteps: 6}}
scales:
  smoke: {remove: [seeds.training], workload: {train: 25}}
  huge: {}
"""
    chosen = load_chosen(write("mine.yaml", text), SweepSpec, dataset="audio")
    assert (chosen.datasets, chosen.scales) == (("digits", "audio", "speakers"), ("smoke", "paper", "huge", "tiny"))
    workload = chosen.spec.workload
    # Of the audio part the base's timesteps, which win over those of the file, and the file's test; the dataset's own
    # smoke comes last.
    assert (workload.timesteps, workload.test, workload.train) == (9, 8, 30)
    assert chosen.spec.seeds.training == (0, 1, 2)  # the usual ones, for those of file and base are removed
    assert chosen.spec.name == "mine_audio_smoke"
    assert load_chosen(Path("mine.yaml"), SweepSpec, dataset="speakers").spec.workload.timesteps == 6
    assert load_chosen(Path("mine.yaml"), SweepSpec).spec.workload.timesteps == 5


def test_unknown_names_say_what_there_is(folder):
    for file, choice, told in (
        ("more.yaml", {"dataset": "adio"}, r"has no dataset 'adio'; did you mean 'audio'\? allowed: "),
        ("more.yaml", {"scale": "tiny"}, "has no scale 'tiny'; allowed: paper, smoke$"),  # only audio has it
        ("tiny.yaml", {"scale": "smoke"}, "has no `scales`; leave out --scale$"),
    ):
        with pytest.raises(InputError, match=f"^{file}: {told}"):
            load_chosen(Path(file), SweepSpec, **choice)


def test_a_study_builds_on_a_sweep(folder):
    text = """\
extends: more.yaml
name: found
space: {recipe.learning_rate: {from: 1.0e-3, to: 1.0e-2}}
objectives: [{column: accuracy, direction: maximize, reference: 0.1}]
budget: {trials: 2}
"""
    chosen = load_chosen(write("study.yaml", text), StudySpec, scale="paper")
    assert (chosen.spec.name, chosen.spec.recipes["layered"].epochs) == ("found_digits_paper", 50)
    write("study.yaml", f"{text}sampler: random\n")
    seeded = load_chosen(write("seeded.yaml", "extends: study.yaml\nsampler: {seed: 3}\n"), StudySpec).spec.sampler
    assert (seeded.name, seeded.seed) == ("random", 3)


# mistakes ------------------------------------------------------------------------------------------------------------


def test_every_mistake_is_told_at_the_file_and_line_where_it_was_written(folder):
    write(
        "bases/base.yaml",
        TINY.replace("timesteps: 3", "timesteps: -3").replace("{policy: random, group_size: 4}", "{policy: randum}"),
    )
    defaults = "recipe_defaults:\n  epochs: -1\n  batch_size: 10\n"
    write("bases/middle.yaml", f"extends: base.yaml\n{defaults}recipes:\n  layered:\n    epochs: 0\n")
    text = """\
extends: bases/middle.yaml
recipes:
  second: {method: layered}
datasets:
  digits:
    chips:
      truenorth: {schedules: [asynchronus]}
      loihi: {capacty: scaled}
    scales:
      smoke:
        evaluation: {samples: -1}
  other: {name: 7, chips: {speck: {x: 1}}}
scales:
  smoke:
    workload: {train: few}
    titel: x
  paper: {titel: y}
"""
    assert mistakes("mine.yaml", text) == [
        "bases/base.yaml:3: workload.timesteps: must be greater than 0, found -3",
        "bases/base.yaml:13: schedules.asynchronous.policy: unknown scheduling policy 'randum'; did you mean 'random'? "
        f"allowed: {', '.join(policy_names())}",
        "bases/middle.yaml:3: recipe_defaults.epochs: must be greater than 0, found -1",
        "bases/middle.yaml:7: recipes.layered.epochs: must be greater than 0, found 0",
        "mine.yaml:7: chips.truenorth.schedules.0: unknown schedule 'asynchronus'; did you mean 'asynchronous'? "
        "allowed: asynchronous, chip, layered, paper_table5",
        "mine.yaml:8: chips.loihi.capacty: unknown key; did you mean 'capacity'?",
        "mine.yaml:11: evaluation.samples: must be greater than 0, found -1",
        "mine.yaml:15: workload.train: must be a whole number, found 'few'",
        "mine.yaml:16: unknown key 'titel'; did you mean 'title'? allowed: axes, chips, datasets, description, "
        "evaluation, extends, figures, name, network, objectives, preset, question, questions, recipe_defaults, "
        "recipes, remove, resources, scales, schedules, seeds, static_book, title, workload",
    ]


def test_mistakes_of_a_part_stop_only_those_who_choose_it(folder):
    text = TINY + "datasets:\n  good: {}\n  bad: {titel: x}\n  none:\nscales:\n  good: {}\n  list: [1]\n"
    assert load("mine.yaml", text).name == "tiny_good_good"
    assert [line[:33] for line in mistakes("mine.yaml", text, dataset="bad")] == ["mine.yaml:17: unknown key 'titel'"]
    assert mistakes("mine.yaml", text, dataset="none", scale="list") == [
        "mine.yaml:18: datasets.none: must be a mapping, a part of a sweep file, found nothing",
        "mine.yaml:21: scales.list: must be a mapping, a part of a sweep file, found a list",
    ]


# files that cannot be extended --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("datasets: [a, b]", "15: datasets: must be a mapping from names to parts of a sweep file, found a list"),
        ("datasets: {a: {datasets: {b: {}}}}", "15: datasets.a.datasets: is not allowed in such a part; besides"),
        ("scales: {a: {scales: {b: {}}}}", "15: scales.a.scales: is not allowed in such a part; besides"),
        ("datasets: {'a/b': {}}", "1: name: must be letters, digits, '_' and '-', beginning with a letter or '_'"),
        ("extends: 3", "15: extends: must be the path of a file, seen from this one, found 3"),
        ("extends: none.yaml", "15: extends: none.yaml: cannot be read: No such file or directory"),
        ("extends: mine.yaml", "15: extends: mine.yaml: is extended by itself"),
        ("extends: circle.yaml", "circle.yaml:1: extends: mine.yaml: is extended by itself, through 2 files"),
        ("extends: list.yaml", "list.yaml:1: must be a mapping, because another file extends it, found a list"),
        ("extends: broken.yaml", "broken.yaml:2: is not valid YAML"),
    ],
)
def test_what_cannot_be_extended_is_refused_with_its_line(folder, more, says):
    write("circle.yaml", "extends: mine.yaml\n")
    write("list.yaml", "- 1\n")
    write("broken.yaml", "a: 1\nb: [")
    said = mistakes("mine.yaml", f"{TINY}{more}\n")
    assert any(says in line for line in said), said


def test_aliases_are_merged_like_what_they_stand_for(folder):
    text = """\
extends: tiny.yaml
datasets:
  one: &part {recipes: {layered: {epochs: 2}}, chips: {truenorth: {weight_bits: 4}}}
  two: *part
scales:
  a: *part
  b: {recipes: {layered: {epochs: 3}}}
"""
    path = write("mine.yaml", text)
    one = load_chosen(path, SweepSpec, dataset="one", scale="b").spec
    two = load_chosen(path, SweepSpec, dataset="two", scale="a").spec
    assert (one.recipes["layered"].epochs, two.recipes["layered"].epochs) == (3, 2)
    assert one.chips["truenorth"].weight_bits == 4

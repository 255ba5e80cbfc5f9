from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_sweeps import TINY, tiny
from workload_files import write_arrays

import codesign
from codesign.documents import parse_document
from codesign.errors import DataError, DocumentError
from codesign.exploration.library import load_sweep
from codesign.exploration.pricing.space import AxisRange
from codesign.exploration.spec import BUILT_IN_SCHEDULES, SweepSpec
from codesign.exploration.study.domains import Range
from codesign.exploration.sweep import plan_sweep
from codesign.exploration.variants import base_chip
from codesign.exploration.workloads import Workloads
from codesign.network.topology import Linear
from codesign.training.recipe import Recipe

CHIPS = Path(codesign.__file__).parent.parent / "chips"


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, "bad.yaml", SweepSpec)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def assert_at_lines(found: list[tuple[int, str]], expected: list[tuple[int, str]]) -> None:
    """Each message begins as expected at its line, and there is none at any other line."""
    for line, message in expected:
        assert any(at == line and text.startswith(message) for at, text in found), (line, message, found)
    assert {line for line, _ in found} == {line for line, _ in expected}


BAD = """\
name: bad
title: Bad
workload: {name: digitz}
network: {hidden: "64x3"}
preset: nmnisst
recipe_defaults: {epochs: 0}
recipes:
  layered: {method: layered}
  rs: {method: unlayered, policy: randum, speed: 3}
chips:
  mubrain:
    schedules: [chip, asink]
    vector_wdth: 3
  lohi: {}
schedules:
  async: {policy: random, group_size: 0}
axes:
  schedule.async.group_siz: [1, 8]
  chip.mubrain.energies.synaptic_operation: [26 pJ, 3]
  chips.mubrain: [1]
objectives:
  - {column: acuracy, direction: maximize}
"""


def test_every_mistake_is_reported_at_once_with_its_line_and_a_suggestion():
    found = problems(BAD)
    expected = [
        (3, "workload.name: unknown dataset 'digitz'; did you mean 'digits'?"),
        (4, "network.hidden: hidden layers '64x3' are not of the form"),
        (5, "preset: unknown preset 'nmnisst'; did you mean 'nmnist'?"),
        (6, "recipe_defaults.epochs: must be greater than 0, found 0"),
        (9, "recipes.rs.policy: unknown scheduling policy 'randum'; did you mean 'random'?"),
        (9, "unknown key 'recipes.rs.speed'"),
        (12, "chips.mubrain.schedules.1: unknown schedule 'asink'; did you mean 'async'?"),
        (13, "chips.mubrain.vector_wdth: unknown key; did you mean 'vector_width'?"),
        (14, "chips.lohi: unknown chip 'lohi'; did you mean 'loihi'?"),
        (16, "schedules.async.group_size"),
        (18, "axes.schedule.async.group_siz: a schedule has no parameter 'group_siz'; did you mean 'group_size'?"),
        (19, "axes.chip.mubrain.energies.synaptic_operation"),
        (20, "axes.chips.mubrain: must be schedule.<name>.<parameter>"),
        (22, "objectives.0.column: unknown numeric column 'acuracy'; did you mean 'accuracy'?"),
    ]
    assert_at_lines(found, expected)


def test_layered_recipe_with_a_schedule_is_a_mistake():
    found = problems(TINY.replace("{method: layered}", "{method: layered, group_size: 8}"))
    text = "layered training has no schedule to choose: remove group_size or set method to 'unlayered'"
    assert found == [(8, f"recipes.layered: {text}")]


def test_an_all_in_energy_is_asked_for_the_other_operation_where_it_is_written():
    entry = "  truenorth: {}"
    assert entry in TINY
    measured = "chips.truenorth_allin: truenorth_allin: its all-in energy was measured in real_time"
    operation = "  tn:\n    extends: truenorth_allin\n    operation: accelerated"
    right = TINY.replace(entry, "  truenorth_allin: {operation: real_time}")
    axis = "axes:\n  chip.truenorth_allin.operation: [real_time, accelerated]\nseeds:"
    for text, line, start in (
        (TINY.replace(entry, "  truenorth_allin: {}"), 11, measured),
        (TINY.replace(entry, operation), 13, "chips.tn.operation: "),
        (right.replace("seeds:", axis), 15, "axes.chip.truenorth_allin.operation: "),
    ):
        (found,) = problems(text)
        assert found[0] == line
        assert found[1].startswith(start)
        assert "contains the static energy of that one; it cannot be used for operation 'accelerated'" in found[1]
    assert parse_document(right, "good.yaml", SweepSpec).chips["truenorth_allin"].operation == "real_time"


LAYERED = "  layered: {method: layered}"


def test_a_recipe_that_looks_at_times_names_a_chip_of_the_sweep():
    timed = LAYERED + "\n  timed: {method: unlayered, policy: timed"
    (found,) = problems(TINY.replace(LAYERED, timed + "}"))
    assert found == (
        9,
        "recipes.timed: policy 'timed' looks at a chip's service times: give 'chip', the name of one of the sweep's",
    )
    (found,) = problems(TINY.replace(LAYERED, timed + ", chip: mubrain_fited}"))
    assert found[0] == 9
    assert found[1].startswith("recipes.timed.chip: unknown chip 'mubrain_fited'; did you mean 'mubrain'?")
    spec = parse_document(TINY.replace(LAYERED, timed + ", chip: mubrain}"), "good.yaml", SweepSpec)
    assert spec.recipes["timed"].chip == "mubrain"
    axis = "axes: {recipe.timed.chip: [mubrain, loihi]}\nseeds:"
    (found,) = problems(TINY.replace(LAYERED, timed + ", chip: mubrain}").replace("seeds:", axis))
    assert found[1].startswith("axes.recipe.timed.chip: unknown chip 'loihi'; ")


def test_a_mixture_takes_no_defaults_of_one_schedule_and_its_mistakes_have_their_line():
    def with_mixture(text: str) -> str:
        defaults = "recipe_defaults: {group_size: 4, policy: fifo, momentum_noise: 0.25, "
        mixed = f"{LAYERED}\n  mixed: {{method: unlayered, mixture: {text}}}"
        return TINY.replace(LAYERED, mixed).replace("recipe_defaults: {", defaults)

    layered, quiet = "{method: layered}", "{policy: random, group_size: 2}"
    spec = parse_document(with_mixture(f"[{quiet}, {layered}]"), "good.yaml", SweepSpec).recipes["mixed"]
    assert spec.momentum_noise == 0
    loud = "{policy: momentum, group_size: 3}"
    spec = parse_document(with_mixture(f"[{quiet}, {loud}]"), "good.yaml", SweepSpec).recipes["mixed"]
    assert (spec.momentum_noise, [one.group_size for one in spec.schedules]) == (0.25, [2, 3])
    (found,) = problems(with_mixture(f"[{layered}, {{policy: randum, group_size: 2}}]"))
    assert found[1].startswith("recipes.mixed.mixture.1.policy: unknown scheduling policy 'randum'; did you mean")
    assert "mixed:" in with_mixture("").splitlines()[found[0] - 1]


def test_mistakes_in_a_calibration_have_their_line():
    def with_calibration(text: str) -> str:
        return TINY.replace("{method: layered}", f"{{method: layered, calibration: {text}}}")

    line = TINY.splitlines().index("  layered: {method: layered}") + 1
    found = problems(with_calibration("{policy: randum, criterion: acuracy}"))
    assert {place for place, _ in found} == {line}
    messages = [message for _, message in found]
    assert any(
        one.startswith("recipes.layered.calibration.policy: unknown scheduling policy 'rand") for one in messages
    )
    assert any("'matching' or 'cross_entropy'" in one for one in messages)
    assert "a calibration is for no chip" in problems(with_calibration("{policy: timed}"))[0][1]


def test_a_policy_for_all_recipes_passes_layered_ones_by():
    default = ("recipe_defaults: {", "recipe_defaults: {chip: mubrain, policy: timed, ")
    spec = tiny(default, (LAYERED, LAYERED + "\n  timed: {method: unlayered}"))
    assert (spec.recipes["layered"].policy, spec.recipes["timed"].policy) == ("random", "timed")
    assert spec.recipes["layered"].chip == spec.recipes["timed"].chip == "mubrain"  # whose bits it may train with


def test_preset_fills_what_defaults_and_recipe_leave_open():
    spec = tiny(
        (
            "  layered: {method: layered}",
            "  layered: {method: layered, learning_rate: 1.0e-2}\n"
            "  ms: {method: unlayered, policy: momentum}\n  rs: {method: unlayered, group_size: 3}",
        )
    )
    layered, ms, rs = (spec.recipes[name] for name in ("layered", "ms", "rs"))
    assert layered.learning_rate == 1e-2  # the recipe's own
    assert ms.learning_rate == 5e-3  # recipe_defaults
    assert (layered.epochs, layered.batch_size) == (1, 30)
    assert layered.weight_decay == 1e-5  # Table 6
    assert layered.input_dropout == 0.25
    assert (ms.momentum_noise, rs.momentum_noise, layered.momentum_noise) == (1e-6, 0.0, 0.0)
    assert (ms.group_size, rs.group_size) == (8, 3)
    assert spec.neuron.time_constant == 1e-3


def test_a_recipe_takes_what_is_recommended_for_its_data():
    """Its own words win over that, and that over what all recipes of the file share."""
    text = """
name: recommended
workload: {name: digits}
network: {hidden: "[8x2]"}
preset: nmnist
recipe_defaults: {epochs: 3, loss: sum, group_size: 4, spike_cost: 1.0}
recipes:
  layered: {preset: recommended_layered}
  mine: {preset: recommended_unlayered, spike_cost: 0.5}
  plain: {method: layered}
chips: {loihi: {}}
"""
    layered, mine, plain = parse_document(text, "recommended.yaml", SweepSpec).recipes.values()
    assert (layered.method, layered.spike_cost, layered.epochs, layered.batch_size) == ("layered", 0.06, 3, 256)
    assert (mine.method, mine.spike_cost, mine.group_size, mine.loss) == ("unlayered", 0.5, 8, layered.loss)
    assert (plain.spike_cost, plain.loss) == (1.0, Recipe(method="layered", epochs=1).loss)
    with pytest.raises(DocumentError, match=r"recommended.yaml:8: .*unknown preset of a recipe 'recommended'"):
        parse_document(text.replace("recommended_layered}", "recommended}"), "recommended.yaml", SweepSpec)


def test_what_recipes_share_gives_way():
    """To a preset of one's own, to layered training, to a mixture, and to a schedule in place of a mixture."""
    text = """
name: shared
workload: {name: digits}
network: {hidden: "[8x2]"}
preset: nmnist
recipe_defaults: {epochs: 3, preset: recommended_unlayered}
recipes:
  usual: {}
  layered: {preset: recommended_layered}
  by_method: {method: layered}
  mixed: {mixture: [{policy: random, group_size: 2}, {method: layered}]}
  own: {preset: recommended_unlayered, mixture: [{policy: fifo, group_size: 1}], spike_cost: 1}
chips: {loihi: {}}
"""
    usual, *layered, mixed, own = parse_document(text, "shared.yaml", SweepSpec).recipes.values()
    assert (usual.method, usual.policy, usual.spike_cost, usual.mixture) == ("unlayered", "random", 0.06, None)
    assert [(one.method, one.spike_cost, one.policy) for one in layered] == [("layered", 0.06, "random")] * 2
    assert [schedule.group_size for schedule in mixed.schedules] == [2, None]
    assert (own.spike_cost, own.schedule.policy, mixed.loss) == (1.0, "fifo", usual.loss)
    mixture = "method: unlayered, mixture: [{policy: momentum, group_size: 2}]"
    shared = text.replace("preset: recommended_unlayered", mixture, 1)
    usual, *_, mixed, own = parse_document(shared, "shared.yaml", SweepSpec).recipes.values()
    assert usual.schedule.policy == "momentum"
    plain = parse_document(shared.replace("usual: {}", "usual: {policy: fifo}"), "shared.yaml", SweepSpec)
    assert (plain.recipes["usual"].mixture, plain.recipes["usual"].group_size) == (None, 8)


def test_neuron_parameters_of_the_sweep_win_over_the_preset():
    spec = tiny(('{hidden: "12-8"}', '{hidden: "12-8", neuron: {threshold: 0.5}}'))
    assert spec.neuron.threshold == 0.5
    assert spec.neuron.time_constant == 1e-3


def test_network_takes_inputs_and_outputs_from_the_workload():
    topology = tiny().topology(input_grid=(2, 16, 16), classes=10)
    assert topology.input == 512
    assert topology.layers == (Linear(neurons=12), Linear(neurons=8), Linear(neurons=10))


def test_network_without_layers_takes_those_of_the_preset():
    topology = tiny(('network: {hidden: "12-8"}\n', "")).topology(input_grid=(1, 4, 4), classes=10)
    assert [layer.neurons for layer in topology.layers if isinstance(layer, Linear)] == [64, 64, 64, 10]


def test_a_sweeps_own_schedule_hides_the_built_in_one():
    spec = tiny(("  asynchronous: {", "  chip: {policy: fifo}\n  asynchronous: {"))
    assert spec.schedule_entry("chip").policy == "fifo"
    assert spec.schedule_entry("layered") == BUILT_IN_SCHEDULES["layered"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("5.0e-3", "1.0e+300", "recipe_defaults.learning_rate: must be at most 1e+30 in size, found 1e+300"),
        ("5.0e-3", "true", "recipe_defaults.learning_rate: must be a valid number, found True"),
        ("epochs: 1", "epochs: '3'", "recipe_defaults.epochs: must be a valid integer, found '3'"),
        ("epochs: 1", "epochs: 1, patience: true", "recipe_defaults.patience: must be a valid integer, found True"),
        ("epochs: 1", "epochs: 1, weight_decay: 1.0e+39", "recipe_defaults.weight_decay: must be at most"),
        (
            '"12-8"',
            '"12-8", neuron: {threshold: 1.0e+308}',
            "network.neuron.threshold: must be at most 1e+30 in size",
        ),
        ('"12-8"', '"12-8", neuron: {threshold: "1"}', "network.neuron.threshold: must be a valid number, found '1'"),
        (
            '"12-8"',
            '"12-8", neuron: {surrogate_steepness: 1.0e+300}',
            "network.neuron.surrogate_steepness: must be at most",
        ),
        ('"12-8"', '"12-8", neuron: {threshold: 1.0e-50}', "network.neuron.threshold: must be 0 or at least 1e-30 in"),
        ('"12-8"', '"12-8", neuron: {time_constant: 1e300 s}', "network.neuron.time_constant: must be at most 1e+30 s"),
        (
            'hidden: "12-8"',
            'layers: [{kind: linear, neurons: "10"}]',
            "network.layers.0.linear.neurons: must be a valid",
        ),
        (
            'hidden: "12-8"',
            "layers: [{kind: linear, neurons: true}]",
            "network.layers.0.linear.neurons: must be a valid",
        ),
        (
            "seeds:",
            "resources: {train: {gpus: true}}\nseeds:",
            "resources.train.gpus: must be a valid number, found True",
        ),
        (
            "seeds:",
            "objectives: [{column: accuracy, direction: maximize, reference: 32}]\nseeds:",
            "objectives.0.reference: must be a fraction from 0 to 1, or a percentage such as '85 %' up to 100 %, found",
        ),
        (
            "seeds:",
            "objectives: [{column: accuracy, direction: maximize, reference: 101 %}]\nseeds:",
            "objectives.0.reference: must be a fraction from 0 to 1",
        ),
        (
            "seeds:",
            "objectives: [{column: energy_j, direction: minimize, reference: 1.0e+39}]\nseeds:",
            "objectives.0.reference: must be at most 1e+30 in size",
        ),
    ],
)
def test_numbers_that_no_network_computes_with_are_mistakes(old, new, message):
    (found,) = problems(TINY.replace(old, new))
    assert found[0] == next(i for i, line in enumerate(TINY.splitlines(), start=1) if old in line)
    assert found[1].startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seeds:", "axes: {chip.mubrain.vector_width: [1, 4, 1]}\nseeds:"), "must differ, found 1, 4, 1"),
        (("training: [0]", "training: [0, 0]"), "seeds must differ, found 0, 0"),
        (("[layered, asynchronous]", "[layered, layered]"), "schedules must differ, found layered, layered"),
        (("group_size: 4}", "group_size: 1000000000000000000000}"), "must be less than 2147483648"),
        (("group_size: 4}", "group_size: 4, steps_after_output: 33}"), "must be less than 33"),
        (('"12-8"', '"[4x99999999]"'), "are not of the form"),
    ],
)
def test_repetitions_and_absurd_sizes_are_mistakes(change, message):
    with pytest.raises(DocumentError, match=message):
        tiny(change)


AXES = """\
axes:
  schedule.asynchronous.group_size: [4, 0, some]
  schedule.asynchronous.policy:
    - fifo
    - randum
  schedule.layered.steps_after_output: [1, 33]
  recipe.layered.epochs:
    - 1
    - x
  recipe.layered.method: [layered, unlaired]
  chip.mubrain.weight_bits: [chip, 33]
  chip.mubrain.vector_width:
    - 1
    - 0
"""


def test_values_that_an_axis_cannot_take_are_told_at_their_lines():
    first = len(TINY.splitlines())
    expected = [
        (2, "schedule.asynchronous.group_size: must be greater than 0, found 0"),
        (2, "schedule.asynchronous.group_size: must be 'all' or 'layer', found 'some'"),
        (5, "schedule.asynchronous.policy: unknown scheduling policy 'randum'; did you mean 'random'?"),
        (6, "schedule.layered.steps_after_output: must be less than 33, found 33"),
        (9, "recipe.layered.epochs: must be a valid integer, "),
        (10, "recipe.layered.method: must be 'layered' or 'unlayered', found 'unlaired'"),
        (11, "chip.mubrain.weight_bits: must be less than or equal to 32, found 33"),
        (14, "chip.mubrain.vector_width: "),
    ]
    found = [(line - first, message.removeprefix("axes.")) for line, message in problems(TINY + AXES)]
    assert_at_lines(found, expected)


def test_values_of_axes_need_to_go_together_only_as_they_are_combined():
    queued = TINY + "axes:\n  schedule.asynchronous.prioritize_input: [true]\n"
    line = len(queued.splitlines())
    assert parse_document(queued + "  schedule.asynchronous.input_mode: [queued]\n", "good.yaml", SweepSpec).axes
    text = "prioritize_input needs input_mode 'queued'; in mode 'frame' no input waits"
    alone = "axes.schedule.asynchronous.prioritize_input: prioritize_input = True"
    assert problems(queued) == [(line, f"{alone}: {text}")]
    other = "axes.schedule.asynchronous.input_mode: prioritize_input = True, input_mode = frame"
    assert problems(queued + "  schedule.asynchronous.input_mode: [queued, frame]\n") == [
        (line + 1, f"{other}: {text}")
    ]


CHIP_AXES = "  chip.odin.group_size: [8]\n  chip.odin.vector_width: [1, 2]\n  chip.odin.neurons_per_core: [4, 64]\n"
CLASH = "group_size = 8, neurons_per_core = 4: is larger than the chip's 4 neurons, found 8"
SLOW = "  chip.odin.times.synaptic_operation: [1 ns, 20000]\n  chip.odin.clock: [100 MHz, 1 Hz]\n"


@pytest.mark.parametrize(
    ("axes", "line", "message"),
    [
        (CHIP_AXES, 4, f"axes.chip.odin.neurons_per_core: {CLASH}"),
        (SLOW, 3, "axes.chip.odin.clock: times.synaptic_operation = 20000, clock = 1 Hz: must take at most 1000 s"),
        ("  chip.odin.potential_bits: [2]\n", 2, "axes.chip.odin.potential_bits: potential_bits = 2: a potential must"),
    ],
)
def test_numbers_of_a_chip_are_looked_at_together(axes, line, message):
    text = TINY.replace("  truenorth: {}", "  odin: {}") + "axes:\n"
    (found,) = problems(text + axes)
    assert found[0] == len(TINY.splitlines()) + line
    assert found[1].startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("timesteps: 3", "timesteps: 30000", "workload.timesteps: 30000 timesteps of 10 ms last 300 s, but a sample"),
        ("timesteps: 3", "timestep: 1 us", "workload.timestep: must be at least 1 ms, found 1 µs"),
        ("timesteps: 3", "split: speaker", "workload.split: 'speaker' does not exist; allowed: pooled"),
        ("timesteps: 3", "folder: x", "workload.folder: is an option of recordings of sound"),
        ("name: digits", "name: mnist, highest_frequency: 9 kHz", "workload.highest_frequency: is an option of"),
        ("name: digits", "name: audio, highest_frequency: 9 Hz", "workload.highest_frequency: must be between"),
        ("name: digits", "name: cifar10", "workload.timesteps: images are seen in one timestep"),
    ],
)
def test_options_that_the_dataset_does_not_have_are_told_at_their_line(old, new, message):
    (found,) = problems(TINY.replace(old, new))
    assert found[0] == 3
    assert found[1].startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("group_size: 4", "group_size: 4, stop: on_output", "schedules.asynchronous.stop"),
        (
            "seeds:",
            "axes: {schedule.asynchronous.stop: [drained, on_output]}\nseeds:",
            "axes.schedule.asynchronous.stop",
        ),
        ("group_size: 4", "group_size: 4, stop: margin", "schedules.asynchronous.stop"),
        ("epochs: 1", "epochs: 1, validation_margin: 2", "recipe_defaults.validation_margin"),
        ("seeds:", "axes: {recipe.layered.validation_margin: [2]}\nseeds:", "axes.recipe.layered.validation_margin"),
        ("epochs: 1", "epochs: 1, calibration: {}", "recipe_defaults.calibration.stop"),
        (LAYERED, LAYERED[:-1] + ", calibration: {stop: on_output}}", "recipes.layered.calibration.stop"),
    ],
)
def test_what_has_no_output_spikes_cannot_wait_for_them(old, new, place):
    text = TINY.replace('"12-8"', '"12-8", neuron: {readout: potential}')
    (found,) = problems(text.replace(old, new))
    what = "needs output spikes; readout 'potential' has none"
    if place.endswith("stop"):
        stop = "margin" if "margin" in new else "on_output"
        what = f"'{stop}' needs output spikes; with readout 'potential' it must be 'drained'"
    assert found[1] == f"{place}: {what}"
    assert found[0] == next(i for i, line in enumerate(text.splitlines(), start=1) if old in line)


def test_a_chip_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    chip = (CHIPS / "mubrain.yaml").read_text(encoding="utf-8")
    for folder in ("here", "deep/down"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "here/my_chip.yaml").write_text(chip.replace("vector_width: {value: all", "vector_width: {value: 5"))
    text = TINY.replace("  mubrain: {", "  mubrain: {extends: ./my_chip.yaml, ")
    (tmp_path / "here/base.yaml").write_text(text)
    (tmp_path / "deep/down/mine.yaml").write_text("extends: ../../here/base.yaml\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    for place in ("here/base.yaml", tmp_path / "here/base.yaml", "deep/down/mine.yaml"):
        assert base_chip(load_sweep(place), "mubrain").vector_width.value == 5
    monkeypatch.chdir(tmp_path / "here")
    assert base_chip(load_sweep("base.yaml"), "mubrain").vector_width.value == 5
    (tmp_path / "deep/base.yaml").write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_sweep("../deep/base.yaml")
    said = f"chips.mubrain.extends: there is no file 'my_chip.yaml' in {tmp_path / 'deep'}"
    assert str(caught.value) == f"../deep/base.yaml:10: {said}"


def test_data_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    """And is the same data, and the same plan, wherever both lie; once planned with, it may not change."""
    text = re.sub("workload: .*", "workload: {name: arrays, file: mine.npz}", TINY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(DocumentError, match=r"mine.yaml:.*: workload.file: there is no file mine.npz$"):
        load_sweep("mine.yaml")
    plans = []
    for folder in ("here", "there"):
        (write_arrays(tmp_path / folder) / "mine.yaml").write_text(text)
        (tmp_path / folder / "arrays" / "mine.npz").rename(tmp_path / folder / "mine.npz")
        plans.append(plan_sweep(load_sweep(f"{folder}/mine.yaml")))
    assert plans[0].config_hash == plans[1].config_hash
    assert plans[0].outline.input_grid == (2, 4, 4)
    workloads, spec = Workloads(cache_root=tmp_path / "cache"), load_sweep("here/mine.yaml").workload
    fingerprint = workloads.outline(spec).fingerprint
    (write_arrays(tmp_path, timestep_s=0.02) / "arrays" / "mine.npz").rename(tmp_path / "here" / "mine.npz")
    with pytest.raises(DataError, match="its files changed since the run began"):
        workloads.load(fingerprint)


@pytest.mark.parametrize("model", [Range, AxisRange])
def test_the_ends_of_ranges_are_no_booleans(model):
    with pytest.raises(DocumentError, match=r"^x.yaml:2: to: must be a number, or one with a unit .*, found True$"):
        parse_document("from: 0\nto: true\npoints: 3" if model is AxisRange else "from: 0\nto: true", "x.yaml", model)

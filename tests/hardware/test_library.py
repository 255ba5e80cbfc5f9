"""The chips that come with the project: form of every file, and published values written out by hand."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from handmade_hardware import near

from codesign.documents import Spec
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Timer
from codesign.hardware.chip.provenance import OWN, sourced_parts
from codesign.hardware.cost.uncertainty import uncertain_numbers
from codesign.hardware.library import load_chip

CHIPS = Path(__file__).parents[2] / "chips"
FILES = sorted(CHIPS.glob("*.yaml"))
LIBRARY = {path.stem: load_chip(path) for path in FILES}
REAL = [name for name in LIBRARY if name != "template"]

WITHOUT_ADDRESS = {
    # The thesis survey names the papers that it quotes; the paper on layer synchronization has no address yet.
    "survey",
    "layersync",
    "structure",  # the program's own model
}


@pytest.mark.parametrize("name", LIBRARY)
def test_names_are_file_stems_and_descriptions_begin_with_one_line(name: str) -> None:
    chip = LIBRARY[name]
    assert chip.name == name
    first = re.split(r"\.(?:\s|$)", chip.description, maxsplit=1)[0]
    assert 20 <= len(first) <= 100, first
    assert chip.operating_point


def test_names_and_aliases_belong_to_one_chip() -> None:
    words = Counter(word.casefold() for chip in LIBRARY.values() for word in (chip.name, *chip.aliases))
    assert [word for word, uses in words.items() if uses > 1] == []
    owners = {alias: chip.name for chip in LIBRARY.values() for alias in chip.aliases}
    known = {"loihi": "loihi_sanafe", "spinnaker": "spinnaker_stromatias2013", "seneca": "seneca_barrier"}
    assert known.items() <= owners.items()


@pytest.mark.parametrize("name", LIBRARY)
def test_numbers_and_results_name_sources_of_their_file_which_are_all_used_and_can_be_found(name: str) -> None:
    chip = LIBRARY[name]
    parts = (chip.network_on_chip, chip.weights, chip.power_gating, chip.layer_work)
    named = [*chip.numbers().values(), *chip.validation, *(part for part in parts if part and part.source)]
    assert {one.source for one in named} | {chip.citation} == set(chip.sources)
    for key, source in chip.sources.items():
        assert len(source.citation) >= 20, key
        assert source.doi or source.url or key in WITHOUT_ADDRESS, key
        assert not source.doi or re.fullmatch(r"10\.\d{4,}/\S+", source.doi), key
        assert not source.url or source.url.startswith("https://"), key


@pytest.mark.parametrize("name", REAL)
def test_published_results_are_listed_once_each(name: str) -> None:
    results = LIBRARY[name].validation
    assert results
    names = [one.name for one in results]
    assert len(set(names)) == len(names)
    for one in results:
        numbers = (one.energy, one.latency, one.power, one.accuracy)
        assert one.note or any(number is not None for number in numbers), one.name


P, T = 1e-12, 1e-9

# beside those that the published measurements of test_validation work out
VALUES = [
    ("mubrain", "times.synaptic_operation", 100 * T),
    ("mubrain_layersync2024", "energies.synaptic_operation", 26 * P),
    ("speck", "static_power.chip", 0.42e-3),
    ("speck", "energies.synaptic_operation", 30 * P),
    ("speck", "weight_bits", 8),
    ("speck", "potential_bits", 16),
    ("loihi_davies2018", "energies.neuron_update", (81 - 52) * P),
    ("loihi_davies2018", "times.neuron_access", 5.3 * T),
    ("loihi_davies2018", "times.neuron_update", (8.4 - 5.3) * T),
    ("loihi_davies2018", "static_power.core_off", (96.25e-3 - 28.8e-3 - 23e-3) / 128),
    ("loihi_davies2018", "network_on_chip.link_rate", 3.44e9),
    ("loihi_sanafe", "potential_fraction_bits", 6),
    ("loihi_sanafe", "energies.neuron_update", 21.6 * P),
    ("loihi_sanafe", "energies.spike", 69.3 * P),
    ("loihi_sanafe", "energies.message", 111 * P),
    ("loihi_sanafe", "energies.hop_vertical", 4.2 * P),
    ("loihi_sanafe", "times.synaptic_operation", 3.8 * T),
    ("loihi_sanafe", "times.message", 16 * T),
    ("loihi_sanafe", "times.neuron_access", 6.0 * T),
    ("loihi_sanafe", "times.neuron_update", 3.7 * T),
    ("loihi_sanafe", "times.spike", 30.0 * T),
    ("loihi_sanafe", "times.output", 5.1 * T),
    ("loihi_sanafe", "times.hop_vertical", 6.5 * T),
    ("loihi_sanafe", "multi_chip.most", 768),
    ("loihi2", "neurons_per_core", 8192),
    ("loihi2", "weight_memory", 128 * 1024 * 8),
    ("loihi2", "synchronization.least_step", 200 * T),
    ("loihi2", "times.neuron_update", 3.7 / 2 * T),
    ("loihi2", "times.spike", 30 / 10 * T),
    ("loihi2", "times.message", 5.1 * T),  # Loihi's 16 ns / √10
    ("seneca_barrier", "energies.synaptic_operation", 2.8 * P),
    ("seneca_barrier", "energies.neuron_update", (3.7 + 1.4 + 1.4 + 1.2 + 3.9) * P),
    ("seneca_barrier", "energies.message", 2 * P),
    ("seneca_timer", "energies.spike", (0.5 + 1.1) * P),
    ("seneca_timer", "clock", 200e6),
    ("seneca_timer", "vector_width", 8),
    ("spinnaker_sharp2012", "energies.synaptic_operation", 43e-9),
    ("spinnaker_sharp2012", "energies.neuron_access", 100e-9),
    ("spinnaker_sharp2012", "neurons_per_core", 255),
    ("spinnaker_stromatias2013", "times.synaptic_operation", 48 * 17 / 1.8e9),
    ("spinnaker_stromatias2013", "times.neuron_access", 0.32e-6),
    ("spinnaker2", "cores", 148),
    ("spinnaker2", "energies.synaptic_operation", 450 * P),
    ("spinnaker2", "times.synaptic_operation", 152 / 1.8e9),
    ("truenorth", "energies.chip_hop", 26 * 32 * P),  # a packet has 32 bits
    ("truenorth", "potential_bits", 20),
    ("truenorth_allin", "energies.synaptic_operation", 26 * P),
    ("poets", "cores", 64),
    ("poets", "clock", 210e6),
    ("poets", "neurons_per_core", 4_000_000 // 3072),
    ("odin", "energies.synaptic_operation", 8.43 * P),
    ("odin_allin", "energies.synaptic_operation", 12.7 * P),
    ("tianjic", "energies.synaptic_operation", 1.54 * P),
    ("tianjic", "cores", 156),
    ("tianjic", "clock", 300e6),
    ("sne", "cores", 51.2e9 / (16 * 400e6)),
    ("sne", "weight_bits", 4),
    ("reckon", "energies.synaptic_operation", 5.3 * P),
    ("reckon", "area", 0.45e-6),
    ("reckon", "synapses_per_core", 8 * 1024 * (64 + 64 + 4) / 8),  # of memories of 64, 64 and, half used, 8 kB
    ("morphic", "area", 2.86e-6),
    ("morphic", "energies.synaptic_operation", 30 * P),
    ("xylo_audio2", "weight_bits", 8),
    ("xylo_audio2", "synapses_per_core", 64_000),
    ("xylo_audio2", "technology_node", 28e-9),
    ("xylo_audio2", "energies.clock_cycle", 291e-6 / 6.25e6),
    ("brainscales2", "static_power.chip", 2.36e-6 / 11.8e-6),
    ("brainscales2", "technology_node", 65e-9),
]


def test_published_numbers_stand_in_the_files_of_all_processors() -> None:
    found = {(name, path): LIBRARY[name].numbers()[path].si for name, path, _ in VALUES}
    assert found == {(name, path): near(value, rel=5e-3) for name, path, value in VALUES}
    assert set(REAL) == {name for name, *_ in VALUES}


# What other sentences about the same number amount to: an efficiency, or a power by the operations of its load.
OTHERWISE = {
    "46 GSOPS/W": ("truenorth_allin", 1 / 46e9),
    "72 mW, a million neurons": ("truenorth_allin", 72e-3 / (1e6 * 20 * 128)),
    "about 650 GSOPS/W": ("tianjic", 1 / 650e9),
    "5.5 mW a core": ("tianjic", 5.5e-3 * (5050 / 300e6) / 256**2),
    "18 µJ, 1,020 a second": ("sne", 18e-6 * 1020 / 51.2e9),
}


@pytest.mark.parametrize(("name", "energy"), OTHERWISE.values(), ids=OTHERWISE)
def test_ranges_hold_what_else_is_published(name: str, energy: float) -> None:
    numbers = {number.path: number for number in uncertain_numbers(LIBRARY[name])}
    operation = numbers["energies.synaptic_operation"]
    assert operation.low <= energy <= operation.high


def test_all_in_energies_say_in_which_operation_they_were_measured() -> None:
    synaptic = {name: chip.energies.synaptic_operation for name, chip in LIBRARY.items()}
    found = {name: number.operation for name, number in synaptic.items() if number is not None and number.all_in}
    accelerated = ("morphic", "odin_allin", "reckon", "sne", "tianjic")
    assert found == {**dict.fromkeys(accelerated, "accelerated"), "truenorth_allin": "real_time"}


def test_what_is_not_published_is_absent() -> None:
    assert LIBRARY["poets"].energies.synaptic_operation is None
    assert LIBRARY["spinnaker_sharp2012"].static_power.given == {}
    assert LIBRARY["mubrain_layersync2024"].static_power.given == {}
    assert LIBRARY["mubrain_layersync2024"].times.synaptic_operation is None
    assert LIBRARY["loihi_davies2018"].times.output is None
    assert LIBRARY["odin"].energies.neuron_access is None
    assert LIBRARY["brainscales2"].energies.synaptic_operation is None
    assert LIBRARY["brainscales2"].times.synaptic_operation is None
    assert LIBRARY["morphic"].vector_width is None
    for name in ("spinnaker_sharp2012", "spinnaker_stromatias2013"):  # a packet's joules are counted once
        assert LIBRARY[name].energies.hop is LIBRARY[name].energies.message is None


# 11,500 spikes a digit, of which 6,400 are inputs that reach 64 neurons; the others reach 10 outputs, or 16
DIGIT = {"published readout": 6400 * 64 + 5100 * 10, "whole last layer": 6400 * 64 + 5100 * 16}


@pytest.mark.parametrize("operations", DIGIT.values(), ids=DIGIT)
def test_the_numbers_of_mubrain_give_a_digit_from_its_counts(operations: int) -> None:
    chip = LIBRARY["mubrain"]
    energy = operations * chip.e_synaptic_operation_j + 4.2e-3 * chip.static_power.chip.value
    assert energy == near(308e-9, rel=0.011)
    assert energy / 11_500 == near(26 * P, rel=0.05)  # as the paper says it: per spike, with everything in it
    assert operations * chip.e_synaptic_operation_j == near(308e-9 * 21 / 74, rel=0.04)  # of 74 µA, 53 leak
    low, high = chip.energies.synaptic_operation.range
    assert low < 0.7 * 26 * P * 11_500 / operations < high  # the text's 30 % static instead
    assert chip.times.synaptic_operation.range[1] == near(4.2e-3 / 6400, rel=1e-3)


@pytest.mark.parametrize("name", LIBRARY)
def test_every_chip_says_how_all_of_it_is_known_and_what_its_energies_are_energies_of(name: str) -> None:
    """What a file of one's own may leave out."""
    chip = LIBRARY[name]
    always = {"title", "description", "citation", "operating_point"}
    assert always | {"layers_share_core", "can_flush", "can_end_sample"} <= chip.model_fields_set
    for place, part in sourced_parts(chip):
        assert part.source != OWN, place
        assert "confidence" in part.model_fields_set, place
    for energy, number in chip.energies.given.items():
        fields = {"per", "static", "voltage", "all_in", "counted"} & set(type(number).model_fields)
        assert fields <= number.model_fields_set, energy
    # arithmetic, or how a figure was read
    assert [path for path, number in chip.numbers().items() if number.confidence == "derived" and not number.note] == []


BY_TIMESTEP = ("loihi2", "loihi_davies2018", "loihi_sanafe", "poets", "xylo_audio2")
TICKS = {
    "reckon": (1e-3, "stretch"),
    "seneca_timer": (10_000 / 200e6, "stretch"),
    "spinnaker2": (1e-3, "drop"),
    "spinnaker_sharp2012": (1e-3, "stretch"),
    "tianjic": (5050 / 300e6, "stretch"),
    "truenorth": (1e-3, "stretch"),
}


def test_kinds_of_synchronization() -> None:
    kinds = {name: LIBRARY[name].synchronization.kind for name in REAL}
    found = {kind: {name for name in kinds if kinds[name] == kind} for kind in kinds.values()}
    assert found["asynchronous"] == {"brainscales2", "mubrain", "mubrain_layersync2024", "speck"}
    assert found["clocked"] == {"morphic", "odin", "odin_allin"}
    assert found["barrier"] == {*BY_TIMESTEP, "seneca_barrier"}
    assert all(LIBRARY[name].synchronization.scope == "timestep" for name in BY_TIMESTEP)
    assert LIBRARY["seneca_barrier"].synchronization.scope == "layer"
    for name, (tick, overload) in TICKS.items():
        timer = LIBRARY[name].synchronization
        assert isinstance(timer, Timer), name
        assert (LIBRARY[name].seconds(timer.tick), timer.overload) == (near(tick), overload), name


def test_the_template_fills_in_every_field() -> None:
    chip = LIBRARY["template"]
    text = (CHIPS / "template.yaml").read_text(encoding="utf-8")
    for part in (chip, chip.validation[0].model, *dict(chip).values(), *dict(sourced_parts(chip)).values()):
        for field in type(part).model_fields if isinstance(part, Spec) else ():
            assert re.search(rf"^[ #]*{field}:", text, re.MULTILINE) or f"{field}:" in text, field
    alternatives = {"synapses_per_core", "group_size"}
    empty = {field for field in Chip.model_fields if getattr(chip, field) is None}
    assert empty == alternatives
    for group in (chip.energies, chip.times):
        assert all(getattr(group, field) is not None for field in type(group).model_fields)


def test_numbers_of_the_template_belong_to_no_chip() -> None:
    assert {source.doi for source in LIBRARY["template"].sources.values()} <= {"", "10.0000/example"}
    assert LIBRARY["template"].aliases == ()

"""The chips that come with the project: form of every file, and published values written out by hand."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from handmade_hardware import near

from codesign.documents import Spec
from codesign.hardware.chip.description import Chip
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
    ("speck", "energies.synaptic_operation", 30 * P),
    ("speck", "times.message", ((3.36e-6 - 1.58e-6) / 8 - 5 * T) / 2),
    ("loihi_davies2018", "static_power.core_off", (96.25e-3 - 28.8e-3 - 23e-3) / 128),
    ("loihi_sanafe", "energies.spike", 69.3 * P),
    ("loihi2", "times.message", 5.1 * T),  # Loihi's 16 ns / √10
    ("loihi2", "synchronization.least_step", 11.637 / 10e6),
    ("seneca_barrier", "energies.neuron_update", (3.7 + 1.4 + 1.4 + 1.2 + 3.9 + 0.5) * P),
    ("seneca_timer", "energies.spike", 1.1 * P),
    ("spinnaker_sharp2012", "energies.synaptic_operation", 43e-9),
    ("spinnaker_stromatias2013", "times.synaptic_operation", 48 * 17 / 1.8e9),
    ("spinnaker2", "energies.synaptic_operation", 450 * P),
    ("truenorth", "energies.chip_hop", 26 * 32 * P),  # a packet has 32 bits
    ("truenorth_allin", "energies.synaptic_operation", 26 * P),
    ("poets", "neurons_per_core", 4_000_000 // 3072),
    ("odin", "energies.synaptic_operation", 8.43 * P),
    ("odin_allin", "energies.synaptic_operation", 12.7 * P),
    ("tianjic", "energies.synaptic_operation", 1.54 * P),
    ("sne", "cores", 51.2e9 / (16 * 400e6)),
    ("reckon", "synapses_per_core", 8 * 1024 * (64 + 64 + 4) / 8),  # of memories of 64, 64 and, half used, 8 kB
    ("morphic", "energies.synaptic_operation", 30 * P),
    ("xylo_audio2", "energies.clock_cycle", 291e-6 / 6.25e6),
    ("brainscales2", "static_power.chip", 2.36e-6 / 11.8e-6),
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

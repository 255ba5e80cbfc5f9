from __future__ import annotations

import numpy as np
import pytest
from handmade_hardware import ASYNCHRONOUS, chip_from, number, shape_of, structured
from hypothesis import given, settings
from hypothesis import strategies as st

import codesign as cd
from codesign.hardware.placement.filling import CoreLoad
from codesign.network.layers import Conv2d, Linear


def cores(amount: int, *, share: bool = False, splits: bool = True, joined: int | str | None = None, **limits):
    """A chip of so many cores, of which so many or "any" number may be joined; limits are those of a chip's file."""
    body = f"cores: {number(amount)}\nlayers_share_core: {share}\nsplits_layers: {splits}\n{ASYNCHRONOUS}"
    if joined is not None:
        body += "multi_chip: {}\n" if joined == "any" else f"multi_chip: {{most: {number(joined)}}}\n"
    return chip_from(body + "".join(f"{name}: {number(value)}\n" for name, value in limits.items()))


def placed(topology: str, chip, capacity="published", weight_bits=None, **options):
    placement = cd.place(shape_of(topology), chip, capacity, weight_bits, **options)
    return [(part.layer, part.core, part.neurons) for part in placement.parts], placement


def refusal(topology: str, chip) -> str:
    with pytest.raises(cd.InfeasibleError) as caught:
        placed(topology, chip)
    return str(caught.value)


EIGHT = {"amount": 5, "neurons_per_core": 8}
SHARED = {"amount": 3, "neurons_per_core": 8, "share": True}
WHOLE_AND_SHARED = {"amount": 2, "splits": False, "neurons_per_core": 8, "share": True}
WHOLE_AND_JOINED = {"amount": 2, "splits": False, "neurons_per_core": [2, 9], "joined": 2}
EVENLY = {"strategy": "balanced"}
BY_HAND: dict[str, tuple[str, dict, dict, list[tuple[int, int, int]]]] = {
    "as many cores as it needs": (
        *("3-6-4-2", {"amount": 5, "neurons_per_core": 4}, {}),
        [(0, 0, 4), (0, 1, 2), (1, 2, 4), (2, 3, 2)],
    ),
    "shared": ("3-6-4-2", SHARED, {}, [(0, 0, 6), (1, 0, 2), (1, 1, 2), (2, 1, 2)]),
    "a full core is left": ("3-8-2", SHARED, {}, [(0, 0, 8), (1, 1, 2)]),
    "a neuron too large, scaled": (
        *("10-3-2", {"amount": 2, "synapses_per_core": 9}, {"capacity": "scaled"}),
        [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 3, 2)],
    ),
    "synapses limit a core": ("10-4-2", {"amount": 4, "synapses_per_core": 25}, {}, [(0, 0, 2), (0, 1, 2), (1, 2, 2)]),
    # 207 bits hold 25 weights of 8 bits
    "so does memory": (
        *("10-4-2", {"amount": 4, "weight_memory": 207, "weight_bits": 8}, {"weight_bits": 8}),
        [(0, 0, 2), (0, 1, 2), (1, 2, 2)],
    ),
    "scaled keeps the size of cores": (
        *("10-5-2", {"amount": 2, "neurons_per_core": 2}, {"capacity": "scaled"}),
        [(0, 0, 2), (0, 1, 2), (0, 2, 1), (1, 3, 2)],
    ),
    # a layer that may not be split takes the first core that holds it, moves on, or goes to the next chip
    "whole": ("3-4-3", {"amount": 3, "splits": False, "neurons_per_core": [2, 9, 4]}, {}, [(0, 1, 4), (1, 2, 3)]),
    "whole, beside others": ("3-6-4-2", WHOLE_AND_SHARED, {}, [(0, 0, 6), (1, 1, 4), (2, 1, 2)]),
    "whole, scaled": (
        *("3-6-4-8-5-3", WHOLE_AND_SHARED, {"capacity": "scaled"}),
        [(0, 0, 6), (1, 1, 4), (2, 2, 8), (3, 3, 5), (4, 3, 3)],
    ),
    "whole, several chips": ("3-9-8-2", WHOLE_AND_JOINED, {}, [(0, 1, 9), (1, 3, 8), (2, 0, 2)]),
    "in order": ("3-17-3", EIGHT, {}, [(0, 0, 8), (0, 1, 8), (0, 2, 1), (1, 3, 3)]),
    "balanced": ("3-17-3", EIGHT, EVENLY, [(0, 0, 6), (0, 1, 6), (0, 2, 5), (1, 3, 3)]),
    # core 0 has room for 2 beside the first layer; the other two share 10
    "room of others": ("3-6-12-2", SHARED, EVENLY, [(0, 0, 6), (1, 0, 2), (1, 1, 5), (1, 2, 5), (2, 2, 2)]),
    "a small core": ("3-12", {"amount": 3, "neurons_per_core": [2, 9, 9]}, EVENLY, [(0, 0, 2), (0, 1, 5), (0, 2, 5)]),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_parts_by_hand(case: str) -> None:
    topology, chip, options, parts = BY_HAND[case]
    assert placed(topology, cores(**chip), **options)[0] == parts


def test_neurons_lie_on_the_cores_of_their_parts() -> None:
    _, placement = placed("3-6-4-2", cores(5, neurons_per_core=4))
    assert placement.cores_used == 4
    assert placement.cores_of_neurons == (0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3)
    assert placement.schedule_cores() == placement.cores_of_neurons
    _, placement = placed("3-6-2", cores(5, neurons_per_core=8, share=True))
    assert placement.cores_used == 1
    assert placement.schedule_cores() is None  # each layer on one core: one execution serves many chips
    assert placement.schedule_cores(core_aware=True) == (0,) * 8


def test_an_index_beside_each_weight_takes_room_too() -> None:
    """650,000 bits hold 81,250 weights of 8 bits, or 40,625 synapses of 16."""
    sizes = {"cores": 4, "synapses_per_core": None, "weight_memory": 650_000}
    for more, capacity in (("", 81_250), (", synapse_bits: 16", 40_625)):
        chip = chip_from(structured(**sizes, structure=f"{{memory: sram, state_bits: 16{more}}}"))
        _, placement = placed("10-4-2", chip, weight_bits=8)
        assert placement.core_loads[0].synapse_capacity == capacity
    assert "needs 650,016 bits of weights, core 0 holds 650,000 bits" in refusal("40626-1", placement.chip)


def test_the_papers_projection_onto_mubrain_is_infeasible_as_published_and_marked_when_scaled() -> None:
    chip = cd.find_chip("mubrain_layersync2024")
    with pytest.raises(cd.InfeasibleError, match="the first layer needs 147,968 synapses, core 0 holds 37,366"):
        placed("2312-[64x3]-10", chip)
    parts, placement = placed("2312-[64x3]-10", chip, "scaled", 4)
    assert parts == [(0, 0, 64), (1, 0, 64), (2, 0, 64), (3, 0, 10)]
    assert len(placement.assumptions) == 1


def test_kernels_are_stored_once_where_the_chip_does_so() -> None:
    """A 3×3 kernel of 4 channels has 36 weights and far more synapses; Speck holds the kernel."""
    spec = cd.TopologySpec(input=(1, 16, 16), layers=(Conv2d(kind="conv2d", channels=4, kernel=3), Linear(neurons=10)))
    placement = cd.place(cd.network_shape(spec), cd.find_chip("speck"), "published", 8)
    assert [(part.layer, part.neurons) for part in placement.parts] == [(0, 784), (1, 10)]
    # the first core that holds 784 · 10 weights, the first layer's core left out
    assert [part.core for part in placement.parts] == [0, 1]
    grouped = Conv2d(kind="conv2d", channels=6, kernel=(2, 3), dilation=(3, 1), groups=2)
    small = cd.TopologySpec(input=(4, 16, 16), layers=(grouped, Linear(neurons=2)))
    load, _ = cd.place(cd.network_shape(small), cd.find_chip("speck"), "published", 8).core_loads
    assert (load.neurons, load.synapses) == (6 * 13 * 14, 6 * 2 * 2 * 3)  # of 2 channels of the group


def test_evaluated_bits_that_the_chip_does_not_have_are_assumptions() -> None:
    wide = placed("64-32-10", cd.find_chip("mubrain_layersync2024"), weight_bits=8)[1]
    assert any("8-bit" in text for text in wide.assumptions)
    assert not placed("64-32-10", cd.find_chip("loihi"), weight_bits=4)[1].assumptions


def test_core_loads_list_what_lies_on_each_core_and_what_it_holds() -> None:
    chip = cores(3, neurons_per_core=[4, 3, 5], synapses_per_core=30, share=True)
    parts, placement = placed("5-6-2", chip)
    assert parts == [(0, 0, 4), (0, 1, 2), (1, 1, 1), (1, 2, 1)]
    assert placement.core_loads == (
        CoreLoad(core=0, neurons=4, synapses=20, neuron_capacity=4, synapse_capacity=30),
        CoreLoad(core=1, neurons=3, synapses=16, neuron_capacity=3, synapse_capacity=30),
        CoreLoad(core=2, neurons=1, synapses=6, neuron_capacity=5, synapse_capacity=30),
    )


def test_cores_continue_on_the_next_chip_where_chips_may_be_joined() -> None:
    chip = cores(2, neurons_per_core=[4, 3], joined=3)
    parts, placement = placed("3-9-2", chip)
    assert parts == [(0, 0, 4), (0, 1, 3), (0, 2, 2), (1, 3, 2)]
    assert (placement.cores_used, placement.chips_used) == (4, 2)
    assert [load.neuron_capacity for load in placement.core_loads] == [4, 3, 4, 3]  # the second chip's cores are alike
    assert not placement.assumptions
    assert placed("3-7", chip)[1].chips_used == 1
    text = refusal("3-16-1", cores(2, neurons_per_core=4, joined=2))
    assert "the second layer needs 1 neuron and 16 synapses, more than what is left of 2 chips of 2 cores" in text
    assert "the most that may be joined; the network takes 3 chips" in text


@pytest.mark.parametrize(
    ("topology", "chip", "capacity", "parts", "told"),
    [
        ("3-16", {"amount": 2, "neurons_per_core": 4, "joined": 2}, "published", [4] * 4, ""),
        (
            *("3-16-1", {"amount": 2, "neurons_per_core": 4, "joined": 2}, "scaled", [4, 4, 4, 4, 1]),
            " scaled: the network spans 3 chips of 2 cores, but at most 2 may be joined; chips added",
        ),
        (  # further chips before anything is lifted
            *("3-10", {"amount": 1, "neurons_per_core": 4, "joined": 8}, "scaled", [4, 4, 2]),
            " scaled: the network spans 3 chips of 1 core; nothing else is added",
        ),
        (  # stands alone: its one core grows
            *("3-10", {"amount": 1, "neurons_per_core": 4}, "scaled", [10]),
            " scaled: the network needs 10 neurons and 30 synapses, the first layer needs 10 neurons, core 0 holds 4; "
            "counts lifted",
        ),
        (
            *("3-10", {"amount": 2, "neurons_per_core": 1, "joined": "any"}, "published", [1] * 10),
            ": the network spans 5 chips of 2 cores; how many may be joined is not stated",
        ),
    ],
)
def test_what_is_assumed_of_several_chips(topology: str, chip, capacity: str, parts: list[int], told: str) -> None:
    found, placement = placed(topology, cores(**chip), capacity)
    assert [(core, neurons) for _, core, neurons in found] == list(enumerate(parts))
    assert placement.chips_used == -(-len(parts) // chip["amount"])
    assert placement.assumptions == ((f"tiny{told}",) if told else ())


KILOBYTES_64 = 64 * 8 * 1024


def test_weights_that_do_not_fit_are_told_in_the_unit_that_shows_it() -> None:
    # one neuron has 66 · 1,024 inputs of 8 bits
    chip = cores(4, weight_memory=KILOBYTES_64, weight_bits=8)
    assert "one neuron of the first layer needs 66 KB of weights, core 0 holds 64 KB" in refusal(f"{66 * 1024}-2", chip)
    # 8 inputs of each of 8,448 neurons; the first layer has taken one core
    chip = cores(2, weight_memory=KILOBYTES_64, weight_bits=8, splits=False)
    assert "the second layer needs 66 KB of weights, core 1 holds 64 KB" in refusal("10-8-8448", chip)
    # 5 inputs of 8 bits; less than a KB is told in bits
    text = refusal("5-3", cores(1, weight_memory=100, weight_bits=8))
    assert "needs 120 bits of weights, core 0 holds 96 bits" in text
    # so are amounts that would look alike
    chip = cores(2, weight_memory=KILOBYTES_64, weight_bits=1)
    assert "needs 524,289 bits of weights, core 0 holds 524,288 bits" in refusal(f"{KILOBYTES_64 + 1}-1", chip)


REFUSED = {
    "the third layer needs 9 neurons, core 0 holds 2": ("3-9-9-9", cores(**WHOLE_AND_JOINED)),
    "the first layer needs 10 inputs per neuron, a neuron has 9": ("10-4-2", cores(2, fan_in=9)),
    "one neuron of the first layer needs 10 synapses, core 0 holds 9": ("10-4-2", cores(2, synapses_per_core=9)),
    "the second layer needs 2 neurons and 8 synapses, more than what is left of the chip's 2 cores, and networks may "
    "not span several of its chips; the network takes 3 cores": ("10-4-2", cores(2, neurons_per_core=2)),
    "the second layer needs 9 neurons, core 0 holds 2, the largest free core 8": (
        *("3-6-9", cores(3, splits=False, neurons_per_core=[2, 6, 8])),
    ),
}


@pytest.mark.parametrize("need", REFUSED)
def test_a_refusal_says_what_is_short_and_scaled_assumes_it(need: str) -> None:
    assert refusal(*REFUSED[need]) == f"tiny: {need} (capacity 'scaled' assumes what is missing)"
    assert all("scaled" in text for text in placed(*REFUSED[need], "scaled")[1].assumptions)


CHIPS = st.fixed_dictionaries(
    {
        "amount": st.integers(1, 6),
        "neurons": st.one_of(st.none(), st.integers(1, 10)),
        "synapses": st.one_of(st.none(), st.integers(1, 60)),
        "share": st.booleans(),
        "splits": st.booleans(),
        "joined": st.one_of(st.none(), st.integers(1, 3)),
        "mixed": st.booleans(),
    }
)
SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=5)


def random_chip(amount, mixed, *, neurons, synapses, **more):
    """With `mixed` every second core is larger."""
    limits = {
        f"{name}_per_core": [count + 5 * mixed * (core % 2) for core in range(amount)]
        for name, count in (("neurons", neurons), ("synapses", synapses))
        if count is not None
    }
    return cores(amount, **limits, **more)


@settings(max_examples=200)
@given(sizes=SIZES, chip=CHIPS, capacity=st.sampled_from(["published", "scaled"]))
def test_balanced_fits_whenever_in_order_does_on_the_same_cores(sizes: list[int], chip, capacity: str) -> None:
    shape = shape_of("-".join(map(str, sizes)))
    described = random_chip(**chip)
    try:
        in_order = cd.place(shape, described, capacity)
    except cd.InfeasibleError:
        with pytest.raises(cd.InfeasibleError):
            cd.place(shape, described, capacity, strategy="balanced")
        return
    balanced = cd.place(shape, described, capacity, strategy="balanced")
    assert [(part.layer, part.core) for part in balanced.parts] == [(part.layer, part.core) for part in in_order.parts]
    assert (balanced.cores_used, balanced.chips_used) == (in_order.cores_used, in_order.chips_used)
    assert balanced.assumptions == in_order.assumptions
    for layer, size in enumerate(sizes[1:]):
        parts = [part.neurons for part in balanced.parts if part.layer == layer]
        assert sum(parts) == size
        assert min(parts) > 0
        alike = not chip["mixed"] and not chip["share"]
        assert not alike or max(parts) - min(parts) <= 1
    if capacity == "published":
        within_limits(balanced)


@settings(max_examples=100)
@given(side=st.integers(3, 6), channels=st.integers(1, 3), kernels=st.booleans(), chip=CHIPS)
def test_balanced_convolutions_stay_within_limits(side: int, channels: int, kernels: bool, chip) -> None:
    """With padding, neurons have different fan-in and a part's synapses are a rounded mean."""
    layers = (Conv2d(kind="conv2d", channels=channels, kernel=3, padding=1), Linear(neurons=2))
    shape = cd.network_shape(cd.TopologySpec(input=(1, side, side), layers=layers))
    described = random_chip(**chip).model_copy(update={"stores_kernels": kernels})
    try:
        in_order = cd.place(shape, described, "published")
    except cd.InfeasibleError:
        return
    balanced = cd.place(shape, described, "published", strategy="balanced")
    for load in (*in_order.core_loads, *balanced.core_loads):
        within_capacity(load)
    assert sum(part.neurons for part in balanced.parts) == shape.neurons


@settings(max_examples=200)
@given(sizes=SIZES, chip=CHIPS)
def test_what_fits_is_within_limits_and_scaled_leaves_it_alone(sizes: list[int], chip) -> None:
    shape = shape_of("-".join(map(str, sizes)))
    described = random_chip(**chip)
    scaled = cd.place(shape, described, "scaled")
    counts = [sum(part.neurons for part in scaled.parts if part.layer == layer) for layer in range(len(sizes) - 1)]
    assert counts == sizes[1:]
    assert all(part.neurons > 0 for part in scaled.parts)
    assert [part.layer for part in scaled.parts] == sorted(part.layer for part in scaled.parts)
    try:
        published = cd.place(shape, described, "published")
    except cd.InfeasibleError:
        assert scaled.assumptions
        return
    assert published.parts == scaled.parts
    assert not published.assumptions
    assert bool(scaled.assumptions) == (scaled.chips_used > 1)
    assert published.chips_used <= (chip["joined"] or 1)
    assert max(part.core for part in published.parts) < chip["amount"] * (chip["joined"] or 1)
    within_limits(published)


def within_capacity(load: CoreLoad) -> None:
    assert load.neuron_capacity is None or load.neurons <= load.neuron_capacity
    assert load.synapse_capacity is None or load.synapses <= load.synapse_capacity


def within_limits(placement) -> None:
    for load in placement.core_loads:
        within_capacity(load)
        here = [part for part in placement.parts if part.core == load.core]
        assert load.neurons == sum(part.neurons for part in here)
        assert load.synapses == sum(part.neurons * placement.shape.layers[part.layer].fan_in for part in here)


def grid(channels: int) -> cd.NetworkShape:
    """A kernel of 3 × 3 over 6 × 8 inputs: maps of 4 × 6."""
    layers = (Conv2d(kind="conv2d", channels=channels, kernel=3), Linear(neurons=2))
    return cd.network_shape(cd.TopologySpec(input=(1, 6, 8), layers=layers))


def test_strips_of_columns_receive_least_and_are_chosen() -> None:
    """24 of the 96 neurons on each core: a channel sees all 48 inputs, a row of all channels 3 · 8. Columns 1 and 2, of
    which the first core has the lower, half of it, see columns 1 to 4, but of the fourth only 4 inputs: 3 · 6 + 4."""
    chip, shape = cores(5, neurons_per_core=24), grid(4)
    received = {"channels": [48] * 4, "rows": [24] * 4, "columns": [22] * 4}
    for cut, messages in received.items():
        placement = cd.place(shape, chip, cut=cut)
        assert [(part.cut, part.neurons) for part in placement.parts[:4]] == [(cut, 24)] * 4
        assert (48 * placement.geometry.reach.share[0, :4]).tolist() == messages
        assert (48 * placement.geometry.reach.synapses[0, :4]).tolist() == [24 * 9] * 4
        held = np.array(placement.cores_of_neurons[:96]).reshape(4, 4, 6)
        if cut == "rows":
            assert (held == np.arange(4)[None, :, None]).all()
        assert cd.place(shape, chip, cores=placement.cores_of_neurons).parts == placement.parts
    assert cd.place(shape, chip).parts == cd.place(shape, chip, cut="columns").parts
    assert cd.place(shape, chip, strategy="balanced").parts[0].cut == "columns"
    with pytest.raises(cd.InfeasibleError, match="takes 6 cores"):
        cd.place(shape, cores(4, neurons_per_core=20))


def test_a_strip_needs_the_kernels_of_all_channels() -> None:
    """Of 4 kernels of 9 weights, a core of 20 weights holds 2, and no strip."""
    chip = cores(9, neurons_per_core=100, synapses_per_core=20).model_copy(update={"stores_kernels": True})
    shape = cd.network_shape(cd.TopologySpec(input=(1, 6, 8), layers=(Conv2d(kind="conv2d", channels=4, kernel=3),)))
    assert [(part.cut, part.neurons) for part in cd.place(shape, chip).parts] == [("channels", 48)] * 2
    assert [load.synapses for load in cd.place(shape, chip).core_loads] == [18, 18]
    with pytest.raises(cd.InfeasibleError, match="the first layer needs 36 synapses, core 0 holds 20"):
        cd.place(shape, chip, cut="rows")


@pytest.mark.parametrize("cut", ["channels", "rows"])
def test_a_full_connection_shares_no_weights(cut: str) -> None:
    """Beside a kernel of 9 weights, each of 4 neurons has 4 of a linear skip, so a core of 17 weights holds two."""
    layers = (Conv2d(kind="conv2d", channels=1, kernel=3, padding=1),) * 2
    skip = {"from": "input", "to": 1, "kind": "linear"}
    shape = cd.network_shape(cd.TopologySpec(input=(1, 2, 2), layers=layers, skips=[skip]))
    chip = cores(3, neurons_per_core=4, synapses_per_core=17).model_copy(update={"stores_kernels": True})
    assert [(load.neurons, load.synapses) for load in cd.place(shape, chip, cut=cut).core_loads] == [
        (4, 9),
        (2, 17),
        (2, 17),
    ]


def test_more_cores_go_to_the_layers_with_the_most_to_do() -> None:
    """16 · 8 synapses and 8 neurons, 8 · 4 and 4: of 5 cores 4 for the first layer, which leaves 34 for each, to 36."""
    chip = cores(6, neurons_per_core=8)
    parts, _ = placed("16-8-4", chip, spread=5)
    assert parts == [(0, 0, 2), (0, 1, 2), (0, 2, 2), (0, 3, 2), (1, 4, 4)]
    parts, _ = placed("16-8-4", chip, spread=(3, 2))
    assert parts == [(0, 0, 3), (0, 1, 3), (0, 2, 2), (1, 3, 2), (1, 4, 2)]
    recurrent, _ = placed("16-8r-16", cores(6, neurons_per_core=16), spread=3)  # 16 · 8 + 8 · 8 and 8, 8 · 16 and 16
    assert recurrent == [(0, 0, 4), (0, 1, 4), (1, 2, 16)]
    with pytest.raises(cd.InfeasibleError, match="spread: the layers need 3 cores, found 2"):
        placed("16-12-4", chip, spread=2)
    for beyond, name in ((13, "spread: 12 neurons"), ((8, 5), r"spread\[1\]: 4 neurons")):
        with pytest.raises(cd.InfeasibleError, match=name):
            placed("16-8-4", chip, "scaled", spread=beyond)
    with pytest.raises(cd.InputError, match="spread: must have the cores of each of 2 layers, found 3"):
        placed("16-8-4", chip, spread=(1, 1, 1))
    for several in (7, (4, 3)):  # more than there are, which a scaled chip gets
        with pytest.raises(cd.InfeasibleError, match=r"spread: needs 7 cores, .* has 6"):
            placed("16-8-4", chip, spread=several)
        assert placed("16-8-4", chip, "scaled", spread=several)[1].cores_used == 7

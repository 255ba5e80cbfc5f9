from __future__ import annotations

import json
import math
import random
import re
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from networks import batch_of

import codesign as cd
from codesign.errors import InputError
from codesign.files import open_folder, read_file
from codesign.models.file import decode_model, encode_model, network_of
from codesign.models.page import model_page
from codesign.network.layers import Conv2d, Linear, Pool
from codesign.network.topology import TopologySpec

CONVOLUTION = TopologySpec(
    input=(2, 6, 6),
    layers=(Conv2d(kind="conv2d", channels=3, kernel=3), Pool(kind="average_pool", kernel=2), Linear(neurons=4)),
)


def network(topology: TopologySpec | str = "6-5-3", **neuron: Any) -> cd.SpikingNetwork:
    found = cd.parse_topology(topology) if isinstance(topology, str) else topology
    return cd.SpikingNetwork(found, cd.NeuronSpec(**neuron), timestep_s=0.01, seed=7)


def card_of(one: cd.SpikingNetwork, **said: Any) -> cd.ModelCard:
    return replace(cd.describe_model(one, name="by hand"), **said)


def data(**said: Any) -> bytes:
    one = network()
    return encode_model(one.state_dict(), card_of(one, **said))


def with_metadata(**changes: str | None) -> bytes:
    """A file with other texts in its metadata; None takes one away."""
    content = data()
    size = int.from_bytes(content[:8], "little")
    metadata = {**json.loads(content[8 : 8 + size])["__metadata__"], **changes}
    tensors = safetensors.torch.load(content)
    return safetensors.torch.save(tensors, {name: text for name, text in metadata.items() if text is not None})


def layers_of(count: int, neurons: int = 3) -> str:
    """The text of a topology."""
    return json.dumps({"input": 6, "layers": [{"kind": "linear", "neurons": neurons}] * count})


LINEAR = {"kind": "linear", "neurons": 3}


def convolution(**layer: int) -> str:
    return json.dumps({"input": [1, 6, 6], "layers": [{"kind": "conv2d", "channels": 1, **layer}]})


def scores(one: cd.SpikingNetwork) -> torch.Tensor:
    """Answers to a few samples under an asynchronous schedule."""
    inputs = one.shape.input_size
    events = batch_of(np.random.default_rng(3).poisson(0.5, size=(4, 3, inputs)))
    return cd.simulate(one, events, cd.Schedule(group_size=2, stop="drained"), seed=5).logits.detach()


@pytest.mark.parametrize(
    ("topology", "neuron"),
    [
        ("6-5-3", {}),
        ("6-3", {"threshold": 0.01, "time_constant": "30 ms", "bias": True, "reset": "subtract", "refractory": False}),
        (CONVOLUTION, {"threshold": 0.02}),
    ],
)
def test_what_is_saved_is_loaded(tmp_path, topology, neuron):
    saved = network(topology, **neuron)
    with torch.no_grad():
        saved.threshold[0] *= 0.5  # neurons may differ
    if len(neuron) == 1:
        saved.input_gate = torch.arange(saved.input_columns) % 2 == 1
    cd.save_model(tmp_path / "new/a.b.safetensors", saved, card_of(saved))
    loaded = cd.load_model(tmp_path / "new/a.b.safetensors")
    assert loaded.card == card_of(saved)
    assert (loaded.network.topology, loaded.network.neuron) == (saved.topology, saved.neuron)
    assert loaded.network.state_dict().keys() == saved.state_dict().keys()
    assert all(torch.equal(value, saved.state_dict()[name]) for name, value in loaded.network.state_dict().items())
    assert torch.equal(scores(loaded.network), scores(saved))
    assert (tmp_path / "new/a.b.md").read_text(encoding="utf-8").startswith("# by hand\n")


def test_arguments_in_the_order_of_torch_are_told(tmp_path):
    one = network()
    with pytest.raises(InputError, match="network: must be SpikingNetwork, found str"):
        cd.save_model(one, str(tmp_path / "m.safetensors"), card_of(one))
    with pytest.raises(InputError, match="card: must be ModelCard, found str"):
        cd.save_model(tmp_path / "m.safetensors", one, "m")


@pytest.mark.parametrize(
    "recipe",
    [
        cd.Recipe(method="unlayered", policy="momentum", group_size=4, epochs=3, momentum_noise=0.1, patience=2),
        cd.Recipe(method="layered", epochs=3, learning_rate=1e-3),
        cd.Recipe(method="unlayered", policy="timed", chip="loihi", epochs=1, idle_gradient="spare"),
    ],
)
def test_a_full_card_comes_back_as_it_was(recipe):
    options = cd.WorkloadSpec(name="digits", timestep="7 ms", timesteps=3, contrast=0.3)
    card = card_of(
        network(),
        description="| pipes, `ticks`, <tags>, é and\nlines",
        input_grid=(1, 2, 3),
        data=cd.ModelData(
            options=options, fingerprint="f" * 64, coverage="half", timesteps=3, train=3, validation=2, test=1
        ),
        recipe=recipe,
        recipe_name="mine",
        axes={"group_size": 4.0, "policy": "4"},
        training_seed=2**62,
        trained_epochs=3,
        best_epoch=2,
        training_loss=0.1,
        validation_accuracy=1 / 3,
        evaluations=(cd.ModelEvaluation(chip="loihi", schedule="chip", accuracy=0.1 + 0.2, not_modelled=("time",)),),
        origin=cd.ModelOrigin(name="s", title="S", command="codesign sweep s", config_hash="c", training_key="k"),
        versions={"torch": "2"},
    )
    loaded = decode_model(encode_model(network().state_dict(), card)).card
    assert loaded == card
    assert loaded.data.options.timestep == 7e-3
    assert loaded.axes == {"group_size": 4.0, "policy": "4"}
    assert loaded.recipe.schedule == recipe.schedule


def test_the_same_model_gives_the_same_bytes():
    assert len({data() for _ in range(20)}) == 1
    assert data() != data(name="another")


def test_the_file_alone_says_everything_to_other_programs(tmp_path):
    saved = network()
    cd.save_model(tmp_path / "a.safetensors", saved, card_of(saved))
    with safetensors.safe_open(str(tmp_path / "a.safetensors"), framework="pt") as file:
        metadata = file.metadata()
        weight = file.get_tensor("connections.1.weight")
    assert torch.equal(weight, saved.weights()[1])
    assert metadata["codesign_model"] == "1"
    assert json.loads(metadata["topology"])["layers"] == [{"kind": "linear", "neurons": n} for n in (5, 3)]
    assert json.loads(metadata["neuron"])["time_constant"] == "infinite"
    assert json.loads(metadata["timestep_s"]) == 0.01


OTHER = (None, "x" * 5000, "\x1b\u202e", -1, 1e308, 10**30, True, [], {}, ["F64"], [10**6] * 9, "BF16")


def edited(value: Any, draw: random.Random) -> Any:
    """The same with another value in one place."""
    if not isinstance(value, dict | list) or not value or draw.random() < 0.2:
        return draw.choice(OTHER)
    name = draw.choice(sorted(value) if isinstance(value, dict) else range(len(value)))
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[name] = edited(value[name], draw)
    return changed


def packed(header: Any) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def mutated(draw: random.Random) -> bytes:
    """A model's file with bytes flipped or missing, another number in a tensor, or another value in its header."""
    content = bytearray(
        data(description="of others", axes={"group_size": 4.0}, weights="")
    )  # no digest, which finds all
    size = int.from_bytes(content[:8], "little")
    match draw.randrange(5):
        case 0:
            for _ in range(draw.randint(1, 8)):
                content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        case 1:
            del content[draw.randrange(len(content)) :]
        case 2:
            number = draw.choice((math.nan, math.inf, -math.inf, -1.0, 0.0, 1e38))
            at = 8 + size + 4 * draw.randrange((len(content) - 8 - size) // 4)
            content[at : at + 4] = struct.pack("<f", number)
        case 3:
            header = json.loads(content[8 : 8 + size])
            texts = header["__metadata__"]
            name = draw.choice(sorted(texts))
            texts[name] = json.dumps(edited(json.loads(texts[name]), draw))
            content[: 8 + size] = packed(header)
        case 4:
            header = json.loads(content[8 : 8 + size])
            content[: 8 + size] = packed({**header, (name := draw.choice(sorted(header))): edited(header[name], draw)})
    return bytes(content)


@pytest.mark.parametrize("count", [80, pytest.param(500, marks=[pytest.mark.thorough, pytest.mark.fuzz])])
def test_mutated_files_are_loaded_or_refused(count):
    """Thorough: would catch a card or a tensor that only building the network, or its page, stumbles over."""
    draw, ends = random.Random(count), set()
    for _ in range(count):
        try:
            loaded = decode_model(mutated(draw))
        except InputError:
            ends.add("refused")
        else:
            assert model_page(loaded.card, "x").startswith("# ")
            assert not loaded.network.check_numbers()
            assert loaded.network.shape.layer_sizes == (5, 3)
            ends.add("loaded")
    assert ends == {"refused", "loaded"}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_safetensors_of_others(metadata):
    foreign = safetensors.torch.save({"weight": torch.zeros(3)}, metadata)
    with pytest.raises(InputError, match="not a model of codesign: its metadata lacks 'codesign_model'"):
        decode_model(foreign)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codesign_model": "2"}, "codesign_model must be 1, found '2'; another version"),
        ({"neuron": None, "topology": None}, "'topology' is missing; .*'neuron' is missing"),
        ({"name": "{"}, "is not JSON"),
        ({"timestep_s": "-1"}, "timestep_s: must be finite and at least 0, found -1"),
        ({"name": "3", "training_seed": '"x"'}, r"name: .*; training_seed: "),
        ({"neuron": '{"threshold": 0}'}, r"neuron.threshold: .* greater than 0"),
        ({"recipe": '{"method": "other", "epochs": 1}'}, r"recipe.method: "),
        ({"topology": layers_of(20_000)}, r"topology.layers: .* at most 1000"),
        ({"topology": json.dumps({"input": [10**7] * 3, "layers": [LINEAR]})}, r"at most 10,000,000 inputs"),
        (
            {"topology": layers_of(11, neurons=10**7)},
            r"layers\.10: must be at most 100,000,000 neurons with those before, found 110,000,000",
        ),
        ({"topology": convolution(kernel=1, padding=10**7)}, r"layers\.0: must be at most 10,000,000 neurons, found"),
        ({"input_grid": "[1, 2, 4]"}, "input_grid: must be the network's 6 inputs, found 1×2×4"),
    ],
)
def test_damaged_cards(changes, message):
    with pytest.raises(InputError, match=f"^model: .*{message}"):
        decode_model(with_metadata(**changes))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([5, 4], r"connections\.1\.weight must be float32 4×5, found float32 3×5"),
        ([5, 3, 3], r"the weights lack connections\.2\.weight"),
        ([10_000_000, 10_000_000, 3], r"must be float32 10000000×6, found"),  # 400 TB that nobody asks for
    ],
)
def test_weights_that_do_not_fit_the_topology(layers, message):
    topology = {"input": 6, "layers": [{"kind": "linear", "neurons": neurons} for neurons in layers]}
    with pytest.raises(InputError, match=f"^model: weights and topology do not fit: .*{message}"):
        decode_model(with_metadata(topology=json.dumps(topology)))


def test_weights_of_another_type_or_that_are_no_numbers():
    one = network()
    card = card_of(one)
    with pytest.raises(InputError, match=r"connections\.0\.weight must be float32 5×6, found float64 5×6"):
        network_of(card, {**one.state_dict(), "connections.0.weight": torch.zeros(5, 6, dtype=torch.float64)}, "m")
    with pytest.raises(InputError, match=r"connections\.0\.weight must be finite"):
        network_of(card, {**one.state_dict(), "connections.0.weight": torch.full((5, 6), math.nan)}, "m")
    content, good = encode_model(one.state_dict(), card), struct.pack("<d", math.inf)
    assert good in content
    for wrong in (-1.0, math.nan):
        with pytest.raises(InputError, match=r"^m: time constants must be above 0 s, or infinite for no leak"):
            decode_model(content.replace(good, struct.pack("<d", wrong), 1), place="m")


def test_a_gate_belongs_to_the_card():
    one = network()
    one.input_gate = torch.arange(6) < 4
    card = card_of(one)
    assert card.open_inputs == 4
    assert "4 of 6 inputs" in model_page(card, "a.safetensors")
    with pytest.raises(InputError, match="the weights lack input_gate"):
        network_of(card, network().state_dict(), "m")
    with pytest.raises(InputError, match="input_gate must be bool 6, found bool 5"):
        network_of(card, {**one.state_dict(), "input_gate": torch.ones(5, dtype=torch.bool)}, "m")


def test_what_cannot_be_saved(tmp_path):
    one, other = network(), network("6-4-3")
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        cd.save_model(tmp_path / "a.pt", one, card_of(one))
    with pytest.raises(InputError, match="the card belongs to another network: its topology differs"):
        cd.save_model(tmp_path / "a.safetensors", one, card_of(other))
    card = cd.describe_model(one, name="of these weights")
    with torch.no_grad():
        one.weights()[0].mul_(2)
    with pytest.raises(InputError, match=r"the card describes other weights; `cd.describe_model` makes one for these"):
        cd.save_model(tmp_path / "a.safetensors", one, card)
    for name, of_a_chip in (("potential_ranges", ((-1, 1), (-1, 1))), ("potential_steps", (0.5, 0.5))):
        setattr(one, name, of_a_chip)
        with pytest.raises(InputError, match=f"{name} belong to a chip"):
            cd.save_model(tmp_path / "a.safetensors", one, card_of(one))
        setattr(one, name, None)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.safetensors: there is no such file"):
        cd.load_model(tmp_path / "nothing.safetensors")
    for read in (cd.load_model, cd.import_model):
        with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path))}: is a folder, not a file; "):
            read(tmp_path)


def test_models_at_a_url():
    one = network()
    url = "memory://models-at-a-url/a.safetensors"
    cd.save_model(url, one, card_of(one))
    assert open_folder("memory://models-at-a-url").names() == ["a.md", "a.safetensors"]
    assert torch.equal(cd.load_model(url).network.weights()[0], one.weights()[0])
    page = read_file("memory://models-at-a-url/a.md")
    assert b'cd.load_model("a.safetensors")' in page

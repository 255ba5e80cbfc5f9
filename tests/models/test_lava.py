"""lava's `.net` files: Loihi's integers, compared with integers in numpy; files that are wrong are refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from networks import batch_of
from torch.nn import functional

import codesign as cd
from codesign.errors import InputError
from codesign.hardware.chip.quantization import chip_quantization
from codesign.hardware.library import find_chip
from codesign.network.quantization import Quantization, quantize

NEVER = (1 << 17) - 1
Net = list[dict[str, Any]]


def neuron(threshold: int = 25, *, v: int = 1024, i: int = 4096, **more: Any) -> dict[str, Any]:
    return {"type": b"LOIHI", "vThMant": threshold, "vDecay": v, "iDecay": i, "refDelay": 1, "wgtExp": 0, **more}


def dense(weight: Any, bias: Any = None, **more: Any) -> dict[str, Any]:
    layer = {"type": np.array([b"dense"]), "shape": [len(weight), 1, 1], "weight": np.array(weight, np.float32)}
    return {**layer, **({} if bias is None else {"bias": np.array(bias, np.float32)}), "neuron": neuron(), **more}


def write(path: Path, net: Net, change: Callable[[h5py.File], None] = lambda file: None) -> Path:
    def put(group: h5py.Group, told: Mapping[str, Any]) -> None:
        for key, value in told.items():
            put(group.create_group(key), value) if isinstance(value, dict) else group.create_dataset(key, data=value)

    with h5py.File(path, "w") as file:
        for number, layer in enumerate(net):
            put(file.create_group(f"layer/{number}"), layer)
        file["simulation/tSample"] = 16
        change(file)
    return path


def read(path: Path, **options: Any) -> Any:
    return cd.import_model(path, **{"dialect": "lava", "dt": "1 ms", **options})


# the oracle ----------------------------------------------------------------------------------------------------------


def integers(net: Net, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """(samples, timesteps, …) spikes of every layer of neurons, in whole numbers."""
    spikes: dict[str, np.ndarray] = {}
    arriving = inputs.astype(np.int64)
    for number, layer in enumerate(net):
        if "neuron" not in layer:
            continue
        current = arrived(layer, arriving)
        told, bias = layer["neuron"], np.zeros(1, np.int64)
        if "bias" in layer and b"input" not in layer["type"]:
            bias = np.asarray(layer["bias"]).astype(np.int64).reshape(-1, *[1] * (current.ndim - 3))
        u = v = np.zeros_like(current[:, 0])
        fired = []
        for timestep in range(current.shape[1]):
            u = kept(u, told["iDecay"]) + 64 * current[:, timestep]
            v = kept(v, told["vDecay"]) + u + 64 * bias
            fired.append(v > 64 * told["vThMant"])
            v = np.where(fired[-1], 0, v)
        arriving = spikes[f"layer/{number}/neuron"] = np.stack(fired, 1).astype(np.int64)
    return spikes


def kept(state: np.ndarray, decay: int) -> np.ndarray:
    return np.sign(state) * (np.abs(state) * (4096 - decay) >> 12)


def arrived(layer: dict[str, Any], frames: np.ndarray) -> np.ndarray:
    """Σ w s of (samples, timesteps, …) spikes, whole numbers that float64 holds."""
    if b"input" in layer["type"]:
        return frames
    weight = layer["weight"].astype(np.float64)
    if b"dense" in layer["type"]:
        return (frames.reshape(*frames.shape[:2], -1) @ weight.T).astype(np.int64)
    sliding = {name: layer[name].tolist() for name in ("stride", "padding", "dilation")}
    images = torch.from_numpy(frames.reshape(-1, *frames.shape[2:]).astype(np.float64))
    out = functional.conv2d(images, torch.from_numpy(weight), groups=layer["groups"], **sliding)
    return out.reshape(*frames.shape[:2], *layer["shape"]).numpy().astype(np.int64)


def random_net(rng: np.random.Generator, *, currents: bool) -> Net:
    """An image, two convolutions, two dense layers; with currents the neurons hold what arrives, and have no bias."""

    def whole(*shape: int) -> np.ndarray:
        return rng.integers(-9, 14, shape).astype(np.float32)

    def own(outputs: int) -> dict[str, Any]:
        flows = int(rng.integers(0, 4096)) if currents else 4096
        told = neuron(int(rng.integers(5, 25)), v=int(rng.integers(0, 4097)), i=flows)
        return {"neuron": told, **({} if currents else {"bias": whole(outputs)})}

    grid = (2, 6, 7)
    net: Net = [{"type": np.array([b"input"]), "shape": grid, "weight": 40.0, "bias": 36.0, "neuron": neuron(20)}]
    for outputs, groups in ((4, 2), (3, 1)):
        layer = {name: rng.integers(1, 3, 2) for name in ("stride", "dilation")} | {"padding": rng.integers(0, 3, 2)}
        weight = whole(outputs, grid[0] // groups, *rng.integers(1, 3, 2))
        spans = layer["dilation"] * (np.array(weight.shape[2:]) - 1)
        grid = (outputs, *(int(n) for n in (grid[1:] + 2 * layer["padding"] - spans - 1) // layer["stride"] + 1))
        net.append({"type": b"conv", "shape": grid, "weight": weight, "groups": groups, **layer, **own(outputs)})
    inputs = int(np.prod(grid))
    net.append({"type": np.array([b"flatten"]), "shape": [1, 1, inputs]})
    return [*net, dense(whole(6, inputs), **own(6)), dense(whole(3, 6), **own(3))]


@pytest.mark.parametrize("currents", [False, True])
def test_spikes_are_those_of_the_integers_in_both_engines(currents: bool, tmp_path: Path):
    total = 0
    for seed in range(2):
        rng = np.random.default_rng(seed)
        net = random_net(rng, currents=currents)
        inputs = rng.integers(-30, 60, (2, 12, *net[0]["shape"]))
        wanted = integers(net, inputs)
        loaded = read(write(tmp_path / f"{seed}.net", net), check={"input": inputs, **wanted})
        assert loaded.card.certificate.differing_spikes == 0, loaded.card.certificate.summary
        cd.save_model(tmp_path / "model.safetensors", loaded.network, loaded.card)
        network = cd.load_model(tmp_path / "model.safetensors").network
        quantize(network, chip_quantization(find_chip("loihi2")))
        events = batch_of(inputs.astype(np.float64), timestep_s=1e-3, currents=True)
        execution = cd.simulate(network, events, cd.LAYERED, engine="event").execution
        for layer, spikes in enumerate(wanted.values()):
            np.testing.assert_array_equal(execution.emitted[:, layer], spikes.reshape(2, -1).sum(axis=1))
            total += int(spikes.sum()) if layer else 0
    assert total > 200


def test_whole_weights_that_have_room_in_the_bits_of_a_chip_stay(tmp_path: Path):
    def weights(bits: int) -> list[float]:
        network = read(write(tmp_path / "a.net", [dense([[7, -5, 20, 3]])])).network
        quantize(network, Quantization(bits=bits, potential_fraction_bits=2))
        assert network.potential_steps == (1 / 64,)
        return network.weights()[0].detach().flatten().tolist()

    assert weights(8) == weights(6) == [7, -5, 20, 3]
    assert weights(4) == [8, -4, 20, 4]  # 20 is 5 · 4


# files that are wrong ------------------------------------------------------------------------------------------------

ONE = [dense([[1, 2], [3, 4]])]
CONV = {"type": b"conv", "shape": [1, 2, 2], "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
IMAGE = {"type": b"input", "shape": [1, 3, 3], "neuron": neuron()}
CONV = {**CONV, "weight": np.ones((1, 1, 2, 2), np.float32), "neuron": neuron()}
WRONG: dict[str, tuple[Net, str]] = {
    "kind": (
        [IMAGE, {"type": b"average", "shape": [1]}],
        r"'layer/1' \(average\): cannot be imported as layer 1; .* conv or dense",
    ),
    "sigma-delta": ([dense([[1]], neuron=neuron(type=b"SDNN"))], r"neuron.* must be of type LOIHI or CUBA.*found SDNN"),
    "delay": ([dense([[1]], delay=np.array([3]))], r"'layer/0' \(dense\): delay: synaptic delays cannot be simulated"),
    "rest": ([dense([[1]], neuron=neuron(refDelay=2))], "refDelay: refractory timesteps"),
    "bias": ([dense([[1]], [1], neuron=neuron(i=100))], "a bias beside a synaptic current cannot"),
    "fractions": ([dense([[0.5]])], r"'layer/0' \(dense\): weight must be whole numbers, found fractions"),
    "range": ([dense([[300]])], "weight must be from -256 to 255, found 300 to 300"),
    "lacks": ([dense([[1]], neuron={"type": b"CUBA", "iDecay": 1})], "vDecay must be whole numbers, found None"),
    "rows": ([dense([[1]], shape=[3, 1, 1])], r"weight must be \(3, inputs\) for shape \[3, 1, 1\], found \(1, 1\)"),
    "grid": ([IMAGE, {**CONV, "shape": [1, 3, 2]}], r"'layer/1/neuron' .*shape is \(1, 3, 2\).* give \(1, 2, 2\)"),
    "silent": ([dense([[1]], neuron=neuron(NEVER)), dense([[1]])], "neurons without a threshold may only be the last"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_is_refused_by_name(what: str, tmp_path: Path):
    net, message = WRONG[what]
    path = write(tmp_path / "a.net", net)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def gap(file: h5py.File) -> None:
    file.move("layer/0", "layer/3")


def flat(file: h5py.File) -> None:
    del file["layer/0"]
    file["layer/0"] = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [(gap, "layer: must have groups 0, 1, .* found 3"), (flat, "layer/0: must be a group with a layer's type")],
)
def test_files_of_another_form_are_refused(change: Callable[[h5py.File], None], message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        read(write(tmp_path / "a.net", ONE, change))


def test_a_file_says_that_it_is_lavas(tmp_path: Path):
    path = write(tmp_path / "a.net", ONE)
    assert read(path, dialect=None).card.imported.dialect == "lava"
    with pytest.raises(InputError, match=r"dialect: \.net files are lava's, found 'norse'"):
        read(path, dialect="norse")

"""Weights and card in one safetensors file, which is sufficient to rebuild the network.

The file's metadata holds the card, one JSON entry per field, and `codesign_model`, the version of this format. Nothing
in such a file is ever executed or unpickled. The same model gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_jsonable_python

from codesign.arguments import instance
from codesign.errors import InputError
from codesign.files import Location, printable, read_file, why_missing, with_suffix, write_atomically
from codesign.files.folder import reason_of
from codesign.mistakes import dotted, mistakes_of, reason
from codesign.models.card import ModelCard, digest_of
from codesign.models.page import model_page
from codesign.network.neuron_numbers import check_numbers
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import topology_text
from codesign.training.recipe import Recipe
from codesign.units import HELD_IN_SI

_VERSION = 1
_MARK = "codesign_model"

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LoadedModel:
    """A model from a file.

    Attributes:
        network: the network with the trained weights, on the CPU.
        card: what is known about the model.
    """

    network: SpikingNetwork
    card: ModelCard

    def __repr__(self) -> str:
        whence = "" if self.card.imported is None else f" from {self.card.imported.dialect}"
        checked = "" if self.card.certificate is None else f", {self.card.certificate.summary}"
        return f"<LoadedModel '{self.card.name}'{whence}: {topology_text(self.network.shape)}{checked}>"


def save_model(path: Location, network: SpikingNetwork, card: ModelCard) -> None:
    """Write a model to a file, and its card for people next to it, with the suffix `.md`.

    Args:
        path: a path or URL that ends in `.safetensors`. Missing folders are created.
        card: card of this network, from `cd.describe_model`.

    Raises:
        InputError: the card belongs to another network, the network cannot be stored in a file, or the place cannot be
            written.
    """
    place = printable(path)
    check_card(network, card, place)
    if not place.partition("?")[0].endswith(".safetensors"):
        raise InputError(f"{place}: must end in .safetensors")
    write_atomically(path, encode_model(network.state_dict(), card))
    name = place.partition("?")[0].replace("\\", "/").rpartition("/")[2]
    write_atomically(with_suffix(path, ".md"), model_page(card, name).encode())


def check_card(network: SpikingNetwork, card: ModelCard, place: str) -> None:
    """Raises InputError if the card belongs to another network, or the network cannot be stored in a file."""
    instance("network", network, SpikingNetwork)
    instance("card", card, ModelCard)
    for name in ("topology", "neuron", "timestep_s", "open_inputs"):
        if getattr(card, name) != getattr(network, name):
            raise InputError(f"{place}: the card belongs to another network: its {name} differs")
    own_steps = network.neuron.potential_steps(len(network.shape.layers))
    for name, own in (("potential_ranges", None), ("potential_steps", own_steps)):
        if getattr(network, name) != own:
            raise InputError(f"{place}: {name} belong to a chip and are no part of a model; set them to None")
    _check_state(network.state_dict(), card, place)


def load_model(path: Location) -> LoadedModel:
    """Read a model from a path or URL; its outputs equal those of the saved network to the last bit.

    Raises:
        InputError: the file is missing, cannot be read, is damaged or of another kind, or its weights do not match its
            card.
    """
    content = read_file(path)
    if content is None:
        written = "`codesign sweep FILE --models`, in Python run_sweep(FILE, models=True), writes models"
        raise InputError(f"{printable(path)}: {why_missing(path)}; {written}")
    return decode_model(content, place=printable(path))


def encode_model(state: State, card: ModelCard) -> bytes:
    """The bytes of a model's file; `state` is the state dict of the card's network."""
    import safetensors.torch

    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    data: bytes = safetensors.torch.save(tensors, metadata=_card_texts(card))
    return _with_sorted_header(data)


def decode_model(data: bytes, *, place: str = "model") -> LoadedModel:
    """The inverse of `encode_model`. Raises InputError like `load_model`."""
    state = _tensors(data, place)
    card = _card_of(_header(data).get("__metadata__") or {}, place)
    return LoadedModel(network=network_of(card, state, place), card=card)


def network_of(card: ModelCard, state: State, place: str) -> SpikingNetwork:
    """The network of a card with this state. Raises InputError if the state does not match the network."""
    _check_state(state, card, place)
    network = SpikingNetwork(card.topology, card.neuron, timestep_s=card.timestep_s)
    network.load_state_dict(state)
    return network


def _card_texts(card: ModelCard) -> dict[str, str]:
    """A card in the form of a file's metadata."""
    texts = {_MARK: str(_VERSION)}
    for attribute in fields(card):
        plain = _finite(to_jsonable_python(getattr(card, attribute.name), inf_nan_mode="constants"))
        texts[attribute.name] = json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return texts


def _finite(value: Any) -> Any:
    """Plain values, with infinite time constants in the form that the spec takes."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return "infinite" if isinstance(value, float) and math.isinf(value) else value


def _with_sorted_header(data: bytes) -> bytes:
    """The same file with its header sorted: safetensors writes metadata in a different order in each process."""
    header = json.dumps(_header(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    padded = header + b" " * (-len(header) % 8)  # tensors start at a multiple of eight bytes
    return len(padded).to_bytes(8, "little") + padded + data[8 + int.from_bytes(data[:8], "little") :]


def _header(data: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return header


def _tensors(data: bytes, place: str) -> dict[str, torch.Tensor]:
    import safetensors.torch

    try:
        tensors: dict[str, torch.Tensor] = safetensors.torch.load(data)
    except Exception as error:  # its own error, and whatever torch raises for unknown types
        raise InputError(
            f"{place}: is not a safetensors file (`cd.import_model` reads NIR), or is damaged or truncated: "
            f"{reason_of(error)[:200]}"
        ) from error
    return tensors


def _card_of(metadata: Mapping[str, str], place: str) -> ModelCard:
    """The inverse of `_card_texts`. Raises InputError if the texts are not a card, or one of another version."""
    version = metadata.get(_MARK)
    if version is None:
        raise InputError(f"{place}: is a safetensors file, but not a model of codesign: its metadata lacks '{_MARK}'")
    if version != str(_VERSION):
        raise InputError(
            f"{place}: {_MARK} must be {_VERSION}, found {version[:20]!r}; another version of codesign wrote it"
        )
    known = {attribute.name for attribute in fields(ModelCard)}
    try:
        values = {name: from_json(text, allow_inf_nan=False) for name, text in metadata.items() if name in known}
        values["recipe"] = _given(values.get("recipe"))
        return _adapter().validate_python(values, context=HELD_IN_SI)
    except ValidationError as error:
        items = mistakes_of(error, values)
        wrong = "; ".join(": ".join(filter(None, (dotted(item["place"]), reason(item)))) for item in items)
    except ValueError as error:
        wrong = f"is not JSON: {error}"
    raise InputError(f"{place}: its card is damaged, or names a policy or loss that is not installed: {wrong}")


def _given(recipe: Any) -> Any:
    """A recipe without default values: layered recipes do not accept parameters of unlayered ones."""
    if not isinstance(recipe, dict):
        return recipe
    known = Recipe.model_fields
    return {name: value for name, value in recipe.items() if name not in known or value != known[name].default}


@cache
def _adapter() -> TypeAdapter[ModelCard]:
    return TypeAdapter(ModelCard)


def _check_state(state: State, card: ModelCard, place: str) -> None:
    """Check that tensors are the state of the card's network before such a network takes any memory. Raises InputError
    that names the tensor, what it is and what it must be."""
    with torch.device("meta"):
        network = SpikingNetwork(card.topology, card.neuron, timestep_s=card.timestep_s)
        gate = set() if card.open_inputs is None else {"input_gate"}
        network.expect_buffers(gate | (set(state) - {"input_gate"}))
        expected = network.state_dict()
    for name in sorted({*expected, *state}):
        if name not in state or name not in expected:
            what = "weights lack" if name in expected else "network has no place for"
            raise InputError(f"{place}: weights and topology do not fit: the {what} {name}")
        tensor, wanted = state[name], expected[name]
        if tensor.shape != wanted.shape or tensor.dtype != wanted.dtype:
            raise InputError(
                f"{place}: weights and topology do not fit: {name} must be {_written(wanted)}, found {_written(tensor)}"
            )
    check_numbers(state, place)
    if card.weights not in ("", digest_of(state)):
        raise InputError(f"{place}: the card describes other weights; `cd.describe_model` makes one for these")


def _written(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape)) or 'scalar'}"

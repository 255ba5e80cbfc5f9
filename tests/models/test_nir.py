"""Models of other frameworks: read from NIR they do what their framework does, spike for spike, in both engines."""

from __future__ import annotations

import contextlib
from pathlib import Path

import nir
import numpy as np
import pytest
from frameworks import INPUTS, NEURONS, DoubledError, F, chain, lif, random_model
from networks import batch_of

import codesign as cd
from codesign.errors import InputError
from codesign.models.page import model_page


@pytest.mark.parametrize("kind", ["plain", "synaptic", "recurrent"])
@pytest.mark.parametrize("dialect", NEURONS)
def test_spikes_are_those_of_the_framework(dialect: str, kind: str):
    total = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        model = random_model(dialect, rng, synaptic=kind == "synaptic", recurrent=kind == "recurrent")
        inputs = rng.integers(0, 2, (3, 6, INPUTS)).astype(F)
        try:
            wanted = model.run(inputs)
        except DoubledError:
            continue
        record = {"input": inputs, "neurons": wanted}
        loaded = cd.import_model(model.graph(), dialect=dialect, dt="1 ms", check=record, **model.options)
        certificate = loaded.card.certificate
        assert certificate.differing_spikes == 0, certificate.summary
        execution = cd.simulate(loaded.network, batch_of(inputs, timestep_s=1e-3), cd.LAYERED).execution
        np.testing.assert_array_equal(execution.emitted[:, 0], wanted.reshape(len(wanted), -1).sum(axis=1))
        total += certificate.recorded_spikes
    assert total > 200


def test_a_wrong_option_shows_and_stays_on_the_card(tmp_path: Path):
    """Three neurons over three timesteps, by hand."""
    weights, neurons = nir.Linear(np.array([[1.5, 0], [0, 0.75], [1, 1]])), lif(3, beta=0.5)
    graph = chain(2, fc=weights, lif=neurons)
    inputs = np.ones((1, 3, 2))
    # v is 1.5, 0.75, 2; then 1.5, 1.125, 2; then 1.5, 0.75, 2
    record = {"input": inputs, "lif": np.array([[[1, 0, 1], [1, 1, 1], [1, 0, 1]]])}
    np.savez(tmp_path / "record.npz", **record)
    said = {"dialect": "snntorch", "dt": "1 ms", "reset_delay": True, "check": tmp_path / "record.npz"}
    card = cd.import_model(graph, reset="zero", **said).card
    assert card.certificate.summary == "0 of 7 spikes differ"
    assert "## How it was trained\n\nElsewhere: it was imported from graph, dialect snntorch." in model_page(card, "x")
    assert f"0 of 7 spikes differ ({tmp_path}" in model_page(card, "x.safetensors").replace("\\", "")
    with pytest.raises(InputError, match=r"record: lif must be numbers of shape \(1, 3, 3\), found \(1, 2, 3\)"):
        cd.import_model(graph, reset="zero", **{**said, "check": {**record, "lif": record["lif"][:, :2]}})
    by_number = {"input": inputs, "layer0": record["lif"]}
    for same in (graph, chain(2, fc=weights, input=neurons)):
        assert cd.import_model(same, reset="zero", **{**said, "check": by_number}).card.certificate.agrees
    wrong = {**record, "lif": np.array([[[1, 0, 1], [1, 1, 0], [1, 0, 1]]])}
    with pytest.warns(match=r"^graph: 1 of 6 spikes differ; the first: layer lif"):
        certificate = cd.import_model(graph, reset="zero", **{**said, "check": wrong}).card.certificate
    assert (certificate.differing_spikes, certificate.within_rounding) == (1, False)
    assert (
        "layer lif, timestep 1, sample 0, neuron 2: 1 spikes here, 0 recorded; v = 2, threshold 1"
        in certificate.summary
    )
    assert certificate.better is None
    # a fourth timestep: v of neuron 1 is 1.125 again, but 0.90625 where θ was taken off
    longer = {"input": np.ones((1, 4, 2)), "lif": np.append(record["lif"], [[[1, 1, 1]]], axis=1)}
    with pytest.warns(match="none differ with reset zero$"):
        cd.import_model(graph, reset="subtract", **{**said, "check": longer})
    longer = {name: array.swapaxes(0, 1) for name, array in longer.items()}
    with pytest.warns(match="none differ with the record's first two axes swapped; samples come first$"):
        cd.import_model(graph, reset="zero", **{**said, "check": longer})


@pytest.mark.parametrize(
    ("recorded", "near", "better"),
    [
        ([[[1, 0]], [[1, 1]]], True, "comparison >="),
        ([[[1, 0]], [[0, 0]]], False, None),  # the second sample's first difference
    ],
)
def test_all_that_differs_first_in_its_sample_must_be_within_rounding(recorded: list, near: bool, better: str | None):
    """v = 1, 0 and v = 1, 2, both in one timestep, with θ = 1."""
    graph = chain(2, fc=nir.Linear(np.eye(2)), n=nir.Threshold(np.ones(2)))
    record = {"input": np.array([[[1, 0]], [[1, 2]]]), "n": np.array(recorded)}
    with pytest.warns(match="spikes differ"):
        card = cd.import_model(graph, dialect="plain", dt="1 ms", comparison=">", check=record).card
    assert (card.certificate.within_rounding, card.certificate.better) == (near, better)


def test_potentials_of_a_readout_are_compared():
    """One neuron of v ← v/2 + x/2 with x = 2 in each of three timesteps of a second, by hand."""
    numbers = {"tau": 1 / np.log(2), "r": 1.0, "v_leak": 0.0}
    leaky = nir.LI(**{name: np.full(1, value) for name, value in numbers.items()})
    graph = chain(1, fc=nir.Linear(np.array([[2.0]])), li=leaky)
    for wrong in (0.0, 0.25):
        record = {"input": np.ones((1, 3, 1)), "li": np.array([[[1.0], [1.5], [1.75 - wrong]]])}
        said = {"dialect": "plain", "dt": 1.0, "norm_input": True, "decay": "exponential", "check": record}
        with pytest.warns(match="potentials differ by 0.25") if wrong else contextlib.nullcontext():
            certificate = cd.import_model(graph, **said).card.certificate
        assert certificate.agrees is (wrong == 0)
        assert certificate.potential_difference == pytest.approx(wrong, abs=1e-6)
        assert certificate.largest_potential == pytest.approx(1.75 - wrong)

"""The registry of cost terms against everything that goes through it: nothing is enumerated anywhere else."""

from __future__ import annotations

from dataclasses import fields

import pytest

from codesign.analysis.results.columns import COLUMNS
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import EnergyNumber, PowerNumber
from codesign.hardware.chip.parameters import number_type
from codesign.hardware.chip.parts import Energies
from codesign.hardware.chip.validation_models import Events
from codesign.hardware.cost.action_counts import ActionCounts
from codesign.hardware.library import find_chip
from codesign.hardware.terms import ACTIONS, COST_TERMS


@pytest.fixture(scope="module")
def chip() -> Chip:
    return find_chip("loihi")


def test_every_price_of_a_term_is_a_number_of_a_chip(chip: Chip) -> None:
    for action in ACTIONS:
        kind = number_type(chip, action.price)
        assert kind is not None, action
        drawn = action.count == "on_s" and not action.factor
        assert issubclass(kind, PowerNumber if drawn else EnergyNumber), action
        for path in filter(None, (action.fallback, action.factor)):
            assert number_type(chip, path) is not None, action


def test_every_energy_of_a_chip_belongs_to_a_term() -> None:
    priced = {action.price for action in ACTIONS}
    assert {f"energies.{name}" for name in Energies.model_fields} <= priced


def test_every_term_has_a_column_of_its_own() -> None:
    columns = [term.column for term in COST_TERMS.values()]
    assert len(set(columns)) == len(columns)
    for term in COST_TERMS.values():
        assert COLUMNS[term.column].unit == term.unit == "J"


def test_every_term_is_either_counted_or_drawn() -> None:
    counts = {field.name for field in fields(ActionCounts)}
    for term in COST_TERMS.values():
        counted = all(action.count in counts for action in term.actions)
        assert counted == (term.drawn_by is None), term
        assert counted or [action.count for action in term.actions] == ["on_s"], term
        assert term.includable == (counted and not term.essential)
    assert set(Events.model_fields) == {action.count for action in ACTIONS} - {"on_s"}

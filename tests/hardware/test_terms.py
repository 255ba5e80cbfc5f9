"""The registry of cost terms against everything that goes through it: nothing is enumerated anywhere else."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from codesign.hardware.chip.parts import Energies
from codesign.hardware.cost.action_counts import ActionCounts
from codesign.hardware.terms import ACTIONS, COST_TERMS, INCLUDABLE_TERMS


def test_every_energy_of_a_chip_belongs_to_a_term() -> None:
    priced = {action.price for action in ACTIONS}
    assert {f"energies.{name}" for name in Energies.model_fields} <= priced


def test_the_template_names_what_another_number_may_contain() -> None:
    template = (Path(__file__).parents[2] / "chips" / "template.yaml").read_text(encoding="utf-8")
    assert f"already contains: {', '.join(INCLUDABLE_TERMS)}." in " ".join(template.replace("#", "").split())


def test_every_term_is_either_counted_or_drawn() -> None:
    counts = {field.name for field in fields(ActionCounts)}
    for term in COST_TERMS.values():
        counted = all(action.count in counts for action in term.actions)
        assert counted == (term.drawn_by is None), term
        assert counted or [action.count for action in term.actions] == ["on_s"], term
        assert (term.name in INCLUDABLE_TERMS) == (counted and not term.essential)

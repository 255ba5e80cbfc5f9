"""Quantities with units."""

from __future__ import annotations

import math
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from codesign.documents import Spec
from codesign.exploration.pricing.spec import PricingSpec
from codesign.exploration.study.spec import StudySpec
from codesign.hardware.chip.description import Chip
from codesign.units import format_si, fraction, in_percent, ordinal, parse_quantity


@pytest.mark.parametrize(
    ("texts", "unit", "value"),
    [
        (("26 pJ", "26e3 fJ"), "J", 26e-12),
        (("0.7 pJ", "700 fJ", "7e-4 nJ"), "J", 7e-13),
        (("0 J",), "J", 0.0),
        (("73 uW", "73 µW", "73 \u03bcW"), "W", 73e-6),  # the last is the Greek letter
        (("200 MHz",), "Hz", 200e6),
        (("300 ns", "0.3 us", "3e-7 s"), "s", 3e-7),
        (("28 nm", "0.028 µm"), "m", 28e-9),
        (("2.82 mm**2",), "m**2", 2.82e-6),
    ],
)
def test_a_quantity_is_the_same_number_in_any_unit(texts: tuple[str, ...], unit: str, value: float):
    assert {parse_quantity(text, unit) for text in texts} == {value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (26, "needs a unit"),
        (True, "must be a number with a unit"),
        ("26", "needs a unit"),
        ("26pJ", "must be a number, a space and a unit"),
        ("26 ms", "must be a quantity in J"),
        ("26 pX", "must be a quantity in J"),
        ("26 pJ # dense", "must be a quantity in J"),
        ("1e400 J", "must be finite"),
        ("nan J", "must be finite"),
    ],
)
def test_what_is_not_a_quantity(text: object, message: str):
    with pytest.raises(ValueError, match=message):
        parse_quantity(text, "J")


def test_percentages_round_halves_up_whatever_a_sum_took_off_them() -> None:
    # In Python 3.11 0.9844999999999999 is the mean of 0.98, 0.9825, 0.99, 0.985 and 0.985, and the page is told 0.9845.
    values = (0.9844999999999999, 0.9845, 0.984499, 0.9825, 0.0, -0.0004, -0.0125)
    assert [in_percent(value) for value in values] == ["98.5", "98.5", "98.4", "98.3", "0.0", "0.0", "-1.3"]


def test_formats():
    assert format_si(9.155e-7, "J") == "915.5 nJ"
    assert format_si(0.0, "s") == "0 s"
    assert format_si(999.99e-9, "J", 3) == "1 µJ"
    assert format_si(2.484e-7, "J", 2) == "250 nJ"
    assert format_si(-4.2e-3, "s") == "-4.2 ms"
    assert format_si(-0.0, "s") == "0 s"
    assert format_si(3.468e-6, "J", spread=179.5e-9) == "3.47 ± 0.18 µJ"
    assert format_si(912.4e-9, "J", spread=123.4e-9) == "910 ± 120 nJ"
    assert format_si(999.99e-9, "J", spread=0.0) == "1 ± 0 µJ"
    assert format_si(0.0, "s", spread=2e-9) == "0.0 ± 2.0 ns"
    assert format_si(2e-6, "m**2", spread=1e-7) == "2.00 ± 0.10 mm²"
    assert format_si(None, "J") == "not modelled"
    assert format_si(math.nan, "J") == "not modelled"


def test_places_in_words():
    assert [ordinal(number) for number in (1, 10, 11, 13, 21, 32, 43, 54, 111)] == [
        *("first", "tenth", "11th", "13th", "21st", "32nd", "43rd", "54th", "111th")
    ]


@given(st.floats(1e-18, 1e13), st.sampled_from(["J", "W", "s", "Hz"]))
def test_formatting_and_parsing_agree(value: float, unit: str):
    assert parse_quantity(format_si(value, unit, 17), unit) == pytest.approx(value, rel=1e-14, abs=0)


def test_fractions_by_hand():
    assert [fraction(value) for value in (0, 0.25, 1, "85 %", "100%", "0.5 %")] == [0, 0.25, 1, 0.85, 1, 0.005]


def models_of(annotation: Any, found: set[type[Spec]]) -> set[type[Spec]]:
    """Every model that a value of some type may have in it."""
    if isinstance(annotation, type) and issubclass(annotation, Spec) and annotation not in found:
        found.add(annotation)
        for field in annotation.model_fields.values():
            models_of(field.annotation, found)
    for argument in get_args(annotation):
        models_of(argument, found)
    return found


@pytest.mark.parametrize(
    "model", sorted(models_of(StudySpec | PricingSpec | Chip, set()), key=lambda model: model.__name__)
)
def test_no_number_of_a_file_is_a_flag_a_text_or_beyond_reason(model: type[Spec]):
    """Whatever the field, a number comes of numbers only."""
    for name, field in model.model_fields.items():
        adapter = TypeAdapter(Annotated[field.annotation, *field.metadata, name])
        beyond = () if name in ("from_", "to", "step") else (10**40, 1e308)  # which the parameter limits
        for value in (True, "3", "0.5", *beyond):
            try:
                taken = adapter.validate_python(value)
            except ValidationError:
                continue
            numbers = taken if isinstance(taken, tuple) else (taken,)
            assert not any(type(number) in (int, float) for number in numbers), (name, value, taken)

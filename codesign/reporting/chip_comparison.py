"""How chips compare, on matched terms only: energies of different coverage are never ranked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from codesign.analysis.comparison import (
    Comparison,
    Obstacle,
    compare,
    compare_energies,
    matched_terms,
    representatives,
    status_of,
)
from codesign.analysis.formatting import BOOK_WORDS, coverage_words, listed, quantity, significant
from codesign.analysis.points import Point
from codesign.reporting.claims import Claim, describe_gain
from codesign.reporting.robustness import describe_robustness, share

__all__ = ["compare_chips", "summarize"]


_MOST_CHIPS = 30
"""Chips of which each pair is compared."""


def compare_chips(gathered: tuple[Point, ...]) -> list[Claim]:
    """Claims about every pair of chips: energy, then latency; what cannot be ranked last. One chip alone gives none."""
    chips = representatives(gathered)
    compared = sorted(chips, key=lambda p: (-(p.value("accuracy").mean or 0.0), p.number))[:_MOST_CHIPS]
    pairs = [
        (a, b)
        for a, b in combinations([point for point in chips if point in compared], 2)
        if (a.workload, a.topology, a.operation) == (b.workload, b.topology, b.operation) and a.chip != b.chip
    ]
    claims = [_energy(a, b) for a, b in pairs] + [_latency(a, b) for a, b in pairs]
    ranked = [claim for claim in claims if claim.status != "cannot be asked"]
    obstacles: dict[tuple[str, str], list[str]] = {}
    for claim in claims:
        if claim.status == "cannot be asked":
            obstacles.setdefault((claim.name, claim.sentence), []).append(claim.title)
    if len(compared) < len(chips):
        left = f"chips beyond the {len(compared)} most accurate of {len(chips)} are not compared here."
        obstacles["chip energy", left] = ["Energy: all others"]
    return ranked + [
        Claim(name=name, title=_joined(titles), status="cannot be asked", sentence=sentence)
        for (name, sentence), titles in obstacles.items()
    ]


def summarize(claims: Sequence[Claim]) -> Claim:
    """All chip comparisons in one claim, for sweeps with more chips than a reader takes in at once."""
    parts = []
    for name, words in (("chip energy", "Energy on matched terms"), ("chip latency", "Time per sample")):
        found = [comparison for claim in claims if claim.name == name for comparison in claim.comparisons]
        shown = [
            f"{c.better.chip} {quantity(c.better_mean, c.column)} against {c.worse.chip} "
            f"{quantity(c.worse_mean, c.column)}{_doubt(c)}"
            for c in found
        ]
        if name == "chip energy" and found:
            words = f"Energy of {BOOK_WORDS[found[0].better.static_book]} on matched terms"
        parts.append(f"{words}: {'; '.join(shown)}." if shown else f"{words}: no two chips compare.")
    refused = sum(claim.status == "cannot be asked" for claim in claims)
    if refused:
        parts.append("What cannot be ranked, and why, is under “Chips compared”.")
    comparisons = tuple(comparison for claim in claims for comparison in claim.comparisons)
    return Claim(
        name="chips",
        title="The chips differ, where they can be compared",
        status=status_of(comparisons),
        sentence=" ".join(parts),
        comparisons=comparisons,
    )


def _doubt(comparison: Comparison) -> str:
    """What a reader of the short form must know."""
    if not comparison.gain.above_zero:
        return " (not shown)"
    if comparison.robustness is None:
        return ""
    return f" (in {share(comparison.robustness.probability)} of draws)"


def _joined(titles: Sequence[str]) -> str:
    """`Energy: a against b, a against c`."""
    quantities = titles[0].partition(": ")[0]
    return f"{quantities}: {', '.join(title.partition(': ')[2] for title in titles)}"


def _energy(a: Point, b: Point) -> Claim:
    title = f"Energy: {a.chip} against {b.chip}"
    terms = matched_terms(a, b)
    if isinstance(terms, Obstacle):
        return _unranked("chip energy", title, _obstacle(terms))
    found = compare_energies(a, b, terms)
    if found is None:
        return _unranked("chip energy", title, "no training seed has a known energy on both.")
    if a.coverage == b.coverage:
        basis = f"equal coverage ({coverage_words(a.coverage)})"
    else:
        basis = f"matched terms ({coverage_words(terms)}); left out: {_left_out(a, b, terms)}"
    parts = _static_parts(a, b) if "static" in terms else ""
    whose = f" of {BOOK_WORDS[a.static_book]}" if {"static", "clock"} & set(terms) else ""
    sentence = f"Energy{whose}, on {basis}: {_outcome(found, 'needs')}{parts}{_capacity_remark(a, b)}"
    return _claim("chip energy", title, sentence, found)


def _obstacle(obstacle: Obstacle) -> str:
    """Why two energies have no terms in common that could be compared."""
    points = obstacle.points
    match obstacle.kind:
        case "no energy":
            return f"no energy is modelled for {points[0].place}."
        case "all in":
            said = listed([f"{point.chip}'s energy ({coverage_words(point.coverage)})" for point in points])
            return f"{said} cannot be split into terms: it is what was spent in some measurement."
        case "no common term":
            each = (f"{point.chip} has {coverage_words(point.coverage)}" for point in points)
            return f"no term is in both: {', '.join(each)}."
        case "terms within others":
            held = coverage_words(sorted(points[0].included_terms))
            return f"{points[0].chip}'s numbers hold {held} within other terms, which the other's do not."


def _latency(a: Point, b: Point) -> Claim:
    title = f"Latency: {a.chip} against {b.chip}"
    silent = [point for point in (a, b) if point.value("latency_s").mean is None]
    if silent:
        reason = f"no time is modelled for {listed([point.place for point in silent])}."
        return _unranked("chip latency", title, reason)
    first, second = a.value("latency_s").mean or 0.0, b.value("latency_s").mean or 0.0
    lower, higher = (a, b) if first <= second else (b, a)
    found = compare("latency_s", lower, higher, more_is_better=False)
    if found is None:
        return _unranked("chip latency", title, "no training seed has a known latency on both.")
    models = [f"{point.chip}: {point.latency_model}" for point in (a, b) if point.latency_model]
    basis = f" ({'; '.join(models)})" if models else ""
    forms = "".join(
        f" With one barrier a layer a timestep, the paper's form, {point.chip} takes {quantity(form, 'latency_s')}."
        for point in (a, b)
        if (form := point.value("latency_per_layer_s").mean) is not None
    )
    sentence = f"Time per sample{basis}: {_outcome(found, 'takes')}{forms}{_capacity_remark(a, b)}"
    return _claim("chip latency", title, sentence, found)


def _unranked(name: str, title: str, reason: str) -> Claim:
    return Claim(name=name, title=title, status="cannot be asked", sentence=f"No ranking: {reason}")


def _claim(name: str, title: str, sentence: str, found: Comparison) -> Claim:
    return Claim(
        name=name,
        title=title,
        status=status_of([found]),
        sentence=sentence,
        comparisons=(found,),
        robustness=describe_robustness(found),
    )


def _left_out(a: Point, b: Point, terms: Sequence[str]) -> str:
    parts = []
    for point in (a, b):
        rest = [name for name in point.coverage if name not in terms]
        if rest:
            parts.append(f"{coverage_words(rest)} of {point.chip}")
    return "; ".join(parts)


def _outcome(found: Comparison, verb: str) -> str:
    shown = "" if found.gain.above_zero else " This difference is not shown beyond the spread of the seeds."
    ratio = f", {significant(found.ratio, 3)} times as much" if found.ratio is not None else ""
    return (
        f"{_named(found.better)} {verb} {quantity(found.better_mean, found.column)}, "
        f"{_named(found.worse)} {quantity(found.worse_mean, found.column)}{ratio}; "
        f"the difference is {describe_gain(found)}.{shown}"
    )


def _named(point: Point) -> str:
    accuracy = quantity(point.value("accuracy").mean, "accuracy")
    return f"{point.place} ({point.recipe} under {point.schedule}, {accuracy} right)"


def _static_parts(a: Point, b: Point) -> str:
    """Which parts of the static power are known for each side, where they differ."""
    known = {
        point.chip: [name.removeprefix("static_").replace("_", " ") for name in point.known_terms(("static",))]
        for point in (a, b)
    }
    if known[a.chip] == known[b.chip]:
        return ""
    sides = (f"of {chip} {listed(parts) or 'none apart'}" for chip, parts in known.items())
    return f" Parts of the static power that are known: {'; '.join(sides)}."


def _capacity_remark(a: Point, b: Point) -> str:
    scaled = [point.chip for point in (a, b) if point.capacity == "scaled"]
    return f" Capacity is scaled for {listed(scaled)}: a projection, not a chip that exists." if scaled else ""

"""How chips compare, on matched terms only: energies of different coverage are never ranked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from codesign.analysis.comparison import Comparison, compare, compare_series, status_of, with_robustness
from codesign.analysis.formatting import coverage_words, listed, quantity, significant
from codesign.analysis.points import Point
from codesign.hardware.terms import ENERGY_COLUMNS
from codesign.reporting.claims import Claim, describe_gain
from codesign.reporting.robustness import describe_robustness, share

__all__ = ["compare_chips", "representatives", "summarize"]


def compare_chips(gathered: tuple[Point, ...]) -> list[Claim]:
    """Claims about every pair of chips: energy, then latency; what cannot be ranked last. One chip alone gives none."""
    pairs = [
        (a, b)
        for a, b in combinations(representatives(gathered), 2)
        if (a.workload, a.topology, a.operation) == (b.workload, b.topology, b.operation) and a.chip != b.chip
    ]
    claims = [_energy(a, b) for a, b in pairs] + [_latency(a, b) for a, b in pairs]
    ranked = [claim for claim in claims if claim.status != "cannot be asked"]
    obstacles: dict[tuple[str, str], list[str]] = {}
    for claim in claims:
        if claim.status == "cannot be asked":
            obstacles.setdefault((claim.name, claim.sentence), []).append(claim.title)
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


def representatives(gathered: Sequence[Point]) -> list[Point]:
    """The most accurate point of each chip as the chip works: an asynchronous chip does not wait for layers."""
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in gathered:
        groups.setdefault((point.workload, point.topology, point.operation, point.chip), []).append(point)
    chosen = []
    for members in groups.values():
        native = [p for p in members if p.free_running] if members[0].synchronization == "asynchronous" else members
        known = [p for p in native or members if p.value("accuracy").mean is not None]
        if known:
            chosen.append(max(known, key=lambda p: (p.value("accuracy").mean or 0.0, -p.number)))
    return chosen


def _energy(a: Point, b: Point) -> Claim:
    title = f"Energy: {a.chip} against {b.chip}"
    terms, obstacle = _matched_terms(a, b)
    if obstacle is not None:
        sentence = f"No ranking: {obstacle}"
        return Claim(name="chip energy", title=title, status="cannot be asked", sentence=sentence)
    first, second = _sum(a, terms), _sum(b, terms)
    lower, higher = ((a, first), (b, second)) if first.mean() <= second.mean() else ((b, second), (a, first))
    found = compare_series("energy_j", lower[0], higher[0], lower[1], higher[1], more_is_better=False)
    if found is None:
        sentence = "No ranking: no training seed has a known energy on both."
        return Claim(name="chip energy", title=title, status="cannot be asked", sentence=sentence)
    found = with_robustness(found, None if a.coverage == b.coverage else terms)
    if a.coverage == b.coverage:
        basis = f"equal coverage ({coverage_words(a.coverage)})"
    else:
        basis = (
            f"matched terms ({listed([term.replace('_', ' ') for term in terms])}); left out: {_left_out(a, b, terms)}"
        )
    sentence = f"On {basis}: {_outcome(found, 'needs')}{_capacity_remark(a, b)}"
    return _claim("chip energy", title, sentence, found)


def _latency(a: Point, b: Point) -> Claim:
    title = f"Latency: {a.chip} against {b.chip}"
    silent = [point for point in (a, b) if point.value("latency_s").mean is None]
    if silent:
        sentence = f"No ranking: no time is modelled for {listed([point.place for point in silent])}."
        return Claim(name="chip latency", title=title, status="cannot be asked", sentence=sentence)
    first, second = a.value("latency_s").mean or 0.0, b.value("latency_s").mean or 0.0
    lower, higher = (a, b) if first <= second else (b, a)
    found = compare("latency_s", lower, higher, more_is_better=False)
    if found is None:
        sentence = "No ranking: no training seed has a known latency on both."
        return Claim(name="chip latency", title=title, status="cannot be asked", sentence=sentence)
    models = [f"{point.chip}: {point.latency_model}" for point in (a, b) if point.latency_model]
    basis = f" ({'; '.join(models)})" if models else ""
    forms = "".join(
        f" With one barrier a layer a timestep, the paper's form, {point.chip} takes {quantity(form, 'latency_s')}."
        for point in (a, b)
        if (form := point.value("latency_per_layer_s").mean) is not None
    )
    sentence = f"Time per sample{basis}: {_outcome(found, 'takes')}{forms}{_capacity_remark(a, b)}"
    return _claim("chip latency", title, sentence, found)


def _claim(name: str, title: str, sentence: str, found: Comparison) -> Claim:
    return Claim(
        name=name,
        title=title,
        status=status_of([found]),
        sentence=sentence,
        comparisons=(found,),
        robustness=describe_robustness(found),
    )


def _matched_terms(a: Point, b: Point) -> tuple[list[str], str | None]:
    """Energy terms that both chips' energies hold, or why there are none."""
    for point in (a, b):
        if not point.coverage or point.value("energy_j").mean is None:
            return [], f"no energy is modelled for {point.place}."
    whole = [point for point in (a, b) if not point.separable]
    if whole:
        said = listed([f"{point.chip}'s energy ({coverage_words(point.coverage)})" for point in whole])
        return [], f"{said} cannot be split into terms: it is what was spent in some measurement."
    if a.coverage == b.coverage:
        return list(a.coverage), None
    common = [term for term in ENERGY_COLUMNS if term in a.coverage and term in b.coverage]
    if not common:
        each = (f"{point.chip} has {coverage_words(point.coverage)}" for point in (a, b))
        return [], f"no term is in both: {', '.join(each)}."
    for point in (a, b):
        # Which number holds an included term is not in the results: leaving out any but static power could lose it.
        left_out = set(point.coverage) - set(common)
        if point.included_terms and (point.included_terms & left_out or left_out - {"static"}):
            held = listed([name.replace("_", " ") for name in sorted(point.included_terms)])
            return [], f"{point.chip}'s numbers hold {held} within other terms, which the other's do not."
    return common, None


def _sum(point: Point, terms: list[str]) -> pd.Series:
    """Energy of the terms by training seed; the whole energy where the terms are all that it has."""
    if tuple(sorted(terms)) == point.coverage:
        return point.seeds("energy_j")
    known = [ENERGY_COLUMNS[term] for term in terms if term not in point.included_terms]
    parts = pd.concat([point.seeds(column) for column in known], axis=1).dropna()
    return parts.sum(axis=1)


def _left_out(a: Point, b: Point, terms: list[str]) -> str:
    parts = []
    for point in (a, b):
        rest = [name.replace("_", " ") for name in point.coverage if name not in terms]
        if rest:
            parts.append(f"{listed(rest)} of {point.chip}")
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


def _capacity_remark(a: Point, b: Point) -> str:
    scaled = [point.chip for point in (a, b) if point.capacity == "scaled"]
    return f" Capacity is scaled for {listed(scaled)}: a projection, not a chip that exists." if scaled else ""

"""What a publication prints next to the sweep's own numbers, and how the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codesign.analysis.answers.answers import Answer, Option, PrintedNumbers
from codesign.analysis.answers.selecting import FACTS, NONE_TAKES_PART, points_in, value_of
from codesign.analysis.comparisons.comparability import comparable
from codesign.analysis.questions import PrintedQuestion, PrintedRow
from codesign.analysis.results.formatting import column_label, like, listed, quantity, stated, written
from codesign.analysis.results.measures import mean_of, measured
from codesign.analysis.results.metadata import ResultMetadata, Scalar
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import Interval, interval, ratio

_NOT_THE_SAME = (
    "So this is not the publication's experiment: whether numbers agree or not proves nothing. Only the "
    "direction of each step can be compared, and its size as a multiple of a row of the same table."
)
_MOMENTUM_ONLY = "momentum_noise"


def answer_printed(name: str, question: PrintedQuestion, points: Sequence[Point], metadata: ResultMetadata) -> Answer:
    """Answer a question of the form `printed`: printed numbers next to the sweep's, row by row, and every setting that
    is not as printed. A row's point is the first of those that differ least from what is printed."""
    chosen = points_in(points, question.select)
    found = {key: _point_of(row, question, chosen) for key, row in question.rows.items()}
    reference = question.relative_to
    options = [
        Option(
            label=row.label,
            point=point,
            values={column: mean_of(column, point) for column in question.columns if point is not None},
            obstacle="" if point is not None else "no result",
            printed=PrintedNumbers(
                values=row.values,
                multiples=_multiples(question, row, point, found.get(reference or "")),
                remark=_point_remark(question, point),
            ),
        )
        for row, point in zip(question.rows.values(), found.values(), strict=True)
    ]
    used = [point for point in found.values() if point is not None] if question.rows else chosen
    differences = [*_differences(question.settings, used, metadata)]
    return Answer(
        name=name,
        form="printed",
        question=question.ask or f"{question.printed}{f' of {question.source}' if question.source else ''}",
        standing="shown" if used else "cannot be asked",
        sentence=_sentence(question, options, len(differences)) if used else f"{NONE_TAKES_PART}.",
        options=tuple(options),
        remarks=tuple(_remarks(question, options, differences, metadata)),
    )


def _point_of(row: PrintedRow, question: PrintedQuestion, points: Sequence[Point]) -> Point | None:
    found = points_in(points, row.of)
    return min(found, key=lambda p: (len([*_differing(question.settings, p)]), p.number)) if found else None


def _multiples(
    question: PrintedQuestion, row: PrintedRow, point: Point | None, reference: Point | None
) -> dict[str, tuple[float | None, Interval]]:
    """Return multiples of the reference row: as printed, and as measured here if both points compare."""
    if question.relative_to is None:
        return {}
    base, multiples = question.rows[question.relative_to].values, {}
    for column in question.columns:
        if like(column).endswith("accuracy"):
            continue
        here = interval(())
        if point is not None and reference is not None and comparable(point, reference, column):
            here = ratio(measured(column, point), measured(column, reference))
        value, other = row.values.get(column), base.get(column)
        multiples[column] = (
            (value / other if isinstance(value, float) and isinstance(other, float) and other else None),
            here,
        )
    return multiples


# what is not as printed ----------------------------------------------------------------------------------------------


def _differing(settings: Mapping[str, Scalar], point: Point) -> Iterator[str]:
    """Yield the settings, facts and training parameters, in which a point is not as printed; those that it lacks do not
    count."""
    for name, wanted in settings.items():
        value = value_of(point, _path(name))
        idle = name == _MOMENTUM_ONLY and point.training_policy != "momentum"
        if (value is not None or name == "weight_bits") and value != wanted and not idle:
            yield name


def _point_remark(question: PrintedQuestion, point: Point | None) -> str:
    if point is None:
        return ""
    facts = [name for name in _differing(question.settings, point) if name in FACTS]
    return "; ".join(
        f"{_in_words(name)} {_written(name, value_of(point, name))} ({_written(name, question.settings[name])})"
        for name in facts
    )


def _differences(settings: Mapping[str, Scalar], points: Sequence[Point], metadata: ResultMetadata) -> Iterator[str]:
    """Yield settings that are not as printed, such as `epochs 40 (50)`, with what is printed in brackets; without
    facts, axes and parameters of trials, which are beside their rows."""
    axes = {path.rpartition(".")[2] for path in metadata.varied}
    data = metadata.workload
    counts = {"train": data.train + data.validation, "test": data.test}
    of_run = {"topology": metadata.topology, **metadata.neuron, **counts}
    of_run |= {"samples": sum(counts.values()), "timestep_s": data.timestep_s}
    for name, wanted in settings.items():
        if name in of_run:
            values: set[Any] = {of_run[name]}
        elif name in FACTS or name.removeprefix("training.") in axes:
            continue
        else:
            unlike = [point for point in points if name in _differing({name: wanted}, point)]
            values = {value_of(point, _path(name)) for point in unlike}
        others = sorted((value for value in values if value != wanted), key=str)
        if others:
            yield f"{_in_words(name)} {listed([_written(name, value) for value in others])} ({_written(name, wanted)})"


def _path(name: str) -> str:
    return name if name in FACTS or name.startswith("training.") else f"training.{name}"


def _in_words(name: str) -> str:
    words = {"train": "training samples", "test": "test samples", "timestep_s": "timestep in s"}
    return words.get(name, name.removeprefix("training.").replace("_", " "))


def _written(name: str, value: Scalar) -> str:
    if name == "weight_bits" and value is None:
        return "float"
    return f"{value:,}" if type(value) is int else written(value)


# words ---------------------------------------------------------------------------------------------------------------


def _sentence(question: PrintedQuestion, options: Sequence[Option], differences: int) -> str:
    """Compare the last row that has both a printed and a measured number; without one, say how many settings differ."""
    for option in reversed(options):
        for column in question.columns:
            printed, here = option.printed.values.get(column), option.values.get(column)
            if isinstance(printed, float) and here is not None and here.mean is not None:
                told = f"{stated(printed, column)} printed, {quantity(here.mean, column)} here"
                return f"{option.label}, {column_label(column)}: {told}."
    if question.settings and not question.rows:
        return f"Settings that are not as printed: {differences} of {len(question.settings)}."
    return "No number is both printed and measured here."


def _remarks(
    question: PrintedQuestion, options: Sequence[Option], differences: Sequence[str], metadata: ResultMetadata
) -> Iterator[str]:
    data, coverage = metadata.workload, metadata.workload.coverage
    if question.instead:
        yield question.instead
    if coverage:
        yield f"{coverage.removesuffix('.')}."
    if differences:
        yield f"Not as printed (printed values in brackets): {'; '.join(differences)}."
    if "train" in question.settings or "samples" in question.settings:
        yield f"Of {data.train + data.validation:,} training samples, {data.validation:,} only choose the best epoch."
    if question.settings and (question.instead or coverage or any(" samples " in one for one in differences)):
        yield _NOT_THE_SAME
    yield from question.remarks
    if absent := [option.label for option in options if option.point is None]:
        yield f"No result here for {listed(absent)}."

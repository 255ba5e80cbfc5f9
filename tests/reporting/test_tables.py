from __future__ import annotations

from dataclasses import replace

from handmade_hardware import near
from synthetic_sweep import base_row, columns, mubrain_row, table_of

from codesign.analysis.answers.answers import Answer, Option, PrintedNumbers
from codesign.analysis.results.statistics import Interval
from codesign.reporting.facts import failure_table
from codesign.reporting.sections.printed import printed_table


def test_equal_failures_are_counted_together():
    rows = [
        base_row("layered", "mubrain", "async_random", seed, 0) | {"status": "infeasible", "reason": "too small"}
        for seed in (0, 1)
    ]
    larger = rows[0] | {"topology": "512-[900]-10"}
    table = failure_table(table_of([*rows, larger]))
    assert columns(table, "status", "chip", "network", "reason", "rows") == [
        ("infeasible", "mubrain", str(rows[0]["topology"]), "too small", "2"),
        ("infeasible", "mubrain", "512-[900]-10", "too small", "1"),
    ]
    assert not failure_table(table_of([mubrain_row("layered", "random", 0, 0)])).rows


def test_what_is_printed_stands_beside_what_is_here_and_both_as_multiples():
    def of(mean: float | None, half_width: float | None = None) -> Interval:
        return Interval(mean=mean, half_width=half_width, seeds=3)

    options = (
        Option(
            label="a",
            point=None,
            values={"latency_s": of(2e-3, 1e-4), "accuracy": of(0.974, 0.002)},
            printed=PrintedNumbers(
                values={"latency_s": 4.0015e-3, "accuracy": 0.949}, multiples={"latency_s": (1.0, of(1.0, 1e-16))}
            ),
        ),
        Option(
            label="b",
            point=None,
            values={"latency_s": of(1e-3)},
            printed=PrintedNumbers(values={}, multiples={"latency_s": (None, of(0.5, 0.0123))}, remark="F 8 (4)"),
        ),
        Option(label="c", point=None, values={}, obstacle="no result"),
    )
    answer = Answer(name="t", form="printed", question="Table 1", standing="shown", sentence="", options=options)
    table = printed_table(answer)
    latency = ("latency, printed", "latency, here", "difference, %", "multiple, printed", "multiple, here")
    names = ("as printed", *latency, "accuracy, printed", "accuracy, here", "difference, points", "not as printed")
    assert tuple(heading.text for heading in table.headings) == names
    assert columns(table, "as printed", *latency, "not as printed") == [
        ("a", "4.0015 ms", "2.00 ± 0.10 ms", "−50.0 ± 2.5", "1.000", "1.00 ± 0", ""),
        ("b", "–", "1 ms", "–", "–", "0.500 ± 0.012", "F 8 (4)"),
        ("c", "–", "–", "–", "–", "–", "no result"),
    ]
    assert columns(table, *names[6:9])[0] == ("94.9 %", "97.4 ± 0.2 %", "+2.5 ± 0.2")
    assert [[cell.order for cell in row[1:6]] for row in table.rows] == [
        [4.0015e-3, 2e-3, near(2e-3 / 4.0015e-3 - 1), 1.0, 1.0],
        [None, 1e-3, None, None, 0.5],
        [None, None, None, None, None],
    ]
    only_here = printed_table(replace(answer, options=(replace(options[1], printed=PrintedNumbers()), options[2])))
    assert [heading.text for heading in only_here.headings] == ["as printed", "latency, here"]
    assert (only_here.caption, "95 % intervals" in table.caption) == ("Table 1, and here.", True)
    unprinted = replace(options[1].printed, remark="")
    multiples = printed_table(replace(answer, options=(replace(options[1], printed=unprinted),)))
    assert [heading.text for heading in multiples.headings] == ["as printed", "latency, here", "multiple, here"]

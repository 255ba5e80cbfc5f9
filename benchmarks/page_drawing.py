"""How large a page is and how long a browser takes to draw it, with few, many and very many design points.

    python benchmarks/page_drawing.py RESULTS.parquet

The points of a results file are repeated along an axis of their own, their energies spread a little, until there are
as many as asked for. Needs Chromium.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from codesign.analysis.results.table import ResultTable, read_results
from codesign.garbage import collect_rarely
from codesign.reporting.html import render_report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))
from browser import CHROMIUM, chromium

COUNTS = (57, 1_000, 10_000)
MARK = "performance.getEntriesByName('drawn')[0]?.startTime ?? 0"


def repeated(table: ResultTable, count: int) -> ResultTable:
    """As many design points as asked for, one row each: of the first training seed."""
    rows = table.frame[table.frame["status"] == "ok"]
    rows = rows[rows["training_seed"] == rows["training_seed"].min()].reset_index(drop=True)
    places = np.arange(count) % len(rows)
    frame = rows.iloc[places].reset_index(drop=True)
    copies = np.arange(count) // len(rows)
    spread = 1 + 0.3 * np.random.default_rng(0).random(count)
    energies = {column: frame[column] * spread for column in ("energy_j", "energy_cores_in_use_j")}
    drawn = [column for column in frame if column.startswith(("uncertain", "term_")) or "draws" in column]
    frame = frame.assign(**energies, **{"axis.copy": copies.astype(float)}, **dict.fromkeys(drawn))
    frame["point"] = [f"{point}-{copy}" for point, copy in zip(frame["point"], copies, strict=True)]
    return ResultTable(frame=pd.DataFrame(frame), metadata=table.metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, metavar="RESULTS.parquet")
    table = read_results(parser.parse_args().results)
    if CHROMIUM is None:
        raise SystemExit("there is no Chromium here")
    collect_rarely()
    with TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as browser:
        print("points  page, bytes  processor, s  first screen drawn, s")
        for count in COUNTS:
            many = repeated(table, count)
            started = time.process_time()
            text = render_report(many)
            written = time.process_time() - started
            path = Path(folder) / f"{count}.html"
            path.write_text(text, encoding="utf-8")
            tab = browser.open(path)
            while not (drawn := tab.run(MARK)):
                time.sleep(0.05)
            print(f"{count:6}  {len(text.encode()):11,}  {written:12.1f}  {drawn / 1000:21.2f}", flush=True)


if __name__ == "__main__":
    main()

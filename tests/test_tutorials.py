"""The tutorial notebooks run, cell after cell, in a minute, and what their text says is so.

The site's build executes them too; here their code runs as a script, which needs no Jupyter. They catch a sentence of a
tutorial that its numbers no longer bear out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import run_python

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
CHECKS = {
    "architect": """
assert {point.chip for point in results.points} == {"mine", "loihi"}
assert len({point.axes for point in results.points if point.chip == "mine"}) == 3
assert results.metadata.jobs.trained == 4
assert best.chip == "mine"
assert results.best(least="energy_j", where="accuracy >= 90 %").chip == "mine"  # as the first answer says
assert results.names.point(results.best(most="accuracy")).startswith("Loihi, the chip's own schedule, layered")
assert set(results.savings(best)["path"][:2]) == {"energies.synaptic_operation", "times.synaptic_operation"}
assert operations[0] > 0.88 * sum(operations)
assert barrier.metadata.jobs.trained == 0  # they were in the store
layered, ours, waiting, trained = barrier.points
assert layered.value("accuracy").mean < ours.value("accuracy").mean - 0.1 and ours.value("accuracy").mean > 0.9
assert ours.value("latency_s").mean < trained.value("latency_s").mean
""",
    "researcher": """
rows = frame.set_index(["policy", "stop", "group_size"])["accuracy"]
drained = rows["random", "drained"]
assert rows["random", "on_output", 32] > 0.8
assert rows["random", "on_output"][1] < drained[1] < drained[32]
assert rows["random", "on_output"][1] < rows["random", "on_output"][32] - 0.05
assert len(frame) == 1 + 2 * 3 * 6
import vl_convert
drawn = vl_convert.vegalite_to_vega(cd.plot_schedules(frame).to_json())
assert "transparent" not in str(drawn)  # as the dashes of its legend were
assert after["accuracy"][3] > rows["random", "on_output", 8] + 0.02  # what training regains
assert after["spike_density"][3] < 0.8 * frame["spike_density"][0]
""",
}


@pytest.mark.thorough
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_runs(notebook: Path, tmp_path: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script, cache = "\n".join([*code, CHECKS[notebook.stem]]), {"CODESIGN_CACHE": tmp_path / "cache"}
    ended = run_python("-c", script, folder=tmp_path, environment=cache, within_s=500)
    assert ended.code == 0, ended.err

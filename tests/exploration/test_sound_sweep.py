"""A whole sweep on a folder of recordings: wav files in, a table of results out."""

from __future__ import annotations

from small_sounds import write_audio
from tiny_sweeps import run, tiny

from codesign.analysis.table import read_results


def test_a_sweep_learns_words_of_a_voice_that_it_never_heard(tmp_path, monkeypatch):
    monkeypatch.setenv("CODESIGN_DATA", str(write_audio(tmp_path)))
    spec = tiny(
        ("{name: digits, timesteps: 3, train: 60, validation: 20, test: 20}", "{name: audio, split: speaker}"),
        ('{hidden: "12-8"}', '{hidden: "24"}'),
        ("preset: nmnist", "preset: shd"),
        ("epochs: 1, batch_size: 30", "epochs: 12, batch_size: 8"),
    )
    outcome, progress = run(spec, tmp_path, tmp_path / "cache")
    assert not progress.failures
    table = read_results(outcome.results)
    workload = table.metadata.workload
    assert (workload.name, workload.timesteps) == ("audio", 100)
    assert workload.coverage == "60 recordings of 5 labels by 3 speakers"
    assert table.frame["accuracy"].dropna().max() > 0.5  # of 5 words

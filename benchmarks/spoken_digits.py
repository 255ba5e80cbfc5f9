"""Events of spoken digits, and how many a linear classifier has right: the numbers of docs/design.md, Sound.

    python benchmarks/spoken_digits.py --data-root DIR

Needs the Free Spoken Digits in DIR. The classifier is scikit-learn's logistic regression of the events in 35 bands, of
ten channels each: in the whole recording, and in each of ten times of 80 ms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import codesign as cd
from codesign.arrays import Floats

BANDS, TIMES, FRAMES = 35, 10, 8


def events_of(batch: cd.EventBatch) -> Floats:
    """(samples, times, bands) of the first 800 ms, then the rest of a recording as one more time."""
    frames = np.stack([batch.frame(timestep).numpy() for timestep in range(batch.timesteps)], axis=1)
    bands = frames.reshape(len(batch), batch.timesteps, BANDS, -1).sum(axis=3)
    early, late = np.split(bands, [TIMES * FRAMES], axis=1)
    times = early.reshape(len(batch), TIMES, FRAMES, BANDS).sum(axis=2)
    return np.concatenate([times, late.sum(axis=1, keepdims=True)], axis=1).astype(float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="folder that holds audio/ or fsdd/")
    root = parser.parse_args().data_root
    for split in ("pooled", "speaker"):
        workload = cd.load_workload(cd.WorkloadSpec(name="audio", split=split), data_root=root)
        training, test = cd.EventBatch.concatenate([workload.train, workload.validation]), workload.test
        events = np.concatenate([training.events, test.events])
        low, high = np.percentile(events, [5, 95])
        print(f"{split}: {events.mean():.0f} events in a recording (5 to 95 %: {low:.0f} to {high:.0f})")
        learned, asked = events_of(training), events_of(test)
        for what, features in (
            ("whole recordings", [of.sum(axis=1) for of in (learned, asked)]),
            ("ten times", [of[:, :TIMES].reshape(len(of), -1) for of in (learned, asked)]),
        ):
            classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
            score = classifier.fit(features[0], training.labels).score(features[1], test.labels)
            print(f"{split}, {what}: {score:.3f} of {len(test)} test recordings right", flush=True)


if __name__ == "__main__":
    main()

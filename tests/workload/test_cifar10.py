from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from workload_files import cifar10_image, load, parts, write_cifar10

from codesign.errors import DataError
from codesign.workload.spec import WorkloadSpec

SPEC = WorkloadSpec(name="cifar10")


def test_currents_are_normalized_pixels_colour_by_colour(tmp_path):
    workload = load("cifar10", write_cifar10(tmp_path))
    assert (workload.input_grid, workload.classes, workload.timesteps, workload.timestep_s) == ((3, 32, 32), 10, 1, 0.0)
    for part in parts(workload):
        assert part.currents
        for row, sample_id in enumerate(part.sample_ids.tolist()):
            image = cifar10_image(sample_id) / 255
            mean, deviation = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
            expected = (image - mean[:, None, None]) / deviation[:, None, None]
            assert np.allclose(part.frame(0)[row].numpy(), expected.ravel(), rtol=1e-6, atol=0)
            assert part.labels[row] == sample_id % 10


def test_an_archive_that_does_not_number_its_images_has_the_first_of_them(tmp_path):
    write_cifar10(tmp_path, "npz")
    file = tmp_path / "cifar10/part.npz"
    content = dict(np.load(file))
    np.savez(file, **{name: content[name] for name in ("x_train", "y_train", "x_test", "y_test")})
    workload = load("cifar10", tmp_path)
    assert sorted([*workload.train.sample_ids, *workload.validation.sample_ids]) == list(range(40))


class Hostile:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.mkdir, np.save])
def test_a_pickle_cannot_run_anything(tmp_path, function):
    write_cifar10(tmp_path)
    file, call = tmp_path / "cifar10/cifar-10-batches-py/data_batch_1", Hostile(function, (str(tmp_path / "made"), 1))
    for protocol in (3, 4):
        file.write_bytes(pickle.dumps({b"data": call, b"labels": [1]}, protocol=protocol))
        with pytest.raises(
            DataError, match=rf"1: cannot be read .*{function.__name__}, which no batch of images needs"
        ):
            load("cifar10", tmp_path)
    assert not list(tmp_path.glob("made*"))

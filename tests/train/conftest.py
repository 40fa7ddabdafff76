"""Fixtures of training runs: crops of noise, and a teacher."""

from dataclasses import replace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def noisy():
    """24 crops to train on and 12 to validate."""
    pytest.importorskip("keras")
    from tests.runs import noise

    return noise(train=8, val=4)


@pytest.fixture(scope="session")
def waves(noisy):
    """In place of the noise, gratings of random direction, width and colour: something that features can be of."""
    rng, y_x = np.random.default_rng(2), np.mgrid[:44, :44]
    crops = []
    for _ in noisy.rows:
        direction = rng.normal(0, 0.3, 2)
        wave = np.sin(np.tensordot(direction, y_x, 1) + rng.uniform(0, 6))[..., None]
        crops.append(np.uint8(128 + 100 * wave * rng.uniform(-1, 1, 3)))
    return replace(noisy, crops=np.stack(crops))


@pytest.fixture(scope="session")
def plain(noisy, tmp_path_factory):
    """The finished model of the plainest run there is, to compare others with."""
    from tests.runs import TINY, run

    return run(noisy, tmp_path_factory.mktemp("plain"), TINY)


@pytest.fixture
def teacher(monkeypatch, tmp_path):
    """The file of a teacher that is shorter than a ResNet-50, and accepted as one."""
    from tests.runs import SHORT, write_teacher

    monkeypatch.setattr("train.resnet.BLOCKS", SHORT)
    return write_teacher(tmp_path / "teacher.npz")


@pytest.fixture
def eager():
    """Runs of a few steps without graphs, whose tracing would take longer than the steps; the arithmetic is the same.

    The pipeline and the reproduction train with graphs, as users do.
    """
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)

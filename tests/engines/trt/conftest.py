"""Fixtures of plans that run: a bundle, its exact answers, and a GPU that is none."""

from contextlib import closing

import pytest

from engines import open_engine
from tests.bundles import tiny_bundle, tiny_crops
from tests.gpu import FakeCudart


@pytest.fixture(scope="package")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("run") / "tiny", filters=16)


@pytest.fixture(scope="package")
def exact(bundle):
    """Answers of the float graph to 50 crops."""
    with closing(open_engine(bundle.folder, precision="fp32")) as engine:
        return engine.infer(tiny_crops(50))


@pytest.fixture
def cudart():
    return FakeCudart()

"""Fixtures of runs: a bundle of random weights, a film, and a folder for what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles import tiny_bundle
from tests.people import walk_video
from tests.places import Place


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny").folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames of somebody who walks through the picture."""
    return walk_video(tmp_path_factory.mktemp("clips") / "clip.mp4", 40)


@pytest.fixture
def place(bundle: Path, tmp_path: Path) -> Place:
    return Place(bundle, tmp_path)

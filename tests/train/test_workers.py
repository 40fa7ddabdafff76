"""A run whose pictures are made by processes: it learns the same, ends as asked, and loses nothing."""

import json

import pytest

pytest.importorskip("keras")

from tests.runs import TINY, assert_same, run
from train import backend
from train.backend import chosen_workers
from train.batches import Batches
from train.errors import MakersEnded


def test_it_learns_what_it_learns_alone(noisy, plain, tmp_path):
    assert_same(plain, run(noisy, tmp_path / "shared", TINY, workers=2))


@pytest.fixture
def two_steps_then_nothing(monkeypatch):
    """Batches whose processes end after two steps; what it gives is true from then on."""
    ended = []
    whole = Batches.ahead

    def ahead(self, first, last):
        yield from whole(self, first, min(first + 2, last))
        ended.append(True)
        raise MakersEnded("a process that makes pictures ended", hint="-")

    monkeypatch.setattr(Batches, "ahead", ahead)
    return lambda: bool(ended)


def test_where_all_were_told_to_end_the_run_is_kept(noisy, plain, two_steps_then_nothing, tmp_path, monkeypatch):
    """As by a SIGTERM to the whole group: what was done is in the checkpoint, and the run goes on from there."""
    said = []
    assert run(noisy, tmp_path / "run", TINY, say=said.append, stopped=two_steps_then_nothing) is None
    assert "stopped after 2 of 6 steps" in said[-1]
    assert json.loads((tmp_path / "run/state.json").read_text())["step"] == 2
    monkeypatch.undo()
    assert_same(plain, run(noisy, tmp_path / "run", TINY))


def test_where_nobody_asked_it_is_an_error(noisy, two_steps_then_nothing, tmp_path):
    with pytest.raises(MakersEnded):
        run(noisy, tmp_path / "run", TINY)


@pytest.mark.parametrize(
    ("asked", "gpu", "cores", "workers"),
    [(None, False, 8, 0), (None, True, 8, 6), (None, True, 1, 1), (0, True, 8, 0), (3, False, 1, 3)],
)
def test_how_many(monkeypatch, asked, gpu, cores, workers):
    monkeypatch.setattr(backend, "has_gpu", lambda: gpu)
    monkeypatch.setattr(backend, "usable_threads", lambda: cores)
    assert chosen_workers(asked) == workers

"""Judgements made beside the loop: no picture waits for them, and they count for the frame they were asked in."""

import threading
from contextlib import closing

import numpy as np
import pytest

from engines import open_engine
from engines.contract import InferenceError
from monitor import judging
from monitor.budget import LiveBudget
from monitor.classify import Classifier, Cropper
from monitor.decide import make_rule
from monitor.judging import AtOnce, Beside
from monitor.loop import scenes
from monitor.settings import DecideSettings, TrackSettings
from monitor.track import Tracker
from monitor.types import Box, Face, Frame, Scene
from tests.bundles import tiny_bundle

EVEN = (1 / 3, 1 / 3, 1 / 3)
PICTURE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
LONG_S = 20.0


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    bundle = tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", input_px=64)
    with closing(open_engine(bundle.folder, precision="fp32")) as opened:
        yield opened


class Gated:
    """An engine that answers when it is let."""

    def __init__(self, real):
        self.card = real.card
        self.gate, self.asked, self.threads = threading.Semaphore(0), [], set()

    def infer(self, rgb):
        self.threads.add(threading.current_thread().name)
        self.asked.append(rgb.copy())
        assert self.gate.acquire(timeout=LONG_S)
        return np.tile(np.array([0.01, 0.01, 0.98], np.float32), (len(rgb), 1))

    def close(self):
        """Nothing is held."""


class Faces:
    """As many faces as the frame's index asks for."""

    def __init__(self, count):
        self.count = count

    def detect(self, frame, near=()):  # noqa: ARG002 - it sees everybody
        boxes = [Box(10 + 50 * i, 20, 50 + 50 * i, 60) for i in range(self.count(frame.index))]
        return tuple(Face(box, 0.9, np.zeros((6, 2), np.float32)) for box in boxes)

    def close(self):
        """Nothing is held."""


class Frames:
    live, name = True, "frames"

    def __init__(self, still=False):
        self.index, self.still = -1, still

    def read(self, timeout_s):  # noqa: ARG002 - there is always one
        self.index += 1
        return Frame(self.index, self.index / 25, 0.0, PICTURE, self.still)

    def close(self):
        """Nothing is held."""


def watch(engine, infer, count=lambda _: 1, still=False):
    track = TrackSettings(clear_score=0.0, lost_s=0.2)
    rule = make_rule(DecideSettings(min_judgements=1), EVEN, EVEN, card_confidence=0.6)
    judge = Classifier(infer, engine.card, Cropper(engine.card, min_face_px=10, min_sharpness=0))
    tracker = Tracker(track, rule, new_score=0.6)
    return scenes(Frames(still), Faces(count), judge, tracker, LiveBudget(0.5))


def until(run, wanted, frames=2000):
    for _ in range(frames):
        scene = next(run)
        if wanted(scene):
            return scene
    raise AssertionError("it did not happen")


def test_the_picture_does_not_wait_and_the_label_comes_later(real):
    engine = Gated(real)
    with closing(Beside(engine)) as infer:
        run = watch(engine, infer)
        waiting = [next(run) for _ in range(20)]
        assert len(engine.asked) <= 1, "one asking at a time"
        assert all(scene.tracks[0].probs is None for scene in waiting[3:])
        assert not any("classify" in scene.ms for scene in waiting)
        for _ in range(5):
            engine.gate.release()
        scene = until(run, lambda scene: scene.tracks and scene.tracks[0].label == 2)
        assert scene.tracks[0].judged_t < scene.frame.t, "it counts for the frame in which it was asked for"
        engine.gate.release(100)
        until(run, lambda scene: scene.ms.get("classify", 0) > 0)
        assert engine.threads == {"judge"}


def test_who_has_gone_meanwhile_is_not_heard_of_again(real):
    engine = Gated(real)
    with closing(Beside(engine)) as infer:
        run = watch(engine, infer, lambda index: 1 if index < 6 else 0)
        gone = until(run, lambda scene: scene.frame.index > 5 and not scene.tracks)
        assert gone.frame.index > 6
        engine.gate.release(100)
        assert all(not next(run).tracks for _ in range(50))


def test_a_picture_that_stands_alone_is_judged_before_it_is_shown(real):
    engine = Gated(real)
    engine.gate.release(100)
    with closing(Beside(engine)) as infer:
        run = watch(engine, infer, still=True)
        assert all(next(run).tracks[0].label == 2 for _ in range(5))


def test_both_ways_say_the_same(real):
    engine = real
    rgb = np.random.default_rng(1).integers(0, 256, (3, engine.card.input_px, engine.card.input_px, 3), np.uint8)
    with closing(Beside(engine)) as beside:
        later, took_s = beside(rgb).get()
    now, _ = AtOnce(engine)(rgb).get()
    np.testing.assert_array_equal(now, later)
    assert took_s > 0


class Broken(Gated):
    def infer(self, rgb):  # noqa: ARG002 - whatever it is
        raise InferenceError("the engine broke")


def test_an_engine_that_fails_beside_the_loop_ends_it(real):
    engine = Broken(real)
    with closing(Beside(engine)) as infer:
        run = watch(engine, infer)
        with pytest.raises(InferenceError, match="broke"):
            until(run, lambda scene: False)


def test_an_engine_that_hangs_is_an_error_and_not_a_label_that_stays(real, monkeypatch):
    monkeypatch.setattr(judging, "PATIENCE_S", 0.1)
    engine = Gated(real)
    with closing(Beside(engine)) as infer:
        run = watch(engine, infer)
        with pytest.raises(InferenceError, match=r"did not answer within 0.1 s"):
            until(run, lambda scene: isinstance(scene, Scene) and threading.Event().wait(0.001))
        engine.gate.release(10)

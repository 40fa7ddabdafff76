"""Judgements made beside the loop: no picture waits for them, and they count for the frame they were asked in."""

import threading
from contextlib import closing

import numpy as np
import pytest

from engines import open_engine
from engines.contract import InferenceError
from monitor import judging
from monitor.budget import LiveBudget, MediaBudget
from monitor.classify import Classifier, Cropper
from monitor.decide import make_rule
from monitor.errors import MediaError
from monitor.judging import Beside
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
    with closing(Beside(engine, yields=True)) as infer:
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
    with closing(Beside(engine, yields=True)) as infer:
        run = watch(engine, infer, lambda index: 1 if index < 6 else 0)
        gone = until(run, lambda scene: scene.frame.index > 5 and not scene.tracks)
        assert gone.frame.index > 6
        engine.gate.release(100)
        assert all(not next(run).tracks for _ in range(50))


def test_a_picture_that_stands_alone_is_judged_before_it_is_shown(real):
    engine = Gated(real)
    engine.gate.release(100)
    with closing(Beside(engine, yields=True)) as infer:
        run = watch(engine, infer, still=True)
        assert all(next(run).tracks[0].label == 2 for _ in range(5))


class Film(Frames):
    """The same frames, recorded; it notes how far it was read."""

    live = False

    def read(self, timeout_s):
        return super().read(timeout_s) if self.index < 60 else None


class Late:
    """Judgements that are there only once somebody waits for them."""

    ready, cut_s, took_s = False, 0.0, 0.001

    def __init__(self, judgements, note):
        self.asked = [(one.track, one.reason) for one in judgements]
        self._judgements, self._note = judgements, note

    def judgements(self):
        self._note()
        return self._judgements


class Patient:
    """A judge that answers late, and notes how far the film was read by then."""

    def __init__(self, judge, film):
        self.judge, self.film, self.waited_at = judge, film, []

    def ask(self, frame, tracks):
        judgements = self.judge.ask(frame, tracks).judgements()
        return Late(judgements, lambda: self.waited_at.append((frame.index, self.film.index)))


def told(track):
    probs = None if track.probs is None else track.probs.tobytes()
    return track.id, track.judgements, track.judged_t, track.label, probs


def watch_film(real, patient):
    film = Film()
    rule = make_rule(DecideSettings(), EVEN, EVEN, card_confidence=0.4)
    tracker = Tracker(TrackSettings(clear_score=0.0), rule, new_score=0.6)
    with closing(Beside(real, yields=False)) as infer:
        judge = Classifier(infer, real.card, Cropper(real.card, min_face_px=10, min_sharpness=0))
        patient_judge = Patient(judge, film) if patient else None
        run = scenes(film, Faces(lambda i: 1 + i // 20), patient_judge or judge, tracker, MediaBudget(60))
        said = [(scene.frame.index, [told(track) for track in scene.tracks]) for scene in run]
    return said, patient_judge.waited_at if patient else []


def test_a_recording_is_searched_on_while_its_faces_are_judged_and_tells_the_same(real):
    at_leisure, waited_at = watch_film(real, patient=True)
    as_it_comes, _ = watch_film(real, patient=False)
    assert at_leisure == as_it_comes
    assert [index for index, _ in at_leisure] == list(range(61))
    assert len(waited_at) > 20
    assert all(read == min(asked + 1, 60) for asked, read in waited_at), "the next frame was read before the answer"
    assert all(judged_t == index / 25 for index, tracks in at_leisure for _, n, judged_t, *_ in tracks if 0 < n < 5)


class Broken(Gated):
    def infer(self, rgb):  # noqa: ARG002 - whatever it is
        raise InferenceError("the engine broke")


def test_an_engine_that_fails_beside_the_loop_ends_it(real):
    engine = Broken(real)
    with closing(Beside(engine, yields=True)) as infer:
        run = watch(engine, infer)
        with pytest.raises(InferenceError, match="broke"):
            until(run, lambda scene: False)


def test_an_engine_that_hangs_is_an_error_and_not_a_label_that_stays(real, monkeypatch):
    monkeypatch.setattr(judging, "PATIENCE_S", 0.1)
    engine = Gated(real)
    with closing(Beside(engine, yields=True)) as infer:
        run = watch(engine, infer)
        with pytest.raises(InferenceError, match=r"did not answer within 0.1 s"):
            until(run, lambda scene: isinstance(scene, Scene) and threading.Event().wait(0.001))
        engine.gate.release(10)


class Torn(Film):
    def read(self, timeout_s):
        if self.index == 5:
            raise MediaError("it is torn")
        return super().read(timeout_s)


def test_what_was_seen_before_an_error_is_told(real):
    rule = make_rule(DecideSettings(), EVEN, EVEN, card_confidence=0.4)
    tracker = Tracker(TrackSettings(clear_score=0.0), rule, new_score=0.6)
    with closing(Beside(real, yields=False)) as infer:
        judge = Classifier(infer, real.card, Cropper(real.card, min_face_px=10, min_sharpness=0))
        run = scenes(Torn(), Faces(lambda _: 2), judge, tracker, MediaBudget(300))
        assert [next(run).frame.index for _ in range(6)] == list(range(6))
        with pytest.raises(MediaError, match="torn"):
            next(run)

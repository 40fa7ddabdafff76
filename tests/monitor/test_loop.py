"""The loop: one scene a frame, gaps passed on, errors let through, nothing owned."""

import numpy as np
import pytest

from monitor.budget import MediaBudget
from monitor.decide import make_rule
from monitor.errors import DetectorError, SourceError
from monitor.loop import scenes
from monitor.settings import DecideSettings, TrackSettings
from monitor.track import Tracker
from monitor.types import Box, Face, Frame, Gap, Judgement, Scene

EVEN = (1 / 3, 1 / 3, 1 / 3)
PICTURE = np.zeros((120, 160, 3), np.uint8)


class Script:
    live, name = True, "script"

    def __init__(self, items):
        self.items, self.reads, self.closed = list(items), 0, False

    def read(self, timeout_s):
        assert 0 < timeout_s < 1
        self.reads += 1
        item = self.items.pop(0) if self.items else None
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed = True


class OneFace:
    def __init__(self, fail_at=None):
        self.near, self.fail_at = [], fail_at

    def detect(self, frame, near=()):
        if frame.index == self.fail_at:
            raise DetectorError("the detector broke")
        self.near.append(tuple(near))
        return (Face(Box(40, 40, 80, 80), 0.9, np.zeros((6, 2), np.float32)),)

    def close(self):
        raise AssertionError("the loop owns nothing")


def frames(n):
    return [Frame(i, i / 25, None, PICTURE) for i in range(n)]


def mask(frame, tracks):
    return tuple(Judgement(track.id, np.array([0, 0.02, 0.98], np.float32), None) for track in tracks)


class Said:
    """What a judge that answers at once says."""

    def __init__(self, judgements):
        self.asked = tuple((one.track, one.reason) for one in judgements)
        self.ready, self.cut_s, self.took_s, self._judgements = True, 0.0001, 0.001, judgements

    def judgements(self):
        return self._judgements


class AtOnce:
    def __init__(self, judge):
        self.judge = judge

    def ask(self, frame, tracks):
        return Said(self.judge(frame, tracks))


def loop(items, detector=None, judge=mask):
    source = Script(items)
    rule = make_rule(DecideSettings(), EVEN, EVEN, card_confidence=0.6)
    tracker = Tracker(TrackSettings(), rule, new_score=0.6)
    return source, scenes(source, detector or OneFace(), AtOnce(judge), tracker, MediaBudget(30))


def test_one_scene_for_each_frame_until_the_end():
    source, run = loop(frames(50))
    seen = list(run)
    assert [scene.frame.index for scene in seen] == list(range(50))
    assert seen[-1].tracks[0].label == 2
    judged = [scene.ms.keys() for scene in seen if "classify" in scene.ms]
    assert judged
    assert all(stages == {"read", "detect", "match", "crop", "classify"} for stages in judged)
    assert not source.closed


def test_known_faces_are_given_to_the_detector():
    detector = OneFace()
    _, run = loop(frames(10), detector)
    list(run)
    assert detector.near[0] == ()
    (expected,) = detector.near[-1]
    assert abs(expected.x0 - 40) < 1


def test_gaps_come_through_and_the_track_goes_on():
    gap = Gap("stalled", 0.5)
    later = [Frame(30 + i, 0.6 + i / 25, None, PICTURE) for i in range(3)]
    _, run = loop([*frames(10), gap, *later])
    seen = list(run)
    assert [item for item in seen if isinstance(item, Gap)] == [gap]
    ids = {track.id for item in seen if isinstance(item, Scene) for track in item.tracks}
    assert ids == {1}


def test_nothing_is_read_before_it_is_asked_for():
    source, run = loop(frames(10))
    next(run)
    next(run)
    assert source.reads == 2
    run.close()
    assert source.reads == 2


@pytest.mark.parametrize(
    ("items", "detector", "judge", "error"),
    [
        ([*frames(3), SourceError("unplugged")], None, mask, SourceError),
        (frames(10), OneFace(fail_at=4), mask, DetectorError),
        (frames(10), None, lambda frame, tracks: 1 / 0, ZeroDivisionError),
    ],
)
def test_errors_are_never_an_empty_answer(items, detector, judge, error):
    _, run = loop(items, detector, judge)
    with pytest.raises(error):
        list(run)

"""Who is judged next, of several cameras: one call for all, turns that are fair, late answers for the right one."""

import threading
from contextlib import closing

import numpy as np
import pytest

from monitor.decide import make_rule
from monitor.errors import DetectorError
from monitor.ports import Source
from monitor.settings import DecideSettings, DetectorSettings, TrackSettings
from monitor.several import search
from monitor.several.rounds import ENDED, rounds
from monitor.several.turns import Turns
from monitor.track import Tracker
from monitor.types import Box, Face, Frame, Gap, Judgement, Scene

EVEN = (1 / 3, 1 / 3, 1 / 3)
PICTURE = np.zeros((480, 640, 3), np.uint8)
MASK = np.array([0.01, 0.01, 0.98], np.float32)


def tracker():
    rule = make_rule(DecideSettings(min_judgements=1), EVEN, EVEN, card_confidence=0.6)
    often = TrackSettings(
        clear_score=0.0, confirm_finds=1, judge_every_s=0.01, stable_every_s=None, changing_every_s=None
    )
    return Tracker(often, rule, new_score=0.6)


def faces(count):
    return tuple(Face(Box(20 * i, 10, 20 * i + 18, 28), 0.9, np.zeros((6, 2), np.float32)) for i in range(count))


class Said:
    cut_s, took_s = 0.0001, 0.004

    def __init__(self, judge, tracks):
        self.asked = tuple((track.id, None) for track in tracks)
        self._judge = judge

    @property
    def ready(self):
        return self._judge.answers

    def judgements(self):
        return tuple(Judgement(i, MASK, None) for i, _ in self.asked)


class Judge:
    def __init__(self, answers=True):
        self.answers, self.calls = answers, []

    def ask_all(self, parts):
        self.calls.append({frame.index: [track.id for track in tracks] for frame, tracks in parts})
        return [Said(self, tracks) for _, tracks in parts]


def step(turns, trackers, counts, index, t):
    """Frames of these cameras at `t`; a camera's number is its frame's index, so that calls tell them apart."""
    frames = {number: Frame(number, t, 0.0, PICTURE) for number in counts}
    for number, count in counts.items():
        trackers[number].match(frames[number], faces(count))
    return turns.step(frames)


def test_one_call_holds_faces_of_all_cameras_and_each_hears_its_own():
    judge, trackers = Judge(), {0: tracker(), 1: tracker()}
    turns = Turns(judge, trackers, 0.5)
    turns._budgets = dict.fromkeys(trackers, Plenty())
    for i in range(3):
        step(turns, trackers, {0: 2, 1: 3}, i, i / 25)
    assert judge.calls[0] == {0: [1, 2], 1: [1, 2, 3]}
    assert [track.judgements for track in trackers[0].tracks] == [2, 2]
    assert [track.judgements for track in trackers[1].tracks] == [2, 2, 2]
    assert all(track.label == 2 for one in trackers.values() for track in one.tracks)


class Plenty:
    def allow(self, _frame):
        return 100

    def spent(self, _n, _seconds):
        """There is enough."""


class Scarce(Plenty):
    def allow(self, _frame):
        return 2


@pytest.mark.parametrize("together", [True, False])
def test_a_full_camera_does_not_keep_the_few_of_another_from_their_turn(together):
    judge, trackers = Judge(), {0: tracker(), 1: tracker()}
    turns = Turns(judge, trackers, 0.5)
    turns._budgets = dict.fromkeys(trackers, Scarce())
    for i in range(100):
        if together:
            step(turns, trackers, {0: 28, 1: 1}, i, i / 25)
        else:
            step(turns, trackers, {0: 28}, i, i / 25)
            step(turns, trackers, {1: 1}, i, i / 25 + 0.02)
    (alone,) = trackers[1].tracks
    crowd = [track.judgements for track in trackers[0].tracks]
    assert alone.judgements > 40
    assert max(crowd) - min(crowd) <= 1
    assert sum(crowd) > 60


def test_who_waited_longest_is_next_even_where_another_camera_is_always_faster():
    judge, trackers = Judge(answers=False), {0: tracker(), 1: tracker()}
    turns = Turns(judge, trackers, 0.5)
    turns._budgets = dict.fromkeys(trackers, Plenty())
    for i in range(20):
        step(turns, trackers, {0: 3}, i, i / 25)  # the answer to what camera 0 asks is there just before its next frame
        judge.answers = False
        step(turns, trackers, {1: 3}, i, i / 25 + 0.01)
        judge.answers = True
    asked = [next(iter(call)) for call in judge.calls]
    assert abs(asked.count(0) - asked.count(1)) <= 1


def test_a_camera_that_went_away_is_not_waited_for():
    judge, trackers = Judge(answers=False), {0: tracker(), 1: tracker()}
    turns = Turns(judge, trackers, 0.5)
    turns._budgets = dict.fromkeys(trackers, Plenty())
    step(turns, trackers, {0: 3}, 0, 0.0)
    step(turns, trackers, {1: 3}, 0, 0.01)  # has somebody to judge, and is never seen again
    judge.answers = True
    for i in range(1, 25):
        step(turns, trackers, {0: 3}, i, i / 25)
    assert len(judge.calls) > 15


class Script:
    live, name = True, "script"

    def __init__(self, *items):
        self.items = list(items)

    def read(self, timeout_s):
        assert timeout_s == 0, "no camera is waited for"
        item = self.items.pop(0) if self.items else None
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        raise AssertionError("the loop owns nothing")


def at(index, t):
    return Frame(index, t, 0.0, PICTURE)


class Search:
    def __init__(self):
        self.asked = []

    def find(self, asked):
        self.asked.append([frame.index for frame, _ in asked])
        return [faces(1) for _ in asked]


def test_rounds_hold_whoever_is_there_and_end_when_all_have():
    waited, looking = [], Search()
    sources: dict[int, Source] = {
        0: Script(*(Frame(i, i / 25, 0.0, PICTURE) for i in range(4))),
        1: Script(at(50, 0.0), Gap("live", 0.1), Gap("lost", 6.0, "unplugged"), at(53, 1.0)),
    }  # fmt: skip
    told = list(rounds(sources, waited.append, looking, Judge(), {0: tracker(), 1: tracker()}, 0.5))
    assert looking.asked == [[0, 50], [1], [2], [3, 53]]
    flat = [(number, item) for items in told for number, item in items]
    assert [item.state for number, item in flat if number == 1 and isinstance(item, Gap)] == ["lost", ENDED]
    assert [item.frame.index for number, item in flat if number == 0 and isinstance(item, Scene)] == [0, 1, 2, 3]
    assert waited, "where nothing happens it is waited"
    assert {"read", "detect", "match", "crop"} <= flat[0][1].ms.keys()


class Slow:
    """A detector that a loaded machine keeps from answering."""

    gate = threading.Event()

    def __init__(self, _settings):
        self.gate.clear()

    def detect(self, _frame, _near):
        self.gate.wait(10)
        return ()

    def close(self):
        self.gate.set()


def test_a_search_that_does_not_end_is_an_error_with_a_hint(monkeypatch):
    monkeypatch.setattr(search, "FaceDetector", Slow)
    monkeypatch.setattr(search, "usable_threads", lambda: 8)
    monkeypatch.setattr(search, "PATIENCE_S", -0.45)  # 0.1 s in all
    with closing(search.Search(DetectorSettings(), 2)) as slow:
        frame = Frame(0, 0.0, None, np.zeros((8, 8, 3), np.uint8))
        with pytest.raises(DetectorError, match="did not answer in time") as caught:
            slow.find([(frame, ()), (frame, ())])
        Slow.gate.set()
    assert "monitor doctor" in caught.value.hint

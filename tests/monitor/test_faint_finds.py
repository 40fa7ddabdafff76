"""Finds that score little: whom they continue, and that they make nobody."""

from pathlib import Path

import pytest

from monitor.follow import Follower
from monitor.settings import TrackSettings
from tests.monitor.tracking import face, frame, tracker, walk


def test_weak_finds_continue_but_do_not_start():
    track = tracker()
    for i in range(10):
        track.match(frame(i / 25), [face(100, score=0.5)])
    assert track.tracks == ()
    walk(track, lambda t: [100], 1.0, start=1.0)
    for i in range(50):
        track.match(frame(2 + i / 25), [face(100, score=0.45)])
    assert len(track.tracks) == 1


def test_weak_finds_do_not_confirm():
    """A pattern that looks like a face once in a while is nobody."""
    track = tracker(confirm_finds=3)
    for i in range(30):
        track.match(frame(i / 25), [face(100, score=0.65 if i in {0, 20} else 0.45)])
    assert track.tracks == ()
    track.match(frame(30 / 25), [face(100, score=0.65)])
    assert len(track.tracks) == 1


@pytest.mark.parametrize("fps", [4.0, 10.0, 25.0])
def test_somebody_faint_is_shown_and_stays_the_same(fps):
    """A profile: one find in five is clear, one in four pictures has none."""
    track = tracker()
    shown = []
    for i in range(round(30 * fps)):
        score = 0.7 if i % 5 == 0 else 0.56
        track.match(frame(i / fps), [] if i % 4 == 3 else [face(100, score=score)])
        shown.append({tr.id for tr in track.tracks})
    assert all(ids == {1} for ids in shown[max(round(fps), 11) :])


@pytest.mark.parametrize("steps", [20, 1])
def test_a_pattern_where_somebody_left_is_not_that_person(steps):
    """However near it is, and also where the source stood still in between."""
    track = tracker()
    walk(track, lambda t: [100], 2.0)
    for i in range(1, steps):
        track.match(frame(2 + 0.5 * i / steps), [])
    for i in range(20):
        track.match(frame(2.5 + i / 25), [face(106, 103, score=0.5)])
        assert all(tr.face.box.x0 < 105 for tr in track.tracks), "a faint find does not bring back who was lost"
    assert track.tracks == ()


def test_a_neck_found_instead_of_the_face_does_not_take_its_place():
    track = tracker()
    walk(track, lambda t: [100], 2.0)
    for i in range(7):
        track.match(frame(2 + i / 25), [face(85, 120, side=90, score=0.55)])
    (only,) = track.tracks
    assert only.face.box.width < 65
    assert only.seen_t < 2


def test_a_clear_find_goes_to_its_person_before_a_faint_one_does():
    """Of two people the right one leaves, the left one moves, and clutter lies beside: nobody's number moves on."""
    track = tracker()
    walk(track, lambda t: [100, 160], 2.0)
    track.match(frame(2.0), [face(112), face(80, 114, score=0.45)])
    left, right = track.tracks
    assert left.face.box.x0 == pytest.approx(108, abs=5)
    assert left.seen_t == 2.0
    assert right.seen_t < 2.0


@pytest.mark.parametrize("fps", [1.0, 2.0, 4.0, 25.0])
def test_at_every_rate_people_are_shown_and_faint_finds_continue_them(fps):
    track = tracker()
    walk(track, lambda t: [100], 8.0, fps)
    for i in range(8):
        track.match(frame(8 + i / fps), [face(100, score=0.45)])
    assert [tr.id for tr in track.tracks] == [1]
    assert track.tracks[0].seen_t == 8 + 7 / fps


def test_a_new_file_whose_time_begins_anew_does_not_shorten_a_moment():
    track = tracker()
    for path in (Path("a.mp4"), Path("b.mp4")):
        for i in range(8):
            track.match(frame(i / 2, origin=path), [face(100)])
        assert len(track.tracks) == 1
        assert track.tracks[0].seen_t == 3.5
    track.match(frame(4.5, origin=Path("b.mp4")), [face(100, score=0.45)])
    assert track.tracks[0].seen_t == 4.5


def test_pictures_that_come_unevenly_are_waited_for_as_was_said():
    """Five seconds apart on average: after two at once nobody is given up before the next one."""
    follower = Follower(TrackSettings(confirm_finds=1), new_score=0.6, every_s=5.0)
    for t in (0.0, 5.0, 7.0, 14.0):
        follower.match(frame(t), [face(100)])
        assert [one.id for one in follower.people] == [1]

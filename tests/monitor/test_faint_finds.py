"""Finds that score little: whom they continue, and that they make nobody."""

import pytest

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


def test_a_pattern_where_somebody_left_is_not_that_person():
    track = tracker()
    walk(track, lambda t: [100], 2.0)
    for i in range(20):
        track.match(frame(2.5 + i / 25), [face(130, 110, score=0.5)])
        assert all(tr.face.box.x0 < 105 for tr in track.tracks), "a faint find does not bring back who was lost"
    assert track.tracks == ()


def test_a_neck_found_instead_of_the_face_does_not_take_its_place():
    track = tracker()
    walk(track, lambda t: [100], 2.0)
    for i in range(10):
        track.match(frame(2 + i / 25), [face(80, 140, side=110, score=0.55)])
    (only,) = track.tracks
    assert only.face.box.width < 65


@pytest.mark.parametrize("fps", [4.0, 25.0])
def test_faint_finds_continue_at_low_rates_too(fps):
    track = tracker()
    walk(track, lambda t: [100], 4.0, fps)
    for i in range(8):
        track.match(frame(4 + i / fps), [face(100, score=0.45)])
    assert [tr.id for tr in track.tracks] == [1]
    assert track.tracks[0].seen_t == 4 + 7 / fps

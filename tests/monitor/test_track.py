"""Who is who: ids, birth and death in seconds, fair scheduling."""

from pathlib import Path

import numpy as np
import pytest

from monitor.decide import make_rule
from monitor.settings import DecideSettings, TrackSettings
from monitor.track import Tracker
from monitor.types import Frame, Judgement
from tests.monitor.tracking import EVEN, face, frame, tracker, walk


def test_a_face_is_shown_after_enough_finds_and_keeps_its_id():
    track = tracker(confirm_finds=3)
    seen = walk(track, lambda t: [100 + 40 * t], 3)
    assert seen[:3] == [set(), set(), {1}]
    assert all(ids == {1} for ids in seen[2:])


def test_two_people_who_pass_each_other_keep_their_ids():
    track = tracker()
    walk(track, lambda t: [50 + 100 * t, 450 - 100 * t], 4.0)
    right, left = (tr.face.box.x0 for tr in track.tracks)
    assert len(track.tracks) == 2
    assert right > 300 > left


def test_a_single_find_is_no_person():
    track = tracker()
    track.match(frame(0.0), [face(100)])
    assert walk(track, lambda t: [], 2.0, start=0.04) == [set()] * 50


@pytest.mark.parametrize("fps", [5.0, 25.0, 60.0])
def test_a_person_is_gone_after_lost_s_at_every_rate(fps):
    track = tracker(lost_s=1.0)
    walk(track, lambda t: [100], 2.0, fps)
    last_t = (round(2.0 * fps) - 1) / fps
    track.match(frame(last_t + 0.95), [])
    assert {tr.id for tr in track.tracks} == {1}
    track.match(frame(last_t + 1.05), [])
    assert track.tracks == ()


def test_a_short_gap_does_not_make_a_new_person():
    track = tracker()
    walk(track, lambda t: [100 + 50 * t], 1.0)
    walk(track, lambda t: [], 0.5, start=1.0)
    seen = walk(track, lambda t: [100 + 50 * t], 1.0, start=1.5)
    assert all(ids == {1} for ids in seen)


def test_coasting_tracks_say_so_and_stay_inside_the_frame():
    track = tracker()
    walk(track, lambda t: [500 + 300 * t], 0.4)
    track.match(frame(1.0), [])
    (person,) = track.tracks
    assert person.seen_t < 1.0
    assert person.face.box.x1 <= 640


def test_the_stalest_are_due_first_and_everybody_gets_a_turn():
    track = tracker(judge_every_s=0.01, stable_every_s=None, changing_every_s=None, fresh_judgements=1, clear_score=0.4)
    turns = dict.fromkeys(range(1, 11), 0)
    for i in range(203):
        t = i / 25
        track.match(frame(t), [face(x) for x in range(0, 600, 60)])
        due = track.due(2)
        assert len(due) <= 2
        track.vote([Judgement(d.id, np.array([1, 0, 0], np.float32), None) for d in due])
        for d in due:
            turns[d.id] += 1
    assert max(turns.values()) - min(turns.values()) <= 1
    assert min(turns.values()) >= 39


def test_a_known_face_is_not_judged_more_often_than_asked():
    track = tracker(judge_every_s=0.2, stable_every_s=None, changing_every_s=None, fresh_judgements=2, confirm_finds=1)
    judged_at = []
    for i in range(50):
        t = i / 25
        track.match(frame(t), [face(100)])
        due = track.due(5)
        judged_at += [t] * len(due)
        track.vote([Judgement(d.id, np.array([1, 0, 0], np.float32), None) for d in due])
    assert judged_at[1] - judged_at[0] == pytest.approx(0.04)
    assert np.allclose(np.diff(judged_at[2:]), 0.2)
    assert judged_at[-1] > 1.7


def test_votes_reach_the_tracks_with_their_reasons():
    track = tracker(confirm_finds=1, clear_score=0.4)
    track.match(frame(0.0), [face(100), face(300)])
    track.vote([Judgement(1, np.array([0, 0, 1], np.float32), None), Judgement(2, None, "small")])
    one, two = track.tracks
    assert (one.judgements, one.reason) == (1, "few judgements")
    assert (two.judgements, two.label, two.reason, two.probs) == (0, None, "small", None)


def test_a_still_picture_stands_alone():
    track = tracker()
    answer = np.array([0, 0, 1], np.float32)
    for t in (0.0, 2.0):
        track.match(frame(t, still=True), [face(100)])
        track.vote([Judgement(d.id, answer, None) for d in track.due(10)])
        assert [tr.label for tr in track.tracks] == [2]
    assert [tr.id for tr in track.tracks] == [2]


def test_one_face_found_in_turn_by_two_looks_is_one_person():
    track = tracker(confirm_finds=2)
    for i in range(60):
        t = i / 25
        if i < 8:
            finds = [face(100, side=60)]
        elif i == 8:  # the tight find is far off once, so that the wide one starts a track of its own
            finds = [face(100, y=100, side=150)]
        else:
            finds = [face(100, side=60)] if i % 2 else [face(80, y=80, side=120)]
        track.match(frame(t), finds)
    assert [tr.id for tr in track.tracks] == [1]


def test_two_people_behind_each_other_stay_two():
    track = tracker()
    for i in range(50):
        track.match(frame(i / 25), [face(100, side=100), face(150, side=100)])
    assert len(track.tracks) == 2


def run_scores(scores, **changes):
    """Labels and reasons of one face whose finds have these scores and whose judgements all say mask."""
    track, seen = tracker(confirm_finds=1, **changes), []
    for i, score in enumerate(scores):
        track.match(frame(i / 25), [face(100, score=score)])
        track.vote([Judgement(d.id, np.array([0, 0, 1], np.float32), None) for d in track.due(5)])
        seen += [(tr.label, tr.reason) for tr in track.tracks]
    return seen


def test_what_hardly_looks_like_a_face_gets_no_label():
    weak = [0.7 if i % 10 == 0 else 0.52 for i in range(100)]
    assert set(run_scores(weak)) == {(None, "unclear")}


def test_a_clear_face_is_labelled_within_a_second_and_survives_a_weak_moment():
    seen = run_scores([0.9] * 25 + [0.45] * 25 + [0.9] * 25)
    assert seen[24] == (2, None)
    assert all(label == 2 for label, _ in seen[24:])


def test_a_shown_person_never_vanishes_for_a_double():
    """A tight track is lost, a wide find starts another one there: the older one goes on, without a pause."""
    track = tracker(confirm_finds=3)
    walk(track, lambda t: [100], 1.0)
    seen = []
    for i in range(20):
        t = 1.0 + i / 25
        x = 100 + 8 * i if i < 5 else 100
        track.match(frame(t), [face(x - 30, y=70, side=190)])
        seen.append({tr.id for tr in track.tracks})
    assert all(1 in ids for ids in seen)


@pytest.mark.parametrize("fake_first", [True, False])
def test_who_was_fake_under_either_id_stays_so_when_two_become_one(fake_first):
    rule = make_rule(DecideSettings(), EVEN, EVEN, card_confidence=0.6, classes=("real", "fake", "mask"))
    track = Tracker(TrackSettings(lost_s=4.0), rule, new_score=0.6)
    fake, mask = (np.eye(3, dtype=np.float32)[k] for k in (1, 2))
    answers = {1: fake if fake_first else mask, 2: mask if fake_first else fake}
    for i in range(75):  # the first stands and is lost, the second comes up elsewhere and steps to that place
        x = 100.0 if i < 25 else 300.0 if i < 45 else max(100.0, 300.0 - 10 * (i - 45))
        track.match(frame(i / 25), [face(x)])
        track.vote([Judgement(d.id, answers[d.id], None) for d in track.due(5)])
    (person,) = track.tracks
    assert (person.id, person.was_fake) == (1, True)


def test_a_person_hidden_behind_another_does_not_take_over_their_name():
    track = tracker(lost_s=1.5)

    def labelled(t, xs):
        track.match(frame(t), [face(x, side=60) for x in xs])
        answers = {1: np.array([0, 0.01, 0.99], np.float32), 2: np.array([0.99, 0, 0.01], np.float32)}
        track.vote([Judgement(d.id, answers[d.id], None) for d in track.due(5)])

    for i in range(50):  # 1 comes from the left, 2 stands
        labelled(i / 25, [100 + 3 * i, 300])
    for i in range(50, 75):  # 1 is hidden behind 2
        labelled(i / 25, [300])
    by_id = {tr.id: tr for tr in track.tracks}
    assert by_id[2].seen_t == track.tracks[-1].seen_t == 74 / 25
    assert by_id[2].label == 0


def test_nobody_is_followed_from_one_file_into_the_next():
    track = tracker(lost_s=10.0)
    for i in range(20):
        track.match(frame(i / 25, origin=Path("a.mp4")), [face(100)])
    for i in range(20, 40):
        track.match(frame(i / 25, origin=Path("b.mp4")), [face(100)])
    assert [tr.id for tr in track.tracks] == [2]


def test_everybody_in_a_still_picture_is_judged():
    track = tracker()
    track.match(frame(0.0, still=True), [face(20 * i, side=18) for i in range(28)])
    assert len(track.due(15)) == 28


def judged_as(track, probs, t0, seconds, fps=25.0):
    """Feeds one face and judges whenever it is due; how often that was."""
    count = 0
    for i in range(round(seconds * fps)):
        t = t0 + i / fps
        track.match(frame(t), [face(100)])
        due = track.due(5)
        count += len(due)
        track.vote([Judgement(one.id, np.asarray(probs, np.float32), None) for one in due])
    return count


def test_who_is_decided_and_looks_the_same_is_judged_rarely():
    often, rarely = (
        tracker(stable_every_s=None, changing_every_s=None),
        tracker(stable_every_s=1.0, changing_every_s=None),
    )
    clear = (0.98, 0.01, 0.01)
    assert judged_as(often, clear, 0.0, 1.0) >= judged_as(rarely, clear, 0.0, 1.0) >= TrackSettings().fresh_judgements
    assert judged_as(often, clear, 1.0, 4.0) > 30
    assert judged_as(rarely, clear, 1.0, 4.0) <= 5


def test_who_is_in_doubt_is_judged_often():
    track = tracker(stable_every_s=1.0, changing_every_s=None)
    assert judged_as(track, (0.5, 0.1, 0.4), 0.0, 4.0) > 30


def test_another_look_is_judged_at_once():
    track = tracker(stable_every_s=10.0, changing_every_s=None)
    judged_as(track, (0.98, 0.01, 0.01), 0.0, 3.0)
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    track.match(Frame(300, 3.0, None, picture), [face(100)])
    assert len(track.due(5)) == 1


def test_a_lamp_is_no_other_look():
    from monitor.glance import Glance

    rng = np.random.default_rng(0)
    picture = np.repeat(np.repeat(rng.integers(40, 120, (48, 64, 3)), 10, 0), 10, 1).astype(np.uint8)
    glance, one = Glance(), face(100)
    assert glance.calm(Frame(0, 0.0, None, picture), [(1, one)]) == frozenset()
    glance.judged([1])
    brighter = np.clip(picture * 1.4 + 20, 0, 255).astype(np.uint8)
    assert glance.calm(Frame(1, 0.1, None, brighter), [(1, one)]) == {1}
    assert glance.calm(Frame(2, 0.2, None, picture[::-1].copy()), [(1, one)]) == frozenset()
    assert glance.calm(Frame(3, 0.5, None, picture), [(1, one)]) == frozenset()
    assert glance.calm(Frame(4, 1.3, None, picture), [(1, one)]) == {1}

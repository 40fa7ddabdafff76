"""What the door says: seconds, not frames; the worst of several; doubt and silence never open."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.kiosk.facts import SEVERITY, Decision, Standing, State
from monitor.kiosk.policy import Door
from monitor.kiosk_settings import PolicySettings
from monitor.types import Gap, Track
from tests.monitor.scenes import CLASSES, scene, track

NEAR = (10.0, 10.0, 30.0, 34.0)  # 24 of 48 px high
FAR = (10.0, 10.0, 13.0, 14.0)
FPS = 25


@dataclass
class Entrance:
    """A door, its clock, and everything it decided."""

    door: Door
    t: float = 0.0
    decided: list[Decision] = field(default_factory=list)
    standing: Standing = field(default_factory=lambda: Standing(State.STARTING, 0.0))
    index: int = 0

    def see(self, seconds: float, *tracks: Track) -> State:
        for _ in range(max(1, round(seconds * FPS))):
            self.standing, decided = self.door.see(scene(self.index, self.t, *map(self._now, tracks)))
            self.decided += decided
            self.t += 1 / FPS
            self.index += 1
        return self.standing.state

    def _now(self, one: Track) -> Track:
        """Found, and judged, in this frame, unless the test says when."""
        seen_t, judged_t = (self.t if t == 1e9 else t for t in (one.seen_t, one.judged_t))
        return replace(one, seen_t=seen_t, judged_t=judged_t)

    def miss(self, state: str, why: str = "") -> State:
        self.standing, decided = self.door.miss(Gap(state, 1.0, why), self.t)
        self.decided += decided
        self.t += 0.25
        return self.standing.state

    def said(self, kind: str) -> list[str]:
        return [one.state for one in self.decided if one.kind == kind]


def entrance(**policy: Any) -> Entrance:
    names = itertools.count(1)
    return Entrance(Door(PolicySettings(**policy), CLASSES, lambda: f"p{next(names)}"))


@pytest.mark.parametrize(
    ("require", "label", "state"),
    [
        ("mask", "mask", State.WELCOME), ("mask", "real", State.PUT_ON), ("mask", "fake", State.STAFF),
        ("no_mask", "real", State.WELCOME), ("no_mask", "mask", State.TAKE_OFF), ("no_mask", "fake", State.STAFF),
        ("none", "real", State.WELCOME), ("none", "mask", State.WELCOME), ("none", "fake", State.STAFF),
    ],
)  # fmt: skip
def test_what_a_label_means_under_each_policy(require: str, label: str, state: State) -> None:
    door = entrance(require=require)
    assert door.see(0.2, track(1, label)) is State.LOOK  # a decision takes its dwell time
    assert door.see(0.3, track(1, label)) is state
    assert door.said("person") == [state.value]


def test_fakes_that_are_not_denied_count_as_bare_faces() -> None:
    assert entrance(deny=(), require="no_mask").see(1, track(1, "fake")) is State.WELCOME
    assert entrance(deny=(), require="mask").see(1, track(1, "fake")) is State.PUT_ON


def test_undecided_never_opens_and_goes_to_the_staff_in_the_end() -> None:
    door = entrance(staff_after_s=5)
    assert door.see(4.9, track(1)) is State.LOOK
    assert door.see(1.0, track(1)) is State.STAFF
    assert "welcome" not in door.said("person") + door.said("door")


def test_who_was_fake_stays_with_the_staff_behind_a_mask() -> None:
    masked = replace(track(1, "mask"), was_fake=True)
    assert entrance().see(1, masked) is State.STAFF


def test_the_worst_of_several_wins_and_each_has_a_state_of_its_own() -> None:
    door = entrance()
    people = [track(1, "mask"), track(2, "real", box=(40, 10, 60, 34)), track(3, "fake", box=(32, 10, 52, 34))]
    assert door.see(1, people[0]) is State.WELCOME
    assert door.see(1, *people[:2]) is State.PUT_ON
    assert door.see(1, *people) is State.STAFF
    assert [v.state for v in door.standing.visitors] == [State.WELCOME, State.PUT_ON, State.STAFF]


def test_small_faces_are_asked_closer_unless_somebody_is_at_the_door() -> None:
    door = entrance()
    far = track(2, "mask", box=FAR)
    assert door.see(0.1, far) is State.CLOSER
    assert door.see(1, far, track(1, "mask")) is State.WELCOME
    assert door.said("person") == ["welcome"]


def test_nobody_stands_at_the_line() -> None:
    """Who was near enough is not sent back and forth by a box that breathes."""
    door = entrance(near_share=0.5)
    assert door.see(1, track(1, "mask")) is State.WELCOME
    a_little_smaller = track(1, "mask", box=(10, 10, 30, 32))
    assert door.see(1, a_little_smaller) is State.WELCOME
    assert entrance(near_share=0.5).see(1, a_little_smaller) is State.CLOSER


def test_a_head_that_turns_keeps_its_welcome_for_the_grace_alone() -> None:
    door = entrance(grace_s=1.0)
    door.see(1, track(1, "mask"))
    assert door.see(0.9, track(1)) is State.WELCOME
    assert door.see(0.3, track(1)) is State.LOOK


def test_who_is_not_found_any_more_is_not_welcome_for_long() -> None:
    door = entrance(grace_s=0.5)
    door.see(1, track(1, "mask"))
    coasting = track(1, "mask", seen_t=door.t)
    assert door.see(0.4, coasting) is State.WELCOME
    assert door.see(1.2, coasting) is State.LOOK


def test_a_label_that_nobody_judges_any_more_does_not_keep_the_door_open() -> None:
    """An engine that hangs: frames come, faces are found, and labels stay as they were."""
    door = entrance(fresh_s=2.0, grace_s=0.5)
    door.see(1, track(1, "mask"))
    stale = track(1, "mask", judged_t=door.t)
    assert door.see(2.0, stale) is State.WELCOME
    assert door.see(0.7, stale) is State.LOOK
    assert door.said("person") == ["welcome"]
    assert door.see(1, track(1, "mask")) is State.WELCOME  # and it goes on with the next judgement


def test_a_label_that_is_old_decides_nothing() -> None:
    for label in ("mask", "real"):
        door = entrance(fresh_s=2.0)
        door.t = 10.0
        assert door.see(1, track(1, label, judged_t=7.9)) is State.LOOK
        assert door.said("person") == []
    assert entrance().see(1, track(1, "fake", judged_t=-9.0)) is State.STAFF  # what was fake stays so


def test_in_a_crowd_a_label_may_wait_longer_for_its_turn() -> None:
    """The engine works: somebody else has just been judged."""
    crowd = (track(2, "mask"), track(3, "mask"))
    door = entrance(fresh_s=2.0, grace_s=0.5)
    door.see(1, track(1, "mask"), *crowd)
    waits = track(1, "mask", judged_t=door.t)
    assert door.see(5.9, waits, *crowd) is State.WELCOME
    assert door.see(0.8, waits, *crowd) is State.LOOK


def test_a_mask_taken_off_is_noticed_after_the_dwell() -> None:
    door = entrance(dwell_s=0.4)
    door.see(1, track(1, "mask"))
    assert door.see(0.36, track(1, "real")) is State.WELCOME
    assert door.see(0.1, track(1, "real")) is State.PUT_ON


def test_a_welcome_does_not_outlive_what_speaks_against_it_however_that_changes() -> None:
    door = entrance(require="no_mask", near_share=0.2)
    door.see(1, track(1, "real"))
    for _ in range(4):
        door.see(0.16, track(1, "mask"))
        door.see(0.16, track(1, "mask", box=FAR))
    assert door.standing.state is not State.WELCOME


def test_a_single_sure_frame_does_not_put_off_the_staff() -> None:
    door = entrance(staff_after_s=5)
    for _ in range(3):
        door.see(1.8, track(1))
        door.see(0.04, track(1, "mask"))
    assert door.standing.state is State.STAFF


def test_who_went_away_for_a_while_has_time_again() -> None:
    door = entrance(staff_after_s=5)
    door.see(3, track(1))
    door.see(4, track(1, box=FAR))
    assert door.see(3, track(1)) is State.LOOK


def test_who_sways_at_the_edge_of_the_area_is_one_visit() -> None:
    door = entrance(zone=((0.0, 0.0), (0.32, 0.0), (0.32, 1.0), (0.0, 1.0)), staff_after_s=5)
    for _ in range(10):
        door.see(0.4, track(1))  # its centre is at 0.3125
        door.see(0.4, track(1, box=(12.0, 10.0, 32.0, 34.0)))
    assert door.said("person") == ["staff"]
    assert door.see(1.0, track(1, box=(30.0, 10.0, 50.0, 34.0))) is not State.WELCOME
    assert door.said("person") == ["staff", "left"]


def test_who_is_not_found_is_not_welcome_longer_than_the_grace() -> None:
    door = entrance(grace_s=0.8)
    door.see(1, track(1, "mask"))
    coasting = track(1, "mask", seen_t=door.t)
    assert door.see(0.76, coasting) is State.WELCOME
    assert door.see(0.12, coasting) is State.LOOK


def test_the_end_of_the_program_is_the_end_of_a_welcome() -> None:
    door = entrance()
    door.see(1, track(1, "mask"))
    standing, decisions = door.door.end("the program has stopped", door.t)
    assert standing.state is State.FAULT
    assert [(one.kind, one.state) for one in decisions] == [("door", "fault"), ("person", "left")], "the door first"
    assert door.see(1, track(2, "mask")) is State.WELCOME  # after a pause it goes on
    assert door.said("door")[-1] == "welcome"


def test_the_staff_does_not_hide_a_lost_camera() -> None:
    door = entrance()
    door.see(0.1)
    door.door.override(State.WELCOME, door.t + 60)
    assert door.miss("lost") is State.WELCOME
    assert door.door.own is State.LOST


def test_a_flickering_label_decides_nothing() -> None:
    door = entrance(dwell_s=0.3)
    for _ in range(20):
        door.see(0.16, track(1, "mask"))
        door.see(0.16, track(1, "real"))
    assert door.said("person") == []
    assert door.standing.state is State.LOOK


def test_the_zone_decides_who_is_at_the_door() -> None:
    door = entrance(zone=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    assert door.see(1, track(1, "real")) is State.IDLE  # its centre is at 0.31
    assert door.see(1, track(1, "real"), track(2, "mask", box=(40, 10, 60, 34))) is State.WELCOME
    door.door.place((), 0.12)
    assert door.see(1, track(1, "real"), track(2, "mask", box=(40, 10, 60, 34))) is State.PUT_ON


def test_what_was_said_of_who_is_gone_is_held_but_a_welcome_is_not() -> None:
    door = entrance(hold_s=2.0)
    door.see(1, track(1, "real"))
    assert door.see(1.5) is State.PUT_ON
    assert door.see(1.0) is State.IDLE
    door.see(1, track(2, "mask"))
    assert door.see(0.04) is State.IDLE


def test_the_next_person_is_not_judged_by_the_one_before() -> None:
    door = entrance(hold_s=5.0)
    door.see(1, track(1, "real"))
    door.see(0.5)
    assert door.see(0.5, track(2, "mask")) is State.WELCOME


@pytest.mark.parametrize("gap", ["stalled", "lost", "connecting"])
def test_no_picture_closes_at_once(gap: str) -> None:
    door = entrance()
    door.see(1, track(1, "mask"))
    assert door.miss(gap, "it does not answer") is State.LOST
    assert door.standing.visitors == ()
    assert door.standing.why == "it does not answer"
    assert door.said("person") == ["welcome", "left"]
    assert door.see(1, track(7, "mask")) is State.WELCOME  # and it comes back by itself


def test_a_frame_that_is_only_not_due_changes_nothing() -> None:
    door = entrance()
    door.see(1, track(1, "mask"))
    before = len(door.decided)
    assert door.miss("live") is State.WELCOME
    assert len(door.standing.visitors) == 1
    assert len(door.decided) == before


def test_before_the_first_picture_it_is_starting() -> None:
    door = entrance()
    assert door.miss("connecting") is State.STARTING
    assert door.miss("lost") is State.LOST
    assert door.miss("connecting") is State.LOST


def test_the_staff_has_the_last_word_for_a_while() -> None:
    door = entrance()
    door.see(1, track(1, "fake"))
    door.door.override(State.WELCOME, door.t + 2)
    assert door.see(1, track(1, "fake")) is State.WELCOME
    assert door.standing.overridden
    assert door.see(2, track(1, "fake")) is State.STAFF
    assert not door.standing.overridden
    assert door.said("door")[-2:] == ["welcome", "staff"]


def test_an_admission_that_ends_between_two_frames_does_not_stay() -> None:
    door = entrance()
    door.see(1, track(1, "real"))
    door.door.override(State.WELCOME, door.t + 0.2)
    assert door.miss("live") is State.WELCOME
    assert door.miss("live") is State.PUT_ON


def test_a_decision_carries_what_it_rests_on() -> None:
    door = entrance()
    door.see(1, track(4, "real", p=0.9, judgements=7))
    [decision] = [one for one in door.decided if one.kind == "person"]
    assert decision.person == "p1"
    assert decision.evidence["probs"] == {"real": 0.9, "fake": 0.05, "mask": 0.05}
    assert decision.evidence["label"] == "real"
    assert decision.evidence["judgements"] == 7
    assert decision.evidence["here_s"] == pytest.approx(0.32, abs=0.05)
    door.see(0.1)
    left = door.decided[-1] if door.decided[-1].state == "left" else door.decided[-2]
    assert left.evidence == {"track": 4, "here_s": 1.0, "last": "put_on", "first": "put_on", "waited_s": None}


def test_the_wait_for_a_welcome_is_told() -> None:
    door = entrance()
    door.see(2, track(1, "real"))
    door.see(1, track(1, "mask"))
    door.see(0.04)
    left = next(one for one in door.decided if one.state == "left")
    assert left.evidence["first"] == "put_on"
    assert left.evidence["waited_s"] == pytest.approx(2.3, abs=0.1)


LOOKS = st.sampled_from(["real", "fake", "mask", None, "gone"])
STEPS = st.lists(st.tuples(LOOKS, LOOKS, st.floats(0.04, 1.5)), max_size=25)


@given(STEPS, st.sampled_from(["mask", "no_mask", "none"]))
def test_it_opens_only_where_everybody_is_welcome(steps: Iterable[tuple[Any, Any, float]], require: str) -> None:
    door = entrance(require=require, grace_s=0.0)
    for first, second, seconds in steps:
        people = [track(i, label) for i, label in ((1, first), (2, second)) if label != "gone"]
        state = door.see(seconds, *people)
        worst = max((v.state for v in door.standing.visitors), key=SEVERITY.__getitem__, default=None)
        if worst is not None:
            assert state is worst
        if state is State.WELCOME:
            wanted = {"mask": {"mask"}, "no_mask": {"real"}, "none": {"real", "mask"}}[require]
            assert {first, second} - {"gone"} <= wanted or seconds < 0.4  # within the dwell the old word holds

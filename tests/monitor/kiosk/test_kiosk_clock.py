"""Which clock may remove old events: not one that was just set, nor one that nobody has looked after yet."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import pytest

from monitor.kiosk.clock import Clock, steady_s

DAY_S = 86400.0
KEEP_S = 30 * DAY_S


@dataclass
class Machine:
    """Its clock on the wall, and the steady one."""

    wall_s: float = 1e9
    steady_s: float = 0.0

    def clock(self, last_at: float | None = None) -> Clock:
        return Clock(last_at, KEEP_S, lambda: self.wall_s, lambda: self.steady_s)

    def on_for(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def test_a_clock_that_was_set_removes_nothing_for_a_day() -> None:
    machine = Machine()
    clock = machine.clock()

    def passes(seconds: float) -> bool:
        machine.on_for(seconds)
        return clock.trusted()

    assert passes(3600)
    machine.wall_s += 31 * DAY_S
    assert not passes(3600)
    assert not passes(20 * 3600)
    assert passes(4 * 3600)
    machine.wall_s -= 31 * DAY_S
    assert not passes(60)


def test_nothing_is_removed_before_a_clock_may_have_been_set_right() -> None:
    machine = Machine()
    clock = machine.clock(last_at=machine.wall_s - DAY_S)
    machine.on_for(3500)
    assert not clock.trusted()
    machine.on_for(200)
    assert clock.trusted()


def test_a_machine_that_is_on_by_day_only_removes_old_events_by_day() -> None:
    """It has no clock of its own: it begins with last evening's, and the network sets it right."""
    for _ in range(3):
        machine = Machine()
        clock = machine.clock(last_at=machine.wall_s - 60)
        machine.on_for(100)
        assert not clock.trusted()
        machine.wall_s += 12 * 3600
        machine.on_for(1)
        assert not clock.trusted()
        machine.on_for(3700)
        assert clock.trusted()


def test_set_right_or_wrong_after_the_start_everything_that_is_old_then_stays_for_a_day() -> None:
    machine = Machine()
    clock = machine.clock(last_at=machine.wall_s - 60)
    machine.wall_s += 60 * DAY_S
    assert not clock.trusted()
    machine.on_for(20 * 3600)
    assert not clock.trusted()


def test_a_clock_by_which_everything_is_old_removes_nothing_for_a_day() -> None:
    """Five years ahead, until the network is there; or right, and the door was closed for five years."""
    last_at = Machine().wall_s
    machine = Machine(wall_s=last_at + 5 * 365 * DAY_S)
    clock = machine.clock(last_at)
    machine.on_for(20 * 3600)
    assert not clock.trusted()
    machine.on_for(5 * 3600)
    assert clock.trusted()
    machine.wall_s = last_at  # set right at last
    assert not clock.trusted()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the steady clock may stand still")
def test_a_machine_that_sleeps_at_night_is_trusted_by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux stops the monotonic clock in sleep, and only that: it is no reason to mistrust the one on the wall."""
    slept_s = [0.0]
    system = time.clock_gettime
    monkeypatch.setattr(
        time, "clock_gettime", lambda which: system(which) + (slept_s[0] if which == time.CLOCK_BOOTTIME else 0)
    )
    clock = Clock(None, KEEP_S, lambda: 1e9 + slept_s[0], steady_s)
    for _ in range(3):
        slept_s[0] += 8 * 3600.0
        assert clock.trusted()

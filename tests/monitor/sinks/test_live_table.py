from __future__ import annotations

import io

import pytest
from rich.console import Console

from engines.contract import EngineInfo
from monitor.sinks.live_table import LiveTable
from monitor.types import Gap
from tests.monitor.scenes import CLASSES, scene, track

ENGINE = EngineInfo("onnxruntime", "int8", "cpu", "", "")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(terminal: bool) -> tuple[LiveTable, Clock, io.StringIO]:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=terminal, width=100, legacy_windows=False)
    return LiveTable("camera 0", CLASSES, ENGINE, console, clock), clock, out


def test_plain_lines_every_few_seconds_where_nobody_sits_at_a_terminal() -> None:
    table, clock, out = opened(terminal=False)
    for i in range(300):
        clock.now = i / 25
        table.write(scene(i, i / 25, track(1, "mask", p=0.97), track(2)))
    table.close()
    lines = out.getvalue().splitlines()
    assert 2 <= len(lines) <= 4
    assert "camera 0" in lines[-1]
    assert "25.0 fps" in lines[-1]
    assert "#1 mask 97%" in lines[-1]
    assert "#2 undecided" in lines[-1]
    assert "\x1b" not in out.getvalue()


def test_a_change_of_state_is_told_at_once() -> None:
    table, clock, out = opened(terminal=False)
    table.write(scene(0, 0.0))
    clock.now = 0.1
    table.write(Gap("live", 0.5))
    table.write(Gap("lost", 5.2, "[no answer]"))
    clock.now = 0.2
    table.write(Gap("lost", 5.3, "[no answer]"))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "lost for 5 s ([no answer])" in lines[1]


def test_dropped_frames_are_counted() -> None:
    table, clock, out = opened(terminal=False)
    for index in (0, 1, 5):
        clock.now += 10
        table.write(scene(index, clock.now))
    assert "3 frames · 3 dropped" in out.getvalue().splitlines()[-1]


@pytest.mark.parametrize("fps", [25, 200])
def test_a_terminal_is_drawn_at_most_four_times_a_second(fps: int) -> None:
    table, clock, out = opened(terminal=True)
    sizes = set()
    for i in range(2 * fps):
        clock.now = i / fps
        table.write(scene(i, i / fps, track(1, "fake", p=0.8)))
        sizes.add(len(out.getvalue()))
    assert 7 <= len(sizes) <= 10
    table.close()
    table.close()
    assert any("camera 0" in line and "onnxruntime int8" in line for line in out.getvalue().splitlines())
    for word in ("#1", "fake", "80%", "confidence"):
        assert word in out.getvalue()


def test_a_crowd_is_cut() -> None:
    table, _, out = opened(terminal=True)
    table.write(scene(0, 0.0, *(track(i, "real") for i in range(60))))
    table.close()
    assert "and 40 more" in out.getvalue()

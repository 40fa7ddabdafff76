"""Hand-over between threads: what arrives, whose exception is raised where, and that nobody is left waiting."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from monitor.errors import SinkError, SourceError
from monitor.threads import Ahead, Caller, Freshest, Queued, gap, queued, readers
from monitor.types import Frame, Gap
from tests.fakes import ScriptedSource, SlowSink, frame, scene

LONG_S = 20.0


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [t.name for t in threading.enumerate() if t not in before]
    assert not left


def _indices(source: Freshest | Ahead) -> list[int]:
    found = []
    while isinstance(item := source.read(LONG_S), Frame):
        found.append(item.index)
    assert item is None
    return found


# --- Freshest ---------------------------------------------------------------------------------------------------


def test_freshest_keeps_only_the_newest_frame() -> None:
    source = ScriptedSource([frame(i) for i in range(5)])
    freshest = Freshest(source)
    assert source.silent.wait(LONG_S)
    first = freshest.read(LONG_S)
    assert isinstance(first, Frame)
    assert first.index == 4  # 0 to 3 were replaced: the gap in the index tells
    assert isinstance(freshest.read(0.01), Gap)
    freshest.close()


def test_freshest_raises_the_threads_error_after_the_last_frame_and_again() -> None:
    freshest = Freshest(ScriptedSource([frame(7), SourceError("unplugged")]))
    freshest._thread.join(LONG_S)
    assert freshest.read(LONG_S).index == 7  # type: ignore[union-attr]
    for _ in range(2):
        with pytest.raises(SourceError, match="unplugged"):
            freshest.read(LONG_S)
    freshest.close()


def test_dead_producer_wakes_a_waiting_consumer() -> None:
    go = threading.Event()
    freshest = Freshest(ScriptedSource([lambda: go.wait(LONG_S), SourceError("gone")]))
    threading.Timer(0.05, go.set).start()
    with pytest.raises(SourceError, match="gone"):
        freshest.read(10 * LONG_S)  # longer than the test may take
    freshest.close()


def test_freshest_ends_with_its_source() -> None:
    freshest = Freshest(ScriptedSource([frame(0), None]))
    assert _indices(freshest) == [0]
    assert freshest.read(LONG_S) is None
    freshest.close()


def test_states_come_from_the_time_since_the_last_frame_while_the_inner_read_blocks() -> None:
    go = threading.Event()
    source = ScriptedSource([lambda: go.wait(LONG_S), frame(0)])
    freshest = Freshest(source, stall_s=0.3)

    def states() -> list[str]:
        seen: list[str] = []
        for _ in range(1000):
            item = freshest.read(0.01)
            assert isinstance(item, Gap)
            seen += [item.state] if item.state not in seen else []
            if item.state == "lost":
                assert item.since_s >= 0.3
                return seen
        raise AssertionError("never lost")

    assert states() == ["connecting", "lost"]
    go.set()
    assert isinstance(freshest.read(LONG_S), Frame)
    assert states() == ["live", "lost"]
    freshest.close()


def test_a_silent_source_is_first_slow_then_stalled_then_lost() -> None:
    times = (0.0, 0.9, 1.1, 4.9, 5.0)
    assert [gap(t, ever=True, stall_s=5).state for t in times] == ["live", "live", "stalled", "stalled", "lost"]
    assert [gap(t, ever=False, stall_s=5).state for t in times] == [*["connecting"] * 4, "lost"]
    assert gap(0.6, ever=True, stall_s=0.5, why="x") == Gap("lost", 0.6, "x")


def test_a_gap_of_the_source_gives_its_reason_until_the_next_frame() -> None:
    source = ScriptedSource([Gap("lost", 0.0, "connection refused")])
    freshest = Freshest(source)
    assert source.silent.wait(LONG_S)
    item = freshest.read(0.01)
    assert isinstance(item, Gap)
    assert item.why == "connection refused"
    freshest.close()


def test_close_during_a_blocked_read_releases_the_device() -> None:
    source = ScriptedSource([])
    freshest = Freshest(source)
    assert source.silent.wait(LONG_S)
    freshest.close()
    assert source.closed.is_set()
    assert freshest.read(LONG_S) is None  # at once
    freshest.close()


# --- Ahead ------------------------------------------------------------------------------------------------------


def test_ahead_gives_every_frame_in_order_at_any_depth() -> None:
    for depth in (1, 3, 50):
        ahead = Ahead(ScriptedSource([*map(frame, range(20)), None], live=False), depth)
        assert _indices(ahead) == list(range(20))
        ahead.close()


def test_ahead_waits_when_full_and_a_consumer_that_stops_does_not_hold_its_thread() -> None:
    source = ScriptedSource([frame(i) for i in range(100)], live=False)
    ahead = Ahead(source, depth=4)
    assert isinstance(ahead.read(LONG_S), Frame)
    ahead._thread.join(0.5)  # it waits for room, and would go on without a limit
    ahead.close()
    assert source.reads <= 1 + 4 + 1 + 1  # taken, in the queue, waiting to enter, one after close


@pytest.mark.parametrize(("most_frames", "early"), [(4, 4), (0.5, 1)])
def test_ahead_holds_no_more_than_its_bytes_but_at_least_one_frame(
    most_frames: float, early: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MOST_BYTES", most_frames * frame(0).bgr.nbytes)
    source = ScriptedSource([*map(frame, range(20)), None], live=False)
    ahead = Ahead(source, depth=8)
    ahead._thread.join(1.0)  # it waits for room
    assert source.reads == early + 1
    assert _indices(ahead) == list(range(20))
    ahead.close()


def test_ahead_raises_the_decoders_error_where_it_happened() -> None:
    ahead = Ahead(ScriptedSource([frame(0), frame(1), SourceError("broken")], live=False))
    assert [ahead.read(LONG_S).index for _ in range(2)] == [0, 1]  # type: ignore[union-attr]
    with pytest.raises(SourceError, match="broken"):
        ahead.read(LONG_S)
    ahead.close()


# --- Queued -----------------------------------------------------------------------------------------------------


def test_queued_writes_everything_in_order_and_close_waits_for_the_rest() -> None:
    sink = SlowSink()
    queued = Queued(sink, depth=2)
    items = [scene(i) for i in range(10)]
    for item in items:
        queued.write(item)
    queued.close()
    queued.close()
    assert sink.items == items
    assert sink.closed == 1
    assert queued.dropped == 0


def test_queued_drops_the_oldest_and_counts() -> None:
    sink = SlowSink()
    sink.gate.clear()
    queued = Queued(sink, depth=2, when_full="drop")
    queued.write(scene(0))
    assert sink.entered.wait(LONG_S)
    for i in range(1, 6):
        queued.write(scene(i))
    sink.gate.set()
    queued.close()
    assert [item.frame.index for item in sink.items] == [0, 4, 5]  # type: ignore[union-attr]
    assert queued.dropped == 3


def test_queued_drops_what_is_too_heavy_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    one = scene(0)
    drawn = replace(one, canvas=one.frame.bgr)  # with the overlay it weighs twice as much
    monkeypatch.setattr(queued, "MOST_BYTES", 4 * one.frame.bgr.nbytes)
    sink = SlowSink()
    sink.gate.clear()
    slow = Queued(sink, depth=16, when_full="drop")
    slow.write(one)
    assert sink.entered.wait(LONG_S)
    for _ in range(5):
        slow.write(drawn)
    assert slow.dropped == 3
    sink.gate.set()
    slow.close()
    assert len(sink.items) == 1 + 2


@pytest.mark.parametrize("when_full", ["wait", "drop"])
def test_queued_raises_the_sinks_error_at_the_next_write_and_not_again_at_close(when_full: str) -> None:
    queued = Queued(SlowSink(fail_at=0), when_full=when_full)  # type: ignore[arg-type]
    queued.write(scene(0))
    queued._thread.join(LONG_S)
    with pytest.raises(OSError, match="disk full"):
        queued.write(scene(1))
    queued.close()


def test_queued_raises_an_unseen_error_at_close() -> None:
    sink = SlowSink(fail_at=1)
    queued = Queued(sink)
    queued.write(scene(0))
    queued.write(scene(1))
    with pytest.raises(OSError, match="disk full"):
        queued.close()
    assert sink.closed == 1


def test_a_hanging_sink_raises_and_close_frees_its_thread() -> None:
    sink = SlowSink()
    sink.gate.clear()
    queued = Queued(sink, depth=1, wait_s=0.05)
    queued.write(scene(0))
    assert sink.entered.wait(LONG_S)
    queued.write(scene(1))
    with pytest.raises(SinkError, match="took nothing"):
        queued.write(scene(2))
    queued.close()  # the sink's own close opens the gate
    with pytest.raises(SinkError, match="closed"):
        queued.write(scene(3))


# --- Caller -----------------------------------------------------------------------------------------------------


def test_caller_makes_all_calls_on_one_prepared_thread() -> None:
    seen: list[str] = []
    caller = Caller(lambda: seen.append(threading.current_thread().name), name="guard")
    names = {caller.call(lambda: threading.current_thread().name, timeout_s=LONG_S) for _ in range(3)}
    assert seen == ["guard"]
    assert names == {"guard"}
    assert caller.call(divmod, 7, 2, timeout_s=LONG_S) == (3, 1)
    caller.close()


def test_caller_raises_what_the_call_raises_and_goes_on() -> None:
    caller = Caller()
    with pytest.raises(ZeroDivisionError):
        caller.call(divmod, 1, 0, timeout_s=LONG_S)
    assert caller.call(divmod, 1, 1, timeout_s=LONG_S) == (1, 0)
    caller.close()


def test_caller_raises_what_prepare_raised() -> None:
    def refuse() -> None:
        raise PermissionError("no seccomp")

    caller = Caller(refuse)
    for _ in range(2):
        with pytest.raises(PermissionError, match="no seccomp"):
            caller.call(int, timeout_s=LONG_S)
    caller.close()


def test_caller_times_out_and_skips_calls_nobody_waits_for() -> None:
    gate = threading.Event()
    ran: list[int] = []
    caller = Caller()
    with pytest.raises(TimeoutError):
        caller.call(gate.wait, LONG_S, timeout_s=0.05)
    with pytest.raises(TimeoutError):
        caller.call(ran.append, 1, timeout_s=0.05)
    gate.set()
    assert caller.call(lambda: "fine", timeout_s=LONG_S) == "fine"
    assert ran == []
    caller.close()


def test_caller_says_that_it_is_closed() -> None:
    caller = Caller()
    caller.close()
    with pytest.raises(RuntimeError, match="closed"):
        caller.call(int, timeout_s=LONG_S)


def test_calls_are_made_later_in_their_order_and_errors_come_back() -> None:
    with closing(Caller(depth=2)) as later:
        first, second = later.ask(lambda: 1), later.ask(lambda: 1 / 0)
        assert first.get() == 1
        with pytest.raises(ZeroDivisionError):
            second.get()
    with pytest.raises(RuntimeError, match="closed"):
        later.ask(lambda: 2)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority holds for the whole process")
def test_a_caller_that_yields_steps_back_alone() -> None:
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    with closing(Caller(yields=True)) as meek, closing(Caller()) as plain:
        before = nice()
        assert meek.ask(nice).get() > plain.ask(nice).get() == before == nice()

"""The loop for several cameras: whoever has a new frame is in the round. A generator that owns nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Protocol

from monitor.loop import WAIT_S
from monitor.ports import Source
from monitor.several.turns import JudgeOfAll, Turns
from monitor.track import Tracker
from monitor.types import Box, Face, Frame, Gap, Scene

ENDED = "ended"
"""The state of a Gap that is the last item of its camera."""
Item = tuple[int, Scene | Gap]
"""(number of the camera, what it shows)"""


class SearchOfAll(Protocol):
    """As `monitor.ports.Detector`, for several frames at the same time."""

    def find(self, asked: Sequence[tuple[Frame, Sequence[Box]]]) -> list[tuple[Face, ...]]: ...


def rounds(
    sources: Mapping[int, Source], wait: Callable[[float], object], search: SearchOfAll, judge: JudgeOfAll,
    trackers: Mapping[int, Tracker], share: float,
) -> Iterator[list[Item]]:  # fmt: skip
    """What each camera shows, round by round, until all have ended; an empty round where nothing happens for a while.

    `wait(seconds)` ends early when any source has something new. No source is waited for, and none is asked twice in a
    round: a fast one takes no turn of a slow one. Errors of the parts come through as they are.
    """
    turns = Turns(judge, trackers, share)
    open_sources = dict(sources)
    while open_sources:
        started = perf_counter()
        frames: dict[int, Frame] = {}
        told: list[Item] = []
        for number, source in list(open_sources.items()):
            item = source.read(0)
            if isinstance(item, Frame):
                frames[number] = item
            elif item is None:
                del open_sources[number]
                told.append((number, Gap(ENDED, 0.0)))
            elif item.state != "live":
                told.append((number, item))
        read_ms = 1e3 * (perf_counter() - started)
        if frames:
            told += _scenes(frames, search, turns, trackers, read_ms)
        yield told
        if not frames:
            wait(WAIT_S)


def _scenes(
    frames: Mapping[int, Frame], search: SearchOfAll, turns: Turns, trackers: Mapping[int, Tracker], read_ms: float
) -> Iterator[Item]:
    begun = perf_counter()
    found = search.find([(frame, trackers[number].expected(frame.t)) for number, frame in frames.items()])
    searched = perf_counter()
    for (number, frame), faces in zip(frames.items(), found, strict=True):
        trackers[number].match(frame, faces)
    shared = {"read": read_ms, "detect": 1e3 * (searched - begun), "match": 1e3 * (perf_counter() - searched)}
    judged = turns.step(frames)
    for number, frame in frames.items():
        yield number, Scene(frame, trackers[number].tracks, {**shared, **judged[number]})

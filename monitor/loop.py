"""The program: source -> detector -> match -> due -> judge -> vote -> scene, as a generator that owns nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from monitor.budget import Budget
from monitor.ports import Detector, Source
from monitor.track import Tracker
from monitor.types import Frame, Gap, Judgement, Scene, Track

Judge = Callable[[Frame, Sequence[Track]], tuple[Judgement, ...]]
WAIT_S = 0.25
"""How long a live source may keep us waiting before it has to say that it has nothing."""


def scenes(source: Source, detector: Detector, judge: Judge, tracker: Tracker, budget: Budget) -> Iterator[Scene | Gap]:
    """One Scene for each frame of the source, a Gap while a live source has none; ends with the source.

    Holds no resource and starts no thread: breaking out is always safe. Errors of the parts come through as they are.
    """
    while True:
        started = perf_counter()
        frame = source.read(WAIT_S)
        if frame is None:
            return
        if isinstance(frame, Gap):
            yield frame
            continue
        read = perf_counter()
        faces = detector.detect(frame, tracker.expected(frame.t))
        detected = perf_counter()
        tracker.match(frame, faces)
        due = tracker.due(budget.allow(frame.t))
        matched = perf_counter()
        if due:
            tracker.vote(judge(frame, due))
        classified = perf_counter()
        budget.spent(len(due), classified - matched)
        ms = {
            "read": 1e3 * (read - started),
            "detect": 1e3 * (detected - read),
            "match": 1e3 * (matched - detected),
            "classify": 1e3 * (classified - matched),
        }
        yield Scene(frame, tracker.tracks, ms)

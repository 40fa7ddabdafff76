"""The program: source -> detector -> match -> due -> judge -> vote -> scene, as a generator that owns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from monitor.budget import Budget
from monitor.ports import Asked, Detector, Judge, Source
from monitor.track import Round, Tracker
from monitor.types import Frame, Gap, Scene

WAIT_S = 0.25
"""How long a live source may keep us waiting before it has to say that it has nothing."""


def scenes(source: Source, detector: Detector, judge: Judge, tracker: Tracker, budget: Budget) -> Iterator[Scene | Gap]:
    """One Scene for each frame of the source, a Gap while a live source has none; ends with the source.

    Holds no resource and starts no thread: breaking out is always safe. Errors of the parts come through as they are.
    """
    judging = Judging(judge, tracker, budget)
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
        matched = perf_counter()
        ms = {"read": 1e3 * (read - started), "detect": 1e3 * (detected - read), "match": 1e3 * (matched - detected)}
        ms |= judging.step(frame)
        yield Scene(frame, tracker.tracks, ms)


class Judging:
    """Judgements of one source's tracks, asked for frame by frame; one asking at a time is under way.

    A judge that answers at once is heard in the same frame, one that works beside the loop in whichever frame its
    answer is there: the loop never waits for it, except in a picture that stands alone.
    """

    def __init__(self, judge: Judge, tracker: Tracker, budget: Budget) -> None:
        self._judge, self._tracker, self._budget = judge, tracker, budget
        self._waiting: tuple[Asked, Round] | None = None

    def step(self, frame: Frame) -> dict[str, float]:
        """Hears what was said, asks again; {"crop", "classify": ms} as far as they happened. Raises InferenceError."""
        ms: dict[str, float] = {}
        self._hear(ms, wait=False)
        if self._waiting is None:
            due = self._tracker.due(self._budget.allow(frame))
            if due:
                asked = self._judge.ask(frame, due)
                self._waiting = asked, self._tracker.asked(asked.asked)
                ms["crop"] = 1e3 * asked.cut_s
                self._hear(ms, wait=frame.still)
        return ms

    def _hear(self, ms: dict[str, float], *, wait: bool) -> None:
        if self._waiting is None or not (wait or self._waiting[0].ready):
            return
        (asked, at), self._waiting = self._waiting, None
        self._tracker.vote(asked.judgements(), at)
        judged = sum(reason is None for _, reason in asked.asked)
        self._budget.spent(judged, asked.took_s)
        if judged:
            ms["classify"] = ms.get("classify", 0.0) + 1e3 * asked.took_s

"""The program: source -> detector -> match -> due -> judge -> vote -> scene, as a generator that owns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from monitor.budget import Budget
from monitor.ports import Asked, Detector, Judge, Source
from monitor.track import Round, Tracker
from monitor.types import Face, Frame, Gap, Scene

WAIT_S = 0.25
"""How long a live source may keep us waiting before it has to say that it has nothing."""


def scenes(source: Source, detector: Detector, judge: Judge, tracker: Tracker, budget: Budget) -> Iterator[Scene | Gap]:
    """One Scene for each frame of the source, a Gap while a live source has none; ends with the source.

    Holds no resource and starts no thread: breaking out is always safe. Errors of the parts come through as they are.
    Live, no scene waits for judgements. Of a recording each scene has its own, and while they are made the next frame
    is read and searched: what comes out is the same as one after another, only sooner.
    """
    judging = Judging(judge, tracker, budget)
    held: tuple[Frame, dict[str, float]] | None = None
    while True:
        try:
            item, faces, found = _look(source, detector, tracker)
        except Exception:
            if held is not None:
                yield _told(*held, judging, tracker)
            raise
        if held is not None:
            yield _told(*held, judging, tracker)
            held = None
        if item is None:
            return
        if isinstance(item, Gap):
            yield item
            continue
        begun = perf_counter()
        tracker.match(item, faces)
        ms = {**found, "match": 1e3 * (perf_counter() - begun), **judging.step(item)}
        if judging.waiting and not source.live:
            held = item, ms
        else:
            yield Scene(item, tracker.tracks, ms)


def _look(
    source: Source, detector: Detector, tracker: Tracker
) -> tuple[Frame | Gap | None, tuple[Face, ...], dict[str, float]]:
    """The next item, the faces in it, and {"read", "detect": ms}."""
    started = perf_counter()
    item = source.read(WAIT_S)
    if not isinstance(item, Frame):
        return item, (), {}
    read = perf_counter()
    faces = detector.detect(item, tracker.expected(item.t))
    return item, faces, {"read": 1e3 * (read - started), "detect": 1e3 * (perf_counter() - read)}


def _told(frame: Frame, ms: dict[str, float], judging: Judging, tracker: Tracker) -> Scene:
    """The scene of a frame whose judgements are heard now."""
    ms = {**ms, **judging.finish()}
    return Scene(frame, tracker.tracks, ms)


class Judging:
    """Judgements of one source's tracks, asked for frame by frame; one asking at a time is under way."""

    def __init__(self, judge: Judge, tracker: Tracker, budget: Budget) -> None:
        self._judge, self._tracker, self._budget = judge, tracker, budget
        self._waiting: tuple[Asked, Round] | None = None

    @property
    def waiting(self) -> bool:
        """Something was asked, and has not been heard."""
        return self._waiting is not None

    def step(self, frame: Frame) -> dict[str, float]:
        """Hears what was said by now and asks again; {"crop", "classify": ms} as far as they happened.

        Waits only in a picture that stands alone. Raises InferenceError.
        """
        ms = self._hear(wait=False)
        if self._waiting is None:
            due = self._tracker.due(self._budget.allow(frame))
            if due:
                asked = self._judge.ask(frame, due)
                self._waiting = asked, self._tracker.asked(asked.asked)
                ms |= {"crop": 1e3 * asked.cut_s, **self._hear(wait=frame.still)}
        return ms

    def finish(self) -> dict[str, float]:
        """Hears what was asked, waited for; {"classify": ms} where there was anything. Raises InferenceError."""
        return self._hear(wait=True)

    def _hear(self, *, wait: bool) -> dict[str, float]:
        if self._waiting is None or not (wait or self._waiting[0].ready):
            return {}
        (asked, at), self._waiting = self._waiting, None
        self._tracker.vote(asked.judgements(), at)
        judged = sum(reason is None for _, reason in asked.asked)
        self._budget.spent(judged, asked.took_s)
        return {"classify": 1e3 * asked.took_s} if judged else {}

"""Judgements for several cameras: one call of the engine at a time, for faces of all of them, in fair turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from monitor.budget import LiveBudget
from monitor.ports import Asked
from monitor.track import Round, Tracker
from monitor.types import Frame, Track

OWED_S = 0.25
"""A camera that has somebody to judge is waited for so long, when it has waited longer than those that are here."""


class JudgeOfAll(Protocol):
    """As `monitor.ports.Judge`, for frames of several sources."""

    def ask_all(self, parts: Sequence[tuple[Frame, Sequence[Track]]]) -> Sequence[Asked]: ...


class Turns:
    """Who is judged next, of all cameras. A camera full of people does not keep another's few from their turn."""

    def __init__(self, judge: JudgeOfAll, trackers: Mapping[int, Tracker], share: float) -> None:
        self._judge, self._trackers = judge, trackers
        self._budgets = {number: LiveBudget(share) for number in trackers}
        self._asked_t = dict.fromkeys(trackers, float("-inf"))
        self._owed: dict[int, float] = {}
        self._waiting: list[tuple[int, Asked, Round]] = []

    def step(self, frames: Mapping[int, Frame]) -> dict[int, dict[str, float]]:
        """Hears what was said by now and asks again; {camera: {"crop", "classify": ms}} as far as they happened.

        `frames` are those of this round, searched and matched. Raises InferenceError.
        """
        ms: dict[int, dict[str, float]] = {number: {} for number in frames}
        if self._waiting and all(asked.ready for _, asked, _ in self._waiting):
            self._hear(ms)
        places = max((self._budgets[number].allow(frame) for number, frame in frames.items()), default=0)
        due = {number: list(self._trackers[number].due(places)) for number in frames}
        for number, frame in frames.items():
            self._owed.pop(number, None)
            if due[number]:
                self._owed[number] = frame.t
        if not self._waiting and any(due.values()) and not self._somebody_waits_longer(frames):
            self._ask({number: tracks for number, tracks in self._share(due, places).items() if tracks}, frames, ms)
            if any(frame.still for frame in frames.values()):  # pictures that stand alone: there is no later
                self._hear(ms)
        return ms

    def _somebody_waits_longer(self, frames: Mapping[int, Frame]) -> bool:
        """A camera that is not here has somebody to judge, and was asked about before all of those that are."""
        now = max(frame.t for frame in frames.values())
        here = min(self._asked_t[number] for number in frames if number in self._owed)
        away = [number for number, t in self._owed.items() if number not in frames and now - t < OWED_S]
        return any(self._asked_t[number] < here for number in away)

    def _share(self, due: Mapping[int, list[Track]], places: int) -> dict[int, list[Track]]:
        """At most so many, one of each camera in turn, beginning with the camera that waited longest."""
        order = sorted(due, key=lambda number: (self._asked_t[number], number))
        taken: dict[int, list[Track]] = {number: [] for number in order}
        while places > 0 and any(due.values()):
            for number in order:
                if due[number] and places > 0:
                    taken[number].append(due[number].pop(0))
                    places -= 1
        return taken

    def _ask(
        self, taken: Mapping[int, Sequence[Track]], frames: Mapping[int, Frame], ms: dict[int, dict[str, float]]
    ) -> None:
        answers = self._judge.ask_all([(frames[number], tracks) for number, tracks in taken.items()])
        for number, asked in zip(taken, answers, strict=True):
            self._waiting.append((number, asked, self._trackers[number].asked(asked.asked)))
            self._asked_t[number] = frames[number].t
            self._owed.pop(number, None)
            ms[number]["crop"] = 1e3 * asked.cut_s

    def _hear(self, ms: dict[int, dict[str, float]]) -> None:
        waiting, self._waiting = self._waiting, []
        for number, asked, at in waiting:
            self._trackers[number].vote(asked.judgements(), at)
            judged = sum(reason is None for _, reason in asked.asked)
            for budget in self._budgets.values():
                budget.spent(judged, asked.took_s)
            if judged and number in ms:
                ms[number]["classify"] = 1e3 * asked.took_s

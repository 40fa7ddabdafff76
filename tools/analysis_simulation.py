"""An analysis on machines that nobody has: tasks, nodes that are lost and come back, and the one process that hands out
tasks and puts segments together, event by event."""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from monitor.analysis.cluster import AT_ONCE, RETRIES

DAY_S, HOUR_S = 86400.0, 3600.0
LIFE_S, NOTICED_S, REPLACED_S = DAY_S, 30.0, 600.0
"""A node is lost once a day on average, noticed after half a minute, replaced after ten: worse than machines are."""
COLD_S = 10.0
"""A process loads its libraries and the engine."""
SEGMENTS = 60
"""Of a film of an hour."""


@dataclass
class _Task:
    film: int
    is_scan: bool
    tries: int = 0


@dataclass
class _Node:
    alive: bool = True
    life: int = 0
    free: int = 0
    running: dict[int, _Task] = field(default_factory=dict)


@dataclass
class Simulation:
    """`go` until `films` films of an hour are through. `measured` as tools/analysis_scale.py gives it."""

    measured: dict[str, Any]
    films: int
    nodes: int
    processors: int
    life_s: float = LIFE_S
    now_s: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    _events: list[tuple[float, int, str, Any]] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(7)
        self._all = [_Node(free=self.processors) for _ in range(self.nodes)]
        self._cold = [self.processors] * self.nodes
        self._free = deque(number for number in range(self.nodes) for _ in range(self.processors))
        self._pending, self._landed, self._todo = deque[_Task](), deque[_Task](), deque[_Task]()
        self._left, self._next_film, self._over, self._flying = dict[int, int](), 0, 0, 0
        self._busy_s = self._worked_s = 0.0
        for number in range(self.nodes):
            self._lives(number)

    def go(self) -> dict[str, Any]:
        while self._over < self.films:
            self._until(self.now_s)
            moved = self._take_in() + self._hand_out()
            if not moved:
                self._until(self._events[0][0])
        return self._told()

    def _later(self, after_s: float, kind: str, what: Any, at_s: float | None = None) -> None:
        self._number += 1
        heapq.heappush(self._events, ((self.now_s if at_s is None else at_s) + after_s, self._number, kind, what))

    def _lives(self, number: int, at_s: float | None = None) -> None:
        if self.life_s < float("inf"):
            self._later(self._dice.expovariate(1 / self.life_s), "lost", number, at_s)

    def _until(self, t: float) -> None:
        """Everything that happens on the cluster meanwhile."""
        while self._events and self._events[0][0] <= t:
            at_s, _, kind, what = heapq.heappop(self._events)
            getattr(self, f"_{kind}")(what, at_s)
            self._start(at_s)
        self.now_s = max(self.now_s, t)

    def _ended(self, what: tuple[int, int, int], at_s: float) -> None:
        del at_s
        number, life, task_number = what
        node = self._all[number]
        if node.life != life:
            return
        self._landed.append(node.running.pop(task_number))
        self.seen["results_waiting_at_most"] = max(self.seen["results_waiting_at_most"], len(self._landed))
        node.free += 1
        self._free.append(number)

    def _lost(self, number: int, at_s: float) -> None:
        node = self._all[number]
        node.alive, node.life, node.free = False, node.life + 1, 0
        self.seen["nodes_lost"] += 1
        for task in node.running.values():
            self._later(NOTICED_S, "again", task, at_s)
        node.running = {}
        self._later(REPLACED_S, "back", number, at_s)

    def _again(self, task: _Task, at_s: float) -> None:
        del at_s
        task.tries += 1
        self.seen["tasks_begun_anew"] += 1
        self.seen["most_tries_of_a_task"] = max(self.seen["most_tries_of_a_task"], task.tries + 1)
        self.seen["tasks_given_up_by_ray"] += task.tries == RETRIES + 1
        self._pending.appendleft(task)

    def _back(self, number: int, at_s: float) -> None:
        node = self._all[number]
        node.alive, node.free, self._cold[number] = True, self.processors, self.processors
        self._free.extend([number] * self.processors)
        self._lives(number, at_s)

    def _start(self, at_s: float) -> None:
        while self._pending and self._free:
            number = self._free.popleft()
            node = self._all[number]
            if not node.alive or node.free <= 0:
                continue
            task, worker = self._pending.popleft(), self.measured["worker"]
            took_s = worker["scan_s_an_hour"] if task.is_scan else self._dice.choice(worker["segment_s"])
            took_s *= self._dice.lognormvariate(0.0, 0.2)
            if self._cold[number] > 0:
                self._cold[number] -= 1
                took_s += COLD_S
            node.free -= 1
            self._worked_s += took_s
            node.running[self._number] = task
            self._later(took_s, "ended", (number, node.life, self._number), at_s)

    def _spend(self, seconds: float) -> None:
        self._busy_s += seconds
        self.now_s += seconds

    def _take_in(self) -> int:
        """As Run.go: some results, then new tasks."""
        driver, many = self.measured["driver"], min(AT_ONCE, len(self._landed))
        self._spend(driver["loop_s_for_10000_films"] * self.films / 10_000 if many else 0.0)
        for _ in range(many):
            task = self._landed.popleft()
            self._flying -= 1
            if task.is_scan:
                self._todo.extend(_Task(task.film, False) for _ in range(SEGMENTS))
                self._left[task.film] = SEGMENTS
                self._spend(driver["task_s"] / 2)
                continue
            self.seen["segments"] += 1
            self._spend(driver["task_s"] / 2 + driver["store_s"] + driver["assemble_s"])
            self._left[task.film] -= 1
            if not self._left[task.film]:
                self._over += 1
                self._spend(driver["finish_film_s"])
        return many

    def _hand_out(self) -> int:
        there = self.processors * sum(node.alive for node in self._all)
        room, given = there + max(1, there // 4), 0
        while self._flying < room and (self._todo or self._next_film < self.films):
            if not self._todo:
                self._todo.append(_Task(self._next_film, True))
                self._next_film += 1
            self._pending.append(self._todo.popleft())
            self._flying += 1
            given += 1
            self._spend(self.measured["driver"]["task_s"] / 2)
        self._start(self.now_s)
        return given

    def _told(self) -> dict[str, Any]:
        share = self._busy_s / self.now_s
        workers = self._worked_s / (self.now_s * self.nodes * self.processors)
        return {
            "films": self.films, "nodes": self.nodes, "processors_each": self.processors,
            "wall_hours": round(self.now_s / HOUR_S, 3),
            "hours_of_footage_an_hour": round(self.films / self.now_s * HOUR_S),
            "workers_busy": round(workers, 3), "driver_busy": round(share, 3),
            "waits_for": "the one process that puts together" if share > 0.9 else "the workers",
            "results_mb_a_second": round(
                self.seen["segments"] * self.measured["result_bytes"]["median"] / self.now_s / 1e6, 2
            ),
            "recordings_mb_a_second": round(self.films * self.measured["film_mb_an_hour"] / self.now_s, 1),
            "segments_wanted": self.films * SEGMENTS, **self.seen,
        }  # fmt: skip

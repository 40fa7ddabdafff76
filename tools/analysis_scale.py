"""What a cluster too large to have would do: its parts measured here, the whole of it simulated, event by event.

Measured: how long a worker takes for a segment, what its result weighs, what it costs the one process that gives out
tasks and puts segments together. Workers are as many as wanted; that process stays one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engines import open_engine
from monitor.analysis.cluster import Cluster
from monitor.analysis.facts import segments_of
from monitor.analysis.footage import Footage, span_of
from monitor.analysis.inputs import Item
from monitor.analysis.job import Job, Order
from monitor.analysis.plan import Work
from monitor.analysis.pool import Failure
from monitor.analysis.tasks import Analyse, Tools
from monitor.config import load_settings
from monitor.sources.recordings import scan
from monitor.types import Media
from tools.analysis_cluster import demo_film
from tools.analysis_simulation import HOUR_S, LIFE_S, NOTICED_S, REPLACED_S, Simulation

FILM_MINUTES, FPS, SIZE_PX = 2, 25, (1280, 720)
ECHOES = 300


@dataclass(frozen=True)
class Echo:
    """A task that does nothing, and gives as much as a segment."""

    size: int
    patience_s: float = 60.0

    def perform(self, tools: Any, tell: Any) -> None:
        del tools
        tell("segment", (0, np.random.default_rng(0).bytes(self.size)))


def large(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Hours of wall time, what the one process has to do, what it waits for."""
    found = measured(folder)
    films, nodes, processors = round(asked.hours), asked.nodes, asked.processors
    runs = {
        f"{nodes} nodes of {count} processors": Simulation(found, films, nodes, count).go() for count in (1, processors)
    }
    runs["the same, and no node is ever lost"] = Simulation(found, films, nodes, processors, float("inf")).go()
    quarter = Simulation(found, films // 4, nodes // 4, processors).go()
    runs["one of four commands side by side, a quarter of films and nodes each"] = quarter
    return {
        "footage": f"{films} films of an hour, {SIZE_PX[0]}x{SIZE_PX[1]}, {FPS} pictures a second, the demo scene",
        "failures": f"each node lost every {LIFE_S / HOUR_S:.0f} h on average, noticed after {NOTICED_S:.0f} s, "
                    f"replaced after {REPLACED_S / 60:.0f} min; its tasks begin anew",
        "left_out": "network and storage, which must give recordings_mb_a_second; processors as fast as this one",
        "measured": found, "simulated": runs,
        "holds": all(one["segments"] == one["segments_wanted"] for one in runs.values()),
    }  # fmt: skip


def measured(folder: Path) -> dict[str, Any]:
    """One worker and the process that gives out tasks, each by itself, in processor seconds: this machine is shared."""
    settings = load_settings("analysis", ["engine.threads=1", f"analysis.to_s={60 * FILM_MINUTES}"])
    film = demo_film(folder / "film.mp4", 60 * FILM_MINUTES, fps=FPS, size_px=SIZE_PX)
    media, scan_s = _cost(lambda: scan(str(film)))
    tools, results, segments = Tools(), dict[int, bytes](), []
    with tools.stack:
        _, start_s = _cost(lambda: tools.of(settings))
        for segment in segments_of(span_of(media, settings)):
            task = Analyse(media, (segment,), settings)

            def tell(kind: str, value: Any) -> None:
                results.update([value] if kind == "segment" else [])

            _, took_s = _cost(partial(task.perform, tools, tell))
            segments.append(took_s)
    sizes = [len(data) for data in results.values()]
    assembled = _assembling(folder, media, settings, results)
    return {
        "worker": {"start_s": start_s, "scan_s_an_hour": scan_s * 60 / FILM_MINUTES, "segment_s": segments},
        "film_mb_an_hour": round(media.bytes / 1e6 * 60 / FILM_MINUTES, 1),
        "result_bytes": {"median": int(statistics.median(sizes)), "max": max(sizes)},
        "driver": {**assembled, **_echoes(max(sizes))},
    }  # fmt: skip


def _cost(work: Any) -> tuple[Any, float]:
    """Its result and its processor seconds, those of its threads included."""
    begun_s = time.process_time()
    value = work()
    return value, round(time.process_time() - begun_s, 4)


def _assembling(folder: Path, media: Media, settings: Any, results: dict[int, bytes]) -> dict[str, Any]:
    """Storing a segment and putting it together, the report of a film of an hour; in seconds."""
    with closing(open_engine(None, threads=1)) as engine:
        order = Order(settings, engine.card, engine.info, None)
    work = Work(folder / "film", "mark", media.uri)
    footage = Footage(folder / "film", work, media, span_of(media, settings), settings, order.card, None)
    store_s, add_s = [], []
    for index, data in results.items():
        begun_s = time.perf_counter()
        footage.take(index, data)
        store_s.append(time.perf_counter() - begun_s)
        add_s.append(_cost(footage.assemble)[1])
    footage.close()
    job = Job(Item(media.uri, "again"), folder / "again", "mark", order)
    job.start()
    job.take("scan", "done", media)
    *others, last = results.items()
    for one in others:
        job.take("segment", "segment", one)
    ending_s = _cost(partial(job.take, "segment", "segment", last))[1] - statistics.median(add_s[:-1])
    assert job.over
    return {
        "store_s": round(statistics.median(store_s), 5), "assemble_s": round(statistics.median(add_s[:-1]), 5),
        "finish_film_s": round(max(0.0, ending_s), 4), "loop_s_for_10000_films": _looking(order),
    }  # fmt: skip


def _looking(order: Order) -> float:
    """What Run.go looks through in each round, where 10,000 films are over."""
    jobs = [Job(Item(str(number), str(number)), Path(str(number)), "mark", order, "done") for number in range(10_000)]
    begun_s = time.perf_counter()
    any(not job.over for job in jobs)
    for job in jobs:
        job.next_task()
    return round(time.perf_counter() - begun_s, 5)


def _echoes(size: int) -> dict[str, float]:
    """What giving out a task and taking its result costs this process; how many a second, by two workers."""
    with closing(Cluster("auto", 2, say=lambda _text: None)) as cluster:
        over = _go(cluster, 50, size)
        begun_s, used_s = time.perf_counter(), time.process_time()
        over = _go(cluster, ECHOES, size)
        took_s, used_s = time.perf_counter() - begun_s, time.process_time() - used_s
    return {"task_s": round(used_s / over, 5), "empty_tasks_a_second": round(over / took_s, 1)}


def _go(cluster: Cluster, count: int, size: int) -> int:
    given = over = 0
    while over < count:
        while given < count and cluster.idle > 0:
            cluster.submit(given, Echo(size))
            given += 1
        for report in cluster.wait(1.0):
            assert not isinstance(report.value, Failure), report.value
            over += report.kind == "done"
    return over

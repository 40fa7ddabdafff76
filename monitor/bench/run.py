"""A whole run of the bench: everything opened once, rounds in mixed order, nothing lost when it is interrupted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engines import load_bundle
from engines.build import RUNTIMES
from engines.contract import EngineError, EngineInfo
from monitor.app import Say, engine_of
from monitor.bench import hardware
from monitor.bench.agreement import agreement
from monitor.bench.baseline import Baseline, Plain
from monitor.bench.facts import Measured, Point, Report, Sample
from monitor.bench.plan import Task, main_film, main_tasks, sweep_tasks
from monitor.bench.provenance import provenance
from monitor.bench.rig import Rig
from monitor.bench.roofline import roofline
from monitor.bench.stress import stress
from monitor.errors import MonitorError
from monitor.settings import Settings
from monitor.sinks.display import display_problem

PRECISIONS = ("int8", "fp16", "fp32")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be measured."""

    source: str | None
    """A video file; None: the built-in scene."""
    folder: Path
    """Where films that are made are kept."""
    rounds: int = 6
    seconds: float = 3.4
    """Of each round, after its warm-up."""
    sweep: bool = False
    stress: bool = False
    roofline: bool = False
    labels: bool = True
    """Compare the labels of the main film with those of judging every face."""
    baseline: Callable[[], Plain] | None = None
    """Makes the loop from tutorials."""
    soak_s: float | None = None
    """How long the main point is played on end."""
    arguments: tuple[str, ...] = field(default=())
    """As they were given, for the record."""


FAILURES = (MonitorError, EngineError, OSError)
"""One part of a run that ends with these is left out, and told."""


def bench(wish: Wish, settings: Settings, say: Say, stopped: Callable[[], bool]) -> Report | None:
    """Measures. Stopped early it tells of what it has, None where that is nothing; `stopped` says so again.

    What fails is in `left_out`. Raises MonitorError and EngineError where nothing can be measured.
    """
    before = hardware.machine()
    with ExitStack() as stack:
        film = main_film(wish.source, wish.folder, say)
        rig = Rig(settings, say, stack)
        opened, others, left_out = _engines(wish, settings, say)
        engine, tiles = (opened.runtime, opened.precision), settings.detector.tiles
        shown = not settings.show.headless and display_problem() is None
        tasks = list(main_tasks(film, engine, tiles, shown=shown))
        main = tasks[0]
        if wish.baseline is not None:
            say("loading the plain loop")
            try:
                rig.baseline = stack.enter_context(closing(Baseline(wish.baseline)))
                tasks += [_tutorial(task) for task in tasks if task.point.mode == "recorded"]
            except FAILURES as error:
                left_out = (*left_out, ("tutorial", str(error)))
        if wish.sweep:
            tasks += sweep_tasks(wish.folder, engine, others, tiles, say)

        def ends() -> bool:
            """The user said so, or closed the window."""
            return stopped() or rig.quit

        measured, failed = _rounds(rig, list(dict.fromkeys(tasks)), wish, say, ends)
        if not measured:
            return None
        report = Report(
            before, provenance(settings, rig.engine(main.point), film.path, wish.arguments), measured,
            (*left_out, *failed), ratio_to_baseline=_ratios(measured),
        )  # fmt: skip
        report = _more(report, rig, main, wish, settings, say, ends)
    notes = (*hardware.notes(before, hardware.machine()), *report.drift)
    return replace(report, notes=(*notes, *(("it was stopped before its end",) if ends() else ())))


def _more(
    report: Report, rig: Rig, main: Task, wish: Wish, settings: Settings, say: Say, stopped: Callable[[], bool]
) -> Report:
    """What is measured once, after the rounds; what fails is left out."""

    def labels() -> dict[str, Any]:
        say("labels, judging rarely and always")
        engine, detector = rig.engine(main.point), rig.detector(main.point)
        return {"label_agreement": agreement(settings, main.point, main.film, engine, detector, stopped)}

    def most() -> dict[str, Any]:
        say("the most this machine can do")
        return {"roofline": roofline(report, load_bundle(settings.engine.bundle))}

    parts: dict[str, tuple[object, Callable[[], dict[str, Any]]]] = {
        "labels": (wish.labels, labels),
        "stress": (wish.stress, lambda: {"stress": stress(rig, main.point, wish.folder, say, stopped)}),
        "duration": (
            wish.soak_s,
            lambda: {"soak": tuple(rig.soak(main.point, main.film, wish.soak_s or 0.0, say, stopped))},
        ),
        "roofline": (wish.roofline, most),
    }
    for name, (wanted, measure) in parts.items():
        if wanted and not stopped():
            try:
                report = replace(report, **measure())
            except FAILURES as error:
                say(f"{name}: {error}")
                report = replace(report, left_out=(*report.left_out, (name, str(error))))
    return report


def _engines(
    wish: Wish, settings: Settings, say: Say
) -> tuple[EngineInfo, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """How the engine asked for answers; other (runtime, precision)s for a sweep; those that do not work, and why."""
    with closing(engine_of(settings, say)) as engine:
        info = engine.info
    others: list[tuple[str, str]] = []
    left_out: list[tuple[str, str]] = []
    for runtime in RUNTIMES if wish.sweep else ():
        for precision in PRECISIONS:
            if (runtime, precision) == (info.runtime, info.precision):
                continue
            other: Any = replace(settings.engine, runtime=runtime, precision=precision)  # type: ignore[arg-type]
            try:
                engine_of(replace(settings, engine=other), say).close()
                others.append((runtime, precision))
            except EngineError as error:
                left_out.append((f"{runtime} {precision}", str(error)))
    return info, tuple(others), tuple(left_out)


def _tutorial(task: Task) -> Task:
    """The same film for the plain loop: it asks Keras, and knows no tiles."""
    point = replace(task.point, program="tutorial", runtime="keras", precision="fp32", tiles="off")
    return Task(point, task.film)


def _rounds(
    rig: Rig, tasks: list[Task], wish: Wish, say: Say, stopped: Callable[[], bool]
) -> tuple[tuple[Measured, ...], tuple[tuple[str, str], ...]]:
    """All points, in another order each round, so that a slow minute of the machine does not fall on one of them."""
    samples: dict[Point, list[Sample]] = {task.point: [] for task in tasks}
    failed: dict[Point, Exception] = {}
    for number in range(wish.rounds):
        order = [task for task in tasks if task.point not in failed]
        random.Random(number).shuffle(order)
        for place, task in enumerate(order):
            if stopped():
                break
            say(f"round {number + 1} of {wish.rounds}, {place + 1} of {len(order)}: {task.point.key}")
            try:
                samples[task.point].append(rig.round(task.point, task.film, wish.seconds, wish.rounds))
            except FAILURES as error:
                say(f"left out, {task.point.key}: {error}")
                failed[task.point] = error
    done = tuple(Measured(point, tuple(found)) for point, found in samples.items() if found)
    ours = any(found.point.program == "monitor" for found in done)
    if not ours and failed:
        raise next(iter(failed.values()))
    return done if ours else (), tuple((point.key, str(why)) for point, why in failed.items())


def _ratios(measured: Sequence[Measured]) -> dict[str, float]:
    """{our point: times as fast as the plain loop that plays the same film and writes as much}."""
    plain = {(m.point.scene, m.point.encoded): m.fps for m in measured if m.point.program == "tutorial"}
    return {
        ours.point.key: round(ours.fps / plain[place], 3)
        for ours in measured
        if ours.point.program == "monitor" and ours.point.mode == "recorded"
        and (place := (ours.point.scene, ours.point.encoded)) in plain
    }  # fmt: skip

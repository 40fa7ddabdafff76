"""Prometheus' view of the entrance, made when it is asked for: nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from monitor.kiosk.facts import State
from monitor.kiosk.web.desk import Desk

CAMERA = ("connecting", "live", "stalled", "lost")


class Entry(Collector):
    """Reads the desk at each scrape."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        desk, vitals = self._desk, self._desk.vitals
        state = desk.newest_state()
        yield _gauge("fps", "Pictures judged a second.", vitals.fps)
        yield _gauge("latency_seconds", "From the camera's picture to its judgement.", vitals.latency_s)
        yield _gauge("ready", "1 while pictures are being judged.", float(not desk.unready()))
        yield _gauge("visitors", "People at the door now.", len(state["visitors"]))
        yield _counter("frames", "Pictures judged.", vitals.frames)
        yield _counter("frames_dropped", "Pictures that newer ones replaced.", vitals.dropped)
        yield _counter("judgements", "Faces judged.", vitals.judged)
        yield _counter("camera_lost", "How often the camera was lost.", vitals.camera_lost)
        yield _one_of("state", "What the screen says.", [one.value for one in State], state["state"])
        yield _one_of("camera", "State of the camera.", CAMERA, state["camera"]["state"])
        events = CounterMetricFamily("monitor_kiosk_events", "Events stored.", labels=("kind", "state"))
        for name, count in sorted(vitals.states.copy().items()):
            events.add_metric(name.split("/", 1), count)
        yield events
        waiting = GaugeMetricFamily(
            "monitor_kiosk_outbox_waiting", "Events a target was not told yet.", labels=("target",)
        )
        refused = GaugeMetricFamily(
            "monitor_kiosk_outbox_refused", "Events a target will not take.", labels=("target",)
        )
        for backlog in desk.backlogs():
            waiting.add_metric([backlog.target], backlog.waiting)
            refused.add_metric([backlog.target], backlog.refused)
        yield from (waiting, refused)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"monitor_kiosk_{name}", help_, value=value)


def _counter(name: str, help_: str, value: float) -> Metric:
    return CounterMetricFamily(f"monitor_kiosk_{name}", help_, value=value)


def _one_of(name: str, help_: str, choices: tuple[str, ...] | list[str], now: str) -> Metric:
    family = GaugeMetricFamily(f"monitor_kiosk_{name}", help_, labels=(name,))
    for choice in choices:
        family.add_metric([choice], float(choice == now))
    return family


def exposition(desk: Desk) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(Entry(desk))
    return generate_latest(registry)

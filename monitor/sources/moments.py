"""The very frames of a recording that somebody picked by their times, those close together in one decoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Protocol, TypeVar

from monitor.sources.recordings import Recording
from monitor.types import Frame, Media, Span

NEAR_S = 10.0
"""Moments closer together are found in one decoding; between others the file is sought."""


class Timed(Protocol):
    @property
    def t(self) -> float:
        """Media time of the very frame, in seconds."""
        ...


T = TypeVar("T", bound=Timed)


def groups_of(media: Media, wanted: Iterable[T]) -> Iterator[tuple[Span, list[T]]]:
    """Those of a video that are found in one decoding, by time, and the span around them."""
    group: list[T] = []
    for one in sorted(wanted, key=lambda one: one.t):
        if group and media.splittable and one.t - group[-1].t > NEAR_S:
            yield _around(group), group
            group = []
        group.append(one)
    if group:
        yield _around(group), group


def _around(group: list[T]) -> Span:
    return Span(group[0].t - 1e-6, group[-1].t + 2e-6)


def frames_at(media: Media, span: Span, wanted: Iterable[T], patience_s: float) -> Iterator[tuple[T, Frame]]:
    """Each with its frame, which is decoded once; who has none in the span is left out. Raises SourceError.

    `patience_s`: how long a frame is waited for.
    """
    waiting: dict[int, list[T]] = {}  # times as whole numbers are equal where they are the same
    for one in wanted:
        waiting.setdefault(round(one.t * 1e6), []).append(one)
    with closing(Recording(media, span)) as source:
        while waiting and isinstance(frame := source.read(patience_s), Frame):
            for one in waiting.pop(round(frame.t * 1e6), ()):
                yield one, frame

"""The facts of an analysis: the pieces a file is cut into, and the fixed measures that make results repeat."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.types import Span

SEGMENT_S = 60.0
"""Footage is cut into pieces of so many seconds of media time, everywhere: results must not depend on who works."""
RUN_IN_S = 2.0
"""A segment is watched from so long before its start, so that it knows who is there; nothing of this time is told."""
BLOCK_FRAMES = 8
"""Crops of so many frames are judged in one call. A block never crosses a segment."""
PICTURES_AT_ONCE = 64
"""A folder of pictures is cut into segments of so many."""
EVERY = 16
"""Frames between two reports of progress."""
READ_S = 3600.0
"""How long a picture may be waited for: a file that cannot be entered anywhere is decoded from its start."""


def picture_name(origin: object) -> str:
    """How the tables name a picture: its path; what of it is no text becomes `?`, everywhere alike."""
    return str(origin).encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of one file: what is told of it is what happens in `from_s <= t < to_s`."""

    index: int
    from_s: float
    to_s: float
    run_in_s: float
    """How long before `from_s` the watching begins; 0 for the first."""


def segments_of(span: Span) -> tuple[Segment, ...]:
    """The segments of a span of media time; cuts lie at whole multiples of SEGMENT_S."""
    found: list[Segment] = []
    at = span.from_s
    while at < span.to_s:
        end = min((int(at / SEGMENT_S + 1e-9) + 1) * SEGMENT_S, span.to_s)
        run_in_s = min(RUN_IN_S, at - span.from_s)
        found.append(Segment(len(found), at, end, run_in_s))
        at = end
    return tuple(found)

"""The facts that travel through the program: frozen values, arrays read-only, units and colour order in the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
F32: TypeAlias = npt.NDArray[np.float32]


UNDECIDED = "undecided"
"""How a label that is None is written."""
IN_VIEW_S = 0.3
"""Who was found within so long is in view; longer ago he is only expected where he is shown."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source."""

    index: int
    """Counts every picture the source delivered, also those that were dropped: a gap is a drop."""
    t: float
    """Seconds, monotonic; presentation time for files."""
    wall: float | None
    """Seconds since 1970 UTC, for people and logs only; None for files."""
    bgr: U8 = field(repr=False)
    """(H, W, 3), read-only."""
    still: bool = False
    """A picture that stands alone: no frame before or after it tells more."""
    origin: Path | None = None
    """The file it came from; None for cameras, streams and the demo."""

    @property
    def height_px(self) -> int:
        return int(self.bgr.shape[0])

    @property
    def width_px(self) -> int:
        return int(self.bgr.shape[1])


@dataclass(frozen=True, slots=True)
class Gap:
    """A live source that has no frame now."""

    state: str
    """connecting; live (the next frame is not due yet); stalled; lost"""
    since_s: float
    """Seconds since the last frame (since the opening, where there was none)."""
    why: str = ""
    """What is known of the cause, for people; never holds credentials."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, half-open, inside its frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def center(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def shared(self, other: Box) -> float:
        """Intersection over the smaller box, 0 to 1."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        smaller = min(self.area, other.area)
        return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Face:
    """What the detector found in one frame."""

    box: Box
    score: float
    points: F32 = field(repr=False)
    """(6, 2) px: right eye, left eye, nose tip, mouth centre, right ear, left ear (MediaPipe's order)."""


@dataclass(frozen=True, slots=True)
class Track:
    """One person, as far as is known now."""

    id: int
    face: Face
    """The last find, or where it is expected now when `seen_t` is older than the frame."""
    since_t: float
    seen_t: float
    judged_t: float
    """Time of the last judgement; -inf before the first."""
    judgements: int
    probs: F32 | None
    """(K,), smoothed, after the prior correction; None = never judged."""
    label: int | None
    """Index into the card's classes; None = undecided."""
    reason: str | None
    """Why undecided: unclear, small, blurred, few judgements, unsure; None when decided."""
    was_fake: bool = False
    """Once decided to be fake, and not to be real since: a mask put on later does not take that back."""

    def in_view(self, t: float) -> bool:
        """Found so recently before `t` that it is there: the detector looks at every place within IN_VIEW_S."""
        return t - self.seen_t <= IN_VIEW_S


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the classifier said of one track in one frame."""

    track: int
    """The track's id."""
    probs: F32 | None
    """(K,), as the engine gave them; None where the crop was not worth asking."""
    reason: str | None
    """small or blurred where `probs` is None."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame and everybody in it."""

    frame: Frame
    tracks: tuple[Track, ...]
    """Confirmed tracks, by id; a track that leaves this tuple is gone for good."""
    ms: Mapping[str, float]
    """Milliseconds by stage: read, detect, match, crop, classify, draw."""
    canvas: U8 | None = field(default=None, repr=False)
    """(H, W, 3) BGR with the overlay; None where nobody asked for one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open piece of media time, in seconds since the file's first picture."""

    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Media:
    """What is known of a recording after its packets were counted, before a picture was decoded."""

    uri: str
    """How it is opened: an absolute path, or a URL of an object store."""
    name: str
    """What people call it: the last part of the path."""
    kind: str
    """video, or pictures: several that stand alone."""
    bytes: int
    format: str
    codec: str
    audio: str | None
    """The codec of its sound; None where it has none."""
    width_px: int
    height_px: int
    """Of the upright picture."""
    frames: int
    """Packets with a picture that the container holds; what can be decoded may be fewer."""
    length_s: float
    """From the first picture's time to the end of the last one."""
    fps: float
    """Pictures a second on average; 0 where there is no more than one."""
    splittable: bool
    """Any part can be decoded without those before it, and its times are known from the container."""
    created: float | None = None
    """Seconds since 1970 UTC of the first picture, as the file says; None where it says nothing believable."""
    pictures: tuple[str, ...] = ()
    """Of the kind pictures: where each one is, in order."""
    modified: float | None = None
    """Seconds since 1970 UTC when the file was written last; None for URLs and where there are several files."""


@dataclass
class Losses:
    """What of the input could not be seen, counted while it is read; the one fact that grows."""

    damaged: int = 0
    """Packets that could not be decoded and pictures marked as damaged; in a loop, those of every round."""
    damaged_at: list[float] = field(default_factory=list)
    """Of a recording, the media time (s) of each: its pieces are told of apart."""
    skipped: dict[Path, str] = field(default_factory=dict)
    """{file that was passed over: why}."""


def freeze(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The same array, marked read-only."""
    array.setflags(write=False)
    return array

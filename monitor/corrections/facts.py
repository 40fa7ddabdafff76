"""What travels between an analysis, the people who correct it, and training."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from monitor.types import UNDECIDED, Box

LABELS = ("real", "fake", "mask")
"""What training knows."""
PICTURES = "pictures"
"""The folder of the pictures, below the one that was asked for."""
Sides: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 as shares of the picture's width and height, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face as the analysis found it in one picture."""

    person: int
    box: Box
    """px in the upright picture, inside it."""
    label: str
    reason: str | None
    """Why undecided."""
    p: float | None
    """Probability of the label, of the likeliest class where undecided; None where never judged."""
    size_px: float

    @property
    def doubt(self) -> float:
        """From 0, sure, to 2; above 1 where undecided."""
        return (self.label == UNDECIDED) + 1.0 - (self.p or 0.0)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a recording, chosen to be looked at by people."""

    name: str
    """Of its file, in the folder PICTURES; no other shot of an export has it."""
    recording: str
    """Which recording: letters, digits, dots and dashes."""
    t: float
    """Seconds of media time."""
    picture: str | None
    """The file, where the recording is a folder of pictures."""
    faces: tuple[Face, ...]
    strangers: tuple[Box, ...] = ()
    """Finds that became nobody."""
    at: datetime | None = None
    """UTC, where the recording tells."""
    size_px: tuple[int, int] = (0, 0)
    """Width and height; known once it was decoded."""

    @property
    def doubt(self) -> float:
        return max(face.doubt for face in self.faces)


@dataclass(frozen=True, slots=True)
class Known:
    """A face that was in the picture when it went out; `person` is None for a find that became nobody."""

    person: int | None
    sides: Sides


@dataclass(frozen=True, slots=True)
class Mark:
    """A box as people left it."""

    label: str
    sides: Sides
    person: int | None = None
    """Where the file says it itself; else found out by the box."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One picture as people left it."""

    name: str
    """The file's name, without folders."""
    recording: str | None
    """As the file tells it; else it follows from the name."""
    marks: tuple[Mark, ...]
    known: tuple[Known, ...] = ()
    size_px: tuple[int, int] | None = None
    """Where the file tells it: the picture must have it."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """All that people gave back."""

    pictures: tuple[Marked, ...]
    not_looked_at: int = 0
    """Pictures nobody has confirmed or changed."""


@dataclass
class Tally:
    """What became of the faces."""

    faces: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
    undecided: int = 0
    deleted: int = 0
    not_looked_at: int = 0
    """Pictures nobody has confirmed or changed."""
    groups: int = 0
    unknown: tuple[str, ...] = ()
    """Recordings with a face of nobody known, which count as one person each."""

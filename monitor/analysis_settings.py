"""The settings of `monitor analyze`, like those in `monitor.settings`: defaults, units, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt

Positive = Annotated[float, Gt(0)]
Seconds = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class AnalysisSettings:
    stride: Count = 1
    """Look at every so many-th frame only."""
    from_s: Seconds = 0.0
    """Begin at this second of each file."""
    to_s: Positive | None = None
    """End at this second of each file; none = its end."""
    every_face: bool = False
    """Judge each face in each frame, instead of stable ones rarely."""
    start_time: str | None = None
    """When the footage begins (2026-05-04T08:00, local time unless it says otherwise); none = what the file says."""
    video: bool = False
    """Write an annotated copy of each file."""
    anonymize: Literal["off", "blur", "pixelate"] = "off"
    """Hide every face that was found in what is written of the pictures."""
    thumbnails: Literal["off", "blurred", "clear"] = "off"
    """A small picture of each person in the report."""

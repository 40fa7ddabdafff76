"""One of several sources: what `source` asks of one, each with a name; like those in `monitor.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Len

Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class OneSource:
    """Exactly one of `camera` and `uri` is named; what is None is as `source` says, where it fits."""

    name: Annotated[str, Len(1)] | None = None
    """What people call it; none = by its address."""
    camera: str | None = None
    """As `SourceSettings.camera`, and so on."""
    uri: str | None = None
    loop: bool | None = None
    pace_fps: Positive | None = None
    mirror: bool | None = None
    width_px: Count | None = None
    height_px: Count | None = None
    fps: Positive | None = None
    stall_s: Positive | None = None

"""A small picture of each person, cut from the recording at the moment somebody picked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.crop import crop_face
from monitor.analysis.facts import READ_S
from monitor.errors import SourceError
from monitor.sources.moments import frames_at, groups_of
from monitor.sources.object_stores import is_url, name_of
from monitor.types import U8, Box, Media, Span

log = logging.getLogger(__name__)
SIZE_PX, MARGIN, QUALITY = 96, 0.3, 85
PATCHES = 8
"""Of a blurred one so many values across are left."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A moment of a person."""

    person: int
    t: float
    """Media time of the very picture."""
    box: Box
    picture: str | None = None
    """Which one, of a folder of pictures."""


def thumbnails(media: Media, picks: Sequence[Pick], style: str) -> dict[int, bytes]:
    """{person: JPEG, SIZE_PX wide and high}, blurred unless `style` is clear; who cannot be cut out is left out."""
    found: dict[int, bytes] = {}
    groups = _of_pictures(media, picks) if media.kind == "pictures" else groups_of(media, picks)
    for span, wanted in groups:
        try:
            for pick, frame in frames_at(media, span, wanted, READ_S):
                found[pick.person] = _cut(frame.bgr, pick.box, blurred=style != "clear")
        except SourceError as error:
            log.warning("%s: a small picture could not be made: %s", media.name, error)
    return found


def _of_pictures(media: Media, picks: Sequence[Pick]) -> Iterator[tuple[Span, list[Pick]]]:
    wanted: dict[str, list[Pick]] = {}
    for pick in picks:
        wanted.setdefault(pick.picture or "", []).append(pick)
    for number, uri in enumerate(media.pictures):
        name = name_of(uri) if is_url(uri) else Path(uri).name
        group = [*wanted.pop(uri, ()), *(wanted.pop(name, ()) if name != uri else ())]
        if group:
            yield Span(number, number + 1), group


def _cut(bgr: U8, box: Box, *, blurred: bool) -> bytes:
    rgb = crop_face(bgr, (box.x0, box.y0, box.x1, box.y1), margin=MARGIN, size_px=SIZE_PX)
    if blurred:
        few = cv2.resize(rgb, (PATCHES, PATCHES), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(cv2.resize(few, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(data.tobytes())

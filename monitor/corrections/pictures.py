"""Exactly the chosen pictures of a recording, each decoded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2

from monitor.corrections.facts import Shot
from monitor.corrections.results import Result
from monitor.errors import SinkError, SourceError
from monitor.sources.pictures import read_picture_bgr
from monitor.sources.recordings import Recording, scan
from monitor.types import U8, Box, Frame, Media, Span

NEAR_S = 10.0
"""Pictures closer together are found in one decoding; between others the file is sought."""
READ_S = 60.0
QUALITY = 95


def decoded(result: Result, shots: Sequence[Shot]) -> Iterator[tuple[Shot, U8]]:
    """Each shot, with its size, and its picture (BGR). Raises SourceError where one is no longer there."""
    if "***" in result.uri:
        raise SourceError(f"{result.uri} can be opened with its credentials only", hint="add --no-pictures")
    if result.kind != "video":
        for shot in shots:
            bgr = read_picture_bgr(Path(shot.picture or ""))
            height, width = bgr.shape[:2]
            faces = tuple(replace(face, box=_cut(face.box, width, height)) for face in shot.faces)
            yield replace(shot, size_px=(width, height), faces=faces), bgr
        return
    media = scan(result.uri)
    if media.bytes != result.bytes:
        what = f"{media.name} has changed since it was analysed: {result.bytes} bytes then, {media.bytes} now"
        raise SourceError(what, hint="analyse it again")
    for group in _together(sorted(shots, key=lambda shot: shot.t), media):
        yield from _group(media, group)


def _cut(box: Box, width: int, height: int) -> Box:
    return Box(box.x0, box.y0, min(box.x1, width), min(box.y1, height))


def _together(shots: Sequence[Shot], media: Media) -> Iterator[list[Shot]]:
    group: list[Shot] = []
    for shot in shots:
        if group and media.splittable and shot.t - group[-1].t > NEAR_S:
            yield group
            group = []
        group.append(shot)
    if group:
        yield group


def _group(media: Media, shots: Sequence[Shot]) -> Iterator[tuple[Shot, U8]]:
    waiting = {round(shot.t * 1e6): shot for shot in shots}
    with closing(Recording(media, Span(shots[0].t - 1e-6, shots[-1].t + 2e-6))) as source:
        while waiting and isinstance(frame := source.read(READ_S), Frame):
            shot = waiting.pop(round(frame.t * 1e6), None)
            if shot is not None:
                yield replace(shot, size_px=(frame.width_px, frame.height_px)), frame.bgr
    if waiting:
        missing = min(shot.t for shot in waiting.values())
        raise SourceError(f"{media.name} has no picture at {missing:g} s any more", hint="analyse it again")


def jpeg(bgr: U8, quality: int = QUALITY) -> bytes:
    """Raises SinkError where a picture is too large for JPEG."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise SinkError("a picture is too large to be stored", hint="analyse smaller pictures")
    return bytes(data.tobytes())

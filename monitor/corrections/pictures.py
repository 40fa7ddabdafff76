"""Exactly the chosen pictures of a recording, each decoded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2

from monitor.analysis.inputs import items_of
from monitor.corrections.facts import Shot
from monitor.corrections.results import Result
from monitor.errors import SinkError, SourceError
from monitor.sources.moments import frames_at, groups_of
from monitor.sources.opening import state_of
from monitor.sources.pictures import read_picture_bgr
from monitor.sources.recordings import scan
from monitor.types import U8, Box, Media, Span

READ_S = 60.0
QUALITY = 95


def decoded(result: Result, shots: Sequence[Shot]) -> Iterator[tuple[Shot, U8]]:
    """Each shot, with its size, and its picture (BGR). Raises SourceError where one is no longer there."""
    if "***" in result.uri:
        raise SourceError(f"{result.uri} can be opened with its credentials only", hint="add --no-pictures")
    if result.kind != "video":
        _check_bytes(result, _bytes_of_pictures(result.uri))
        for shot in shots:
            bgr = read_picture_bgr(Path(shot.picture or ""))
            yield _fitted(shot, bgr.shape[1], bgr.shape[0]), bgr
        return
    media = scan(result.uri)
    _check_bytes(result, media.bytes)
    for span, group in groups_of(media, shots):
        yield from _group(media, span, group)


def _check_bytes(result: Result, now: int | None) -> None:
    if now not in (None, result.bytes):
        name = Path(result.uri).name
        what = f"{name} has changed since it was analysed: {result.bytes} bytes then, {now} now"
        raise SourceError(what, hint="analyse it again")


def _bytes_of_pictures(uri: str) -> int | None:
    """Of all pictures of a folder, or of one; None where they were named one by one: nothing tells which all were."""
    if not Path(uri).exists():
        return None
    size = 0
    for picture in (picture for item in items_of([uri]) for picture in item.pictures):
        with suppress(SourceError):  # the analysis passed over it, too
            size += state_of(picture)[0]
    return size


def _fitted(shot: Shot, width: int, height: int) -> Shot:
    """With its picture's size, and boxes that end at its edges. Raises SourceError for a box that is not in it."""

    def cut(box: Box) -> Box:
        inside = Box(box.x0, box.y0, min(box.x1, width), min(box.y1, height))
        if inside.width < 1 or inside.height < 1:
            what = f"{shot.picture} has changed since it was analysed: a face was outside of what is {width} x {height}"
            raise SourceError(what, hint="analyse it again")
        return inside

    faces = tuple(replace(face, box=cut(face.box)) for face in shot.faces)
    return replace(shot, size_px=(width, height), faces=faces, strangers=tuple(cut(box) for box in shot.strangers))


def _group(media: Media, span: Span, shots: Sequence[Shot]) -> Iterator[tuple[Shot, U8]]:
    waiting = {shot.name: shot.t for shot in shots}
    for shot, frame in frames_at(media, span, shots, READ_S):
        del waiting[shot.name]
        yield replace(shot, size_px=(frame.width_px, frame.height_px)), frame.bgr
    if waiting:
        missing = min(waiting.values())
        raise SourceError(f"{media.name} has no picture at {missing:g} s any more", hint="analyse it again")


def jpeg(bgr: U8, quality: int = QUALITY) -> bytes:
    """Raises SinkError where a picture is too large for JPEG."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise SinkError("a picture is too large to be stored", hint="analyse smaller pictures")
    return bytes(data.tobytes())

"""What a recording holds, told by its packets alone: headers promise what is not there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from av.error import FFmpegError
from av.video.frame import VideoFrame

from monitor.errors import MediaError, SourceError
from monitor.redact import redact
from monitor.sources.counting import PacketCount
from monitor.sources.media import bgr_of
from monitor.sources.object_stores import is_url, name_of
from monitor.sources.opening import Opened, picture_bgr, state_of
from monitor.sources.pictures import is_picture
from monitor.types import Media

LONGEST_S = 31 * 24 * 3600.0
"""A recording that claims to last longer has damaged times."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
TRIED = 8
"""So many pictures are decoded to see whether their times rise."""
SPLITTABLE = frozenset({"mov,mp4", "matroska,webm", "avi"})
"""Containers with an index and with times that do not depend on where reading began; AVI only where each picture stands
for itself, because it stores the order of decoding instead of times."""


def scan(uri: str) -> Media:
    """Reads every packet of the recording at a path or URL, and decodes its first few pictures.

    A file that was cut off gives what is left of it. Memory: eight bytes a picture.
    Raises SourceNotFound, SourceError (not allowed, disk or store do not answer) or MediaError (no picture that can be
    decoded, encrypted, times not believable), each with a hint.
    """
    if is_url(uri):
        name = name_of(uri)
    else:
        path = Path(uri).expanduser().absolute()
        uri, name = str(path), path.name
    if is_picture(Path(name)):
        return _of_pictures(uri, name, (uri,))
    size, modified = state_of(uri)
    with closing(Opened(uri, name, size, threads=False)) as opened:
        count = PacketCount(opened.step_s)
        width_px, height_px = _look_through(opened, count, redact(uri))
        length_s = count.length_s(float(opened.unit))
        if not length_s <= LONGEST_S:
            raise MediaError(
                f"{name} claims to last {length_s / 86400:.0f} days: its times are damaged",
                hint="Write it anew: ffmpeg -i IN -c:v libx264 OUT.mp4",
            )
        codec = opened.stream.codec_context.codec
        container_format = ",".join(opened.container.format.name.split(",")[:2])
        return Media(
            uri=uri,
            name=name,
            kind="video",
            bytes=size,
            format=container_format,
            codec=codec.canonical_name,
            audio=_sound(opened),
            width_px=width_px,
            height_px=height_px,
            frames=count.frames,
            length_s=length_s,
            fps=round(count.frames / length_s, 3) if count.frames > 1 and length_s > 0 else 0.0,
            splittable=container_format in SPLITTABLE
            and (container_format != "avi" or codec.intra_only)
            and count.splittable(),
            created=_created(opened.stream.metadata) or _created(opened.container.metadata),
            modified=modified,
        )


def scan_pictures(paths: Sequence[str], name: str) -> Media:
    """Several pictures that stand alone, as one; the size is that of the first one that can be read.

    Raises MediaError where none can be read.
    """
    whole = tuple(path if is_url(path) else str(Path(path).expanduser().absolute()) for path in paths)
    return _of_pictures(whole[0] if len(whole) == 1 else name, name, whole)


def _of_pictures(uri: str, name: str, pictures: tuple[str, ...]) -> Media:
    first: SourceError | None = None
    shape: tuple[int, ...] | None = None
    size = 0
    for picture in pictures:
        try:
            size += state_of(picture)[0]
            shape = shape or picture_bgr(picture, name_of(picture)).shape
        except SourceError as error:
            first = first or error
    if shape is None:
        if first is not None and len(pictures) == 1:
            raise first
        what = f"none of the {len(pictures)} pictures of {redact(name)} can be read"
        raise MediaError(f"{what}; the first: {first}" if first else what, hint=first.hint if first else "Name some.")
    return Media(uri, name, "pictures", size, "pictures", "", None, shape[1], shape[0], len(pictures), 0.0, 0.0,
                 splittable=True, pictures=pictures)  # fmt: skip


def _look_through(opened: Opened, count: PacketCount, shown: str) -> tuple[int, int]:
    """(width, height) of the first picture, upright; all packets go to `count`. Raises MediaError without a picture."""
    size: tuple[int, int] | None = None
    tried = 0
    for packet in chain(opened.packets(), (None,)):
        if packet is not None:
            count.add(packet)
            if size is None and packet.has_sidedata("encryption_info"):
                raise MediaError(f"{opened.name} is encrypted", hint="Export it without copy protection first.")
        for picture in opened.decode(packet, lambda: None) if tried < TRIED else ():
            size = size or _upright(picture)
            count.comes_out(picture.pts)
            tried += 1
    if size is None:
        raise MediaError(
            f"{opened.name} holds no picture that can be decoded", hint=f"Look what is in it: ffprobe '{shown}'"
        )
    return size


def _upright(picture: VideoFrame) -> tuple[int, int] | None:
    try:
        height, width = bgr_of(picture).shape[:2]
    except (FFmpegError, ValueError):  # pixels nobody can convert
        return None
    return width, height


def _sound(opened: Opened) -> str | None:
    sound = next(iter(opened.container.streams.audio), None)
    if sound is None:
        return None
    return sound.codec_context.codec.canonical_name if sound.codec_context is not None else "unknown"


def _created(metadata: dict[str, str]) -> float | None:
    """Seconds since 1970 of `creation_time`; None where it is missing or cannot be: 1904 of a device without clock."""
    said = next((value for key, value in metadata.items() if key.lower() == "creation_time"), None)
    try:
        moment = datetime.fromisoformat(said.strip()) if said else None
    except ValueError:
        return None
    if moment is None:
        return None
    created = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return created if EARLIEST <= created <= time.time() else None

"""Real media files for tests, written with the same library that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from monitor.types import U8


def numbered(index: int, *, width_px: int = 64, height_px: int = 48) -> U8:
    """Grey of value 7 * index, top left quarter white: tells which frame it is, and which way up."""
    bgr = np.full((height_px, width_px, 3), 7 * index, np.uint8)
    bgr[: height_px // 2, : width_px // 2] = 255
    return bgr


def number_of(bgr: U8) -> int:
    """The index that `numbered` painted, read from the darkest corner."""
    height, width = bgr.shape[:2]
    corners = [bgr[y, x].mean() for y in (height // 6, -height // 6) for x in (width // 6, -width // 6)]
    return round(float(min(corners)) / 7)


def write_video(
    path: Path,
    frames: Sequence[U8],
    *,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: int | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of `frames` at 25 a second, or at `times_s`; `rotation` (degrees counterclockwise) for its header."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options={"crf": "5"} | (options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000) if times_s else Fraction(1, 25)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i, bgr in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(bgr, "bgr24")
            picture.pts = round(times_s[i] * 1000) if times_s else i
            picture.time_base = stream.codec_context.time_base
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """A second of silence and no pictures."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        samples.sample_rate = 16000
        for packet in (*stream.encode(samples), *stream.encode()):
            out.mux(packet)
    return path

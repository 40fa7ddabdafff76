"""How pictures become a video that browsers play: which encoder, what it is told, colours, sizes and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from monitor.errors import SinkError
from monitor.types import U8

TICKS = 90_000
"""Time base of what is written, per second: every common frame rate falls on whole ticks."""
_SPEED = {"preset": "veryfast", "crf": "20", "bf": "0", "g": "60"}
ENCODERS: Mapping[str, Mapping[str, str]] = {
    # No B-frames: times need no shift, and a killed run loses little.
    "libx264": _SPEED,
    "libopenh264": {"b": "6000000", "g": "60"},
    "h264_videotoolbox": {"b": "6000000", "g": "60"},
    "h264_mf": {"b": "6000000", "g": "60"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0", "row-mt": "1", "g": "60"},
}


def built_in(encoders: Sequence[str]) -> list[str]:
    """Those of `encoders` that this FFmpeg has, in their order. Raises SinkError where it has none."""
    found = [name for name in encoders if name in av.codecs_available]
    if not found:
        raise SinkError(f"no encoder for video: none of {', '.join(encoders)}", hint="pip install --upgrade av")
    return found


def pick_encoder(encoders: Sequence[str], width: int, height: int) -> tuple[str, str]:
    """(encoder, why it is not libx264): the first of `encoders` that works here at this size. Raises SinkError."""
    troubles = []
    for name in encoders:
        if problem := _problem(name, width, height):
            troubles.append(f"{name}: {problem}")
            continue
        why = "; ".join(troubles) or "libx264 is not in this build of FFmpeg"
        return name, "" if name == "libx264" else why
    raise SinkError(f"no encoder takes {width} x {height}: {'; '.join(troubles)}", hint="pip install --upgrade av")


def even(width: int, height: int) -> tuple[int, int]:
    """The size a video has for pictures of this one: encoders want even numbers."""
    return width + width % 2, height + height % 2


def add_video(container: OutputContainer, encoder: str, width: int, height: int) -> VideoStream:
    """A stream of `container` that `encode` fills."""
    stream = container.add_stream(encoder, rate=30, options=dict(ENCODERS.get(encoder, {})))
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = stream.time_base = Fraction(1, TICKS)
    # What cv2's conversion makes: BT.601, 16..235. Said so, or players guess by the size.
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 6, 6, 6
    return stream


def encode(stream: VideoStream, picture: U8, tick: int) -> list[av.Packet[VideoStream]]:
    """The packets that are ready once `picture` is in, shown from `tick` on."""
    yuv = np.asarray(cv2.cvtColor(fit(picture, stream.width, stream.height), cv2.COLOR_BGR2YUV_I420), np.uint8)
    frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
    frame.pts, frame.time_base = tick, Fraction(1, TICKS)
    return stream.encode(frame)


def _problem(encoder: str, width: int, height: int) -> str:
    """Why `encoder` does not work here; empty when it does. Being built in is not enough: its device may be missing."""
    try:
        context = av.CodecContext.create(encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, TICKS), Fraction(30)
        context.open()
    except (av.FFmpegError, ValueError) as error:
        return str(error)
    return ""


def fit(picture: U8, width: int, height: int) -> U8:
    """`picture` at the size of the video: an odd edge repeated, another size scaled and framed in black."""
    h, w = picture.shape[:2]
    if (w, h) == (width, height):
        return picture
    if even(w, h) == (width, height):
        return np.asarray(cv2.copyMakeBorder(picture, 0, h % 2, 0, w % 2, cv2.BORDER_REPLICATE), np.uint8)
    scale = min(width / w, height / h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    framed = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    framed[y : y + size[1], x : x + size[0]] = small
    return framed

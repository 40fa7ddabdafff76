"""People to watch: short videos and pictures of the two public-domain portraits, made while the tests run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from monitor.mask_drawing import draw_mask
from monitor.types import U8
from tests.portraits import portraits
from tests.videos import write_video

COLLINS, HOPPER = 0, 1


def person(who: int = COLLINS, *, masked: bool = False, height_px: int = 200) -> U8:
    """A portrait, with a mask drawn on if wanted."""
    picture, points = portraits()[who]
    if masked:
        picture = draw_mask(picture, points)
    scale = height_px / picture.shape[0]
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def walk(n: int, *, who: int = COLLINS, masked: bool = False, size_px: tuple[int, int] = (320, 240)) -> list[U8]:
    """`n` frames (width, height) in which somebody passes slowly from left to right over grey, and comes back."""
    width, height = size_px
    picture = person(who, masked=masked, height_px=height * 5 // 6)
    frames, room = [], width - picture.shape[1]
    for i in range(n):
        bgr = np.full((height, width, 3), 110, np.uint8)
        x = room - abs(room - i % (2 * room))
        bgr[height // 12 : height // 12 + picture.shape[0], x : x + picture.shape[1]] = picture
        frames.append(bgr)
    return frames


def walk_video(path: Path, n: int, *, times_s: Sequence[float] | None = None, who: int = COLLINS) -> Path:
    return write_video(path, walk(n, who=who), times_s=times_s, options={"crf": "18"})


def played(path: Path) -> list[tuple[float, U8]]:
    """(seconds, BGR picture) of every frame of a video, which must decode without an error to its end."""
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return [(float(frame.time or 0), frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]

"""Films with sound: a flash and a beep at the same instant, and what of both comes out again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from monitor.types import U8

RATE_HZ = 48000


def beep(length_s: float, at_s: float, *, channels: int = 1) -> npt.NDArray[np.float32]:
    """(channels, n): silence with a tone of 0.1 s that begins at `at_s`."""
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    tone = np.where((t >= at_s) & (t < at_s + 0.1), 0.6 * np.sin(2 * np.pi * 1000 * (t - at_s)), 0)
    return np.repeat(tone[None].astype(np.float32), channels, axis=0)


def write_film(
    path: Path,
    frames: Sequence[U8],
    times_s: Sequence[float],
    sound: npt.NDArray[np.float32] | None = None,
    *,
    codec: str = "aac",
    sound_from_s: float = 0.0,
    rate_hz: int = RATE_HZ,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of `frames` at `times_s` (whole milliseconds); `sound`, at RATE_HZ, begins at `sound_from_s`."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "5", "bf": "0", "g": "12"} | (options or {}))
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        packets = []
        if sound is not None:
            audio = out.add_stream(codec, rate=rate_hz)
            audio.codec_context.layout = "mono" if len(sound) == 1 else "stereo"
        for bgr, t in zip(frames, times_s, strict=True):
            picture = av.VideoFrame.from_ndarray(bgr, "bgr24")
            picture.pts, picture.time_base = round(t * 1000), Fraction(1, 1000)
            packets += video.encode(picture)
        packets += video.encode(None)
        if sound is not None:
            resampler = av.AudioResampler(format=audio.codec_context.format or "fltp", rate=rate_hz)
            whole = av.AudioFrame.from_ndarray(sound, "fltp", "mono" if len(sound) == 1 else "stereo")
            whole.sample_rate, whole.time_base = RATE_HZ, Fraction(1, RATE_HZ)
            whole.pts = round(sound_from_s * RATE_HZ)
            for frame in resampler.resample(whole):
                packets += audio.encode(frame)
            packets += audio.encode(None)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return path


def heard(path: Path) -> npt.NDArray[np.float32]:
    """The sound as one hears it beside the pictures, from their second 0 on: (n,) at RATE_HZ."""
    with av.open(str(path)) as container:
        zero = next(container.decode(video=0)).time or 0.0
    timeline = np.zeros(RATE_HZ * 120, np.float32)
    end = 0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
        for frame in container.decode(audio=0):
            start = round((frame.time - zero) * RATE_HZ)
            for part in resampler.resample(frame):
                samples = part.to_ndarray()[0]
                samples = samples[max(0, -start) :]
                start = max(start, 0)
                timeline[start : start + len(samples)] = samples
                start = end = start + len(samples)
    return timeline[:end]


def beep_s(path: Path) -> float:
    """When the tone begins."""
    loud = np.abs(heard(path)) > 0.2
    assert loud.any(), "no beep"
    return int(np.argmax(loud)) / RATE_HZ


def flash_s(path: Path) -> float:
    """When the first bright picture is shown."""
    with av.open(str(path)) as container:
        return next(f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 150)


def times_of(path: Path) -> list[float]:
    """When each picture is shown."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]

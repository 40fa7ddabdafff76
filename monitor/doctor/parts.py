"""The parts that see, judge and keep what they see to themselves."""

from __future__ import annotations

import io
import sys
import time

from monitor.doctor.check import Finding, Status
from monitor.settings import Settings

FILM_FRAMES = 12
DEMO_T_S = 5.0
"""A moment of the demo scene that shows faces."""


def look_at_decoder(_settings: Settings) -> Finding:
    """Writes a short H.264 film in memory and reads it back."""
    import av
    import numpy as np

    film = io.BytesIO()
    ramp = np.tile(np.linspace(0, 255, 128, dtype=np.uint8)[None, :, None], (128, 1, 3))
    with av.open(film, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        for _ in range(FILM_FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, format="bgr24")))
        out.mux(stream.encode(None))
    film.seek(0)
    with av.open(film, "r") as back:
        pictures = [frame.to_ndarray(format="bgr24").astype(np.int16) for frame in back.decode(video=0)]
    error = max((float(np.abs(picture - ramp).mean()) for picture in pictures), default=255.0)
    if len(pictures) != FILM_FRAMES or error > 8:
        what = f"H.264 came back as {len(pictures)} of {FILM_FRAMES} frames, {error:.0f} of 255 off"
        return Finding("fail", what, "pip install --force-reinstall av")
    return Finding("ok", f"H.264 written and read back, {film.getbuffer().nbytes} bytes")


def look_at_detector(settings: Settings) -> Finding:
    """Verifies the models and finds the faces of one picture of the demo scene."""
    from monitor.detect import FaceDetector
    from monitor.sources.demo import render
    from monitor.types import Frame

    frame = Frame(0, 0.0, None, render(DEMO_T_S))
    frame.bgr.setflags(write=False)
    detector = FaceDetector(settings.detector)
    try:
        start_s = time.perf_counter()
        faces = detector.detect(frame)
        ms = (time.perf_counter() - start_s) * 1000
    finally:
        detector.close()
    if not faces:
        return Finding("fail", "no face found in the demo picture", "pip install --force-reinstall mediapipe")
    return Finding("ok", f"models as published; {len(faces)} faces found in the demo picture in {ms:.0f} ms")


def look_at_engine(settings: Settings) -> Finding:
    """Loads the engine (builds it on first use) and judges a crop."""
    import numpy as np

    from engines import open_engine

    wish = settings.engine
    engine = open_engine(
        wish.bundle, runtime=wish.runtime, precision=wish.precision, threads=wish.threads, require_gpu=wish.require_gpu
    )
    try:
        side = engine.card.input_px
        crops = np.full((1, side, side, 3), 127, np.uint8)
        engine.infer(crops)
        start_s = time.perf_counter()
        probs = engine.infer(crops)
        ms = (time.perf_counter() - start_s) * 1000
        name, info = f"{engine.card.name} {engine.card.version}", engine.info
    finally:
        engine.close()
    if not np.isclose(probs.sum(), 1, atol=1e-3):
        return Finding("fail", f"{name} answers {probs.tolist()}, no probabilities", "use another --bundle")
    return Finding("ok", f"{name} on {info.runtime} {info.precision} ({info.device}): {ms:.1f} ms a face")


def look_at_guard(_settings: Settings) -> Finding:
    """Tries to open a socket as the detector would."""
    from monitor.detect.egress import self_test

    state = self_test()
    if state.active:
        return Finding("ok", state.why)
    cure = "run it on Linux 3.17 or later, or forbid it the network with a firewall: MediaPipe contacts a metrics host"
    status: Status = "fail" if sys.platform.startswith("linux") else "warn"  # elsewhere there is no such guard
    return Finding(status, f"the detector is not kept off the network: {state.why}", cure)

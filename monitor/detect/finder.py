"""MediaPipe's two face models behind one call: what is in this part of the frame?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from monitor.detect.library import import_mediapipe, without_chatter
from monitor.detect.models import MODELS, Model, load_model
from monitor.detect.passes import Find, Window, is_cut
from monitor.errors import DetectorError
from monitor.types import U8, Box, Face

SAMPLES = 5
"""A window is brought down to at most so many times the model's input; the library's own sampling would skip pixels."""


_OPEN: set[Any] = set()
"""Models not closed yet. They must not become garbage: their destructor may wait for ever for a thread that is gone."""


class Finder:
    """Both models, loaded. Everything that touches MediaPipe happens in the thread that calls this class."""

    def __init__(self, keep_score: float, folder: Path) -> None:
        """Raises DetectorError for a model that is not the published one, or a library that does not start."""
        data = {model: load_model(model, folder) for model in MODELS}
        self._models: dict[Model, Any] = {}
        with without_chatter():
            try:
                self._mediapipe, tasks = import_mediapipe()
                for model, content in data.items():
                    options = tasks.vision.FaceDetectorOptions(
                        base_options=tasks.BaseOptions(model_asset_buffer=content),
                        running_mode=tasks.vision.RunningMode.IMAGE,
                        min_detection_confidence=keep_score,
                    )
                    self._models[model] = tasks.vision.FaceDetector.create_from_options(options)
                    _OPEN.add(self._models[model])
                    self._run(model, np.zeros((model.input_px, model.input_px, 3), np.uint8))  # the slow first time
            except (ImportError, OSError, RuntimeError, ValueError) as error:
                raise DetectorError(
                    f"MediaPipe does not start: {error}",
                    hint="`monitor doctor` says which library is missing.",
                ) from error

    def find(self, bgr: U8, looks: Sequence[tuple[Window, Model]]) -> list[list[Find]]:
        """What each look shows. Raises DetectorError."""
        return [self._look(bgr, *look) for look in looks]

    def _look(self, bgr: U8, window: Window, model: Model) -> list[Find]:
        """What `model` sees in `window` of the picture, in px of the picture, clipped to it.

        Faces cut by a border of the window inside the picture are left out. Raises DetectorError.
        """
        height, width = bgr.shape[:2]
        part = bgr[window.y0 : window.y1, window.x0 : window.x1]
        step = math.ceil(max(part.shape[:2]) / (SAMPLES * model.input_px))
        if step > 1:  # whole numbers of pixels are averaged several times as fast as fractions
            size = max(1, round(part.shape[1] / step)), max(1, round(part.shape[0] / step))
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        try:
            found = self._run(model, cv2.cvtColor(part, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]
        except (OSError, RuntimeError, ValueError) as error:
            raise DetectorError(f"MediaPipe failed: {error}", hint="Run `monitor doctor`.") from error
        faces = (_face(one, window, part.shape) for one in found)
        detail = model.input_px / max(window.x1 - window.x0, window.y1 - window.y0)
        return [
            Find(Face(clipped, face.score, face.points), detail)
            for face in faces
            if not is_cut(face.box, window, width, height) and (clipped := _clip(face.box, width, height)).area > 0
        ]

    def _run(self, model: Model, rgb: U8) -> Iterable[Any]:
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)
        return self._models[model].detect(image).detections  # type: ignore[no-any-return]

    def close(self) -> None:
        """Gives the models back; may be called twice."""
        with without_chatter():
            while self._models:
                _, model = self._models.popitem()
                model.close()
                _OPEN.discard(model)


def _face(found: Any, window: Window, shape: tuple[int, ...]) -> Face:
    """One find in px of the frame; `shape` is that of the picture the model saw of `window`."""
    width, height = window.x1 - window.x0, window.y1 - window.y0
    x_scale, y_scale = width / shape[1], height / shape[0]
    box = found.bounding_box
    x0, y0 = window.x0 + box.origin_x * x_scale, window.y0 + box.origin_y * y_scale
    points = np.array(
        [(window.x0 + point.x * width, window.y0 + point.y * height) for point in found.keypoints], np.float32
    )
    points.setflags(write=False)
    return Face(
        Box(x0, y0, x0 + box.width * x_scale, y0 + box.height * y_scale),
        float(found.categories[0].score),
        points,
    )


def _clip(box: Box, width_px: int, height_px: int) -> Box:
    return Box(
        min(max(box.x0, 0.0), width_px), min(max(box.y0, 0.0), height_px),
        min(max(box.x1, 0.0), width_px), min(max(box.y1, 0.0), height_px),
    )  # fmt: skip

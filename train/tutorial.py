"""The loop people write from tutorials, as a yardstick: each picture and each face one after another, with Keras."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines import load_bundle
from monitor.detect.models import FOLDER, SHORT_RANGE
from train.architectures import architecture
from train.recipe import Recipe
from train.weights import adopt

FPS = 30
"""Of the video that is written."""


class PlainLoop:
    """Detect in the whole picture, `keras.Model.predict` for each face, draw, and where asked write with OpenCV.

    It searches once where our program searches several parts, and follows nobody: it does less, not more.
    """

    def __init__(self, bundle: str | None = None) -> None:
        """Loads the bundle's weights into Keras. Raises BundleError and TrainError."""
        import mediapipe as mp

        card = load_bundle(bundle).card
        self._px, self._classes = card.input_px, card.classes
        self._model: Any = architecture("vgg16").build(Recipe(input_px=card.input_px), len(card.classes))
        rgb = np.random.default_rng(0).integers(0, 256, (8, card.input_px, card.input_px, 3), np.uint8)
        adopt(self._model, bundle or card.name, rgb, lambda _text: None)
        self._mp: Any = mp
        options = mp.tasks.vision.FaceDetectorOptions(
            base_options=mp.tasks.BaseOptions(model_asset_path=str(FOLDER / SHORT_RANGE.file))
        )
        self._detector: Any = mp.tasks.vision.FaceDetector.create_from_options(options)
        self._model.predict(rgb[:1].astype(np.float32), verbose=0)

    def play(self, film: Path, out: Path | None) -> Generator[int, None, None]:
        """The film again and again, for ever; yields the number of faces after each picture. Raises OSError."""
        while True:
            video, writer, frames = cv2.VideoCapture(str(film)), None, 0
            try:
                while (picture := video.read())[0]:
                    bgr, frames = picture[1], frames + 1
                    faces = self._look(bgr)
                    if out is not None:
                        size = bgr.shape[1], bgr.shape[0]
                        writer = writer or cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
                        writer.write(bgr)
                    yield faces
            finally:
                video.release()
                if writer is not None:
                    writer.release()
            if not frames:
                raise OSError(f"OpenCV reads no picture of {film}")

    def close(self) -> None:
        """Gives the detector back."""
        self._detector.close()

    def _look(self, bgr: Any) -> int:
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        found = self._detector.detect(self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=rgb)).detections
        for face in found:
            self._judge(bgr, face.bounding_box)
        return len(found)

    def _judge(self, bgr: Any, box: Any) -> None:
        x, y = max(0, box.origin_x), max(0, box.origin_y)
        crop = cv2.resize(bgr[y : y + box.height, x : x + box.width], (self._px, self._px))
        rgb = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB), np.float32)
        probs = self._model.predict(rgb[None], verbose=0)[0]
        cv2.rectangle(bgr, (x, y), (x + box.width, y + box.height), (0, 255, 0), 2)
        text = f"{self._classes[int(probs.argmax())]} {probs.max():.2f}"
        cv2.putText(bgr, text, (x, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 2)

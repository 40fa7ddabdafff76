"""The two face models and what they must weigh: a model that is not the published one is not used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import DetectorError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Model:
    """One of MediaPipe's face models."""

    file: str
    sha256: str
    input_px: int
    """Side of the square it looks at."""


SHORT_RANGE = Model(
    "face_detection_short_range.tflite", "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8", 128
)
"""Fast; faces from about an eighth of the picture's longer side on."""
FULL_RANGE = Model(
    "face_detection_full_range_sparse.tflite", "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1", 192
)
"""Slower; finds faces a third of that size."""
MODELS = (SHORT_RANGE, FULL_RANGE)


def load_model(model: Model, folder: Path = FOLDER) -> bytes:
    """The model's bytes, checked. Raises DetectorError where the file is missing or not the published one."""
    path = folder / model.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DetectorError(
            f"cannot read the face model {path}: {error.strerror}", hint="Install face-monitor again."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != model.sha256:
        raise DetectorError(
            f"{path} is not the published face model: sha256 {found[:16]}..., expected {model.sha256[:16]}...",
            hint="Install face-monitor again: pip install --force-reinstall --no-deps face-monitor",
        )
    return data

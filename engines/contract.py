"""What an engine is: uint8 RGB crops in, float32 probabilities out, and the card that says what they mean.

EngineError                  4   (every error here ends the program with exit code 4)
 ├─ BundleError                  a bundle that is missing, damaged or not one
 ├─ BuildError                   a bundle that could not be compiled
 ├─ RuntimeMissing               a runtime asked for by name that is not here
 └─ InferenceError               an engine that was asked wrongly, or failed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
F32: TypeAlias = npt.NDArray[np.float32]


class EngineError(Exception):
    """An error people see as two lines: what happened, and what to do (`hint`)."""

    exit_code = 4
    usual_hint = "run it again as `monitor --verbose ...` and report what it prints"

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint or self.usual_hint


class BundleError(EngineError):
    usual_hint = "get the bundle again: reinstall the program, copy the folder anew, or export it again"


class BuildError(EngineError):
    usual_hint = "the bundle was put together wrongly: export it again, or use the shipped one (leave --bundle away)"


class RuntimeMissing(EngineError):
    usual_hint = "leave --runtime away: then what is there is used"


class InferenceError(EngineError):
    usual_hint = "try --precision fp32; if that fails too, reinstall the program"


@dataclass(frozen=True, slots=True)
class Card:
    """What people and programs must know of a model; stored beside it as card.json."""

    name: str
    version: str
    architecture: str
    classes: tuple[str, ...]
    """In the order of the output: real, fake, mask."""
    input_px: int
    """Side of the square input."""
    crop_margin: float
    """The crop's side is max(w, h) * (1 + 2 * crop_margin) of the detector's box."""
    priors: tuple[float, ...]
    """Share of each class in the mix the probabilities are calibrated for."""
    confidence: float
    """Below this the answer is undecided; from the risk-coverage curve on validation data."""
    min_face_px: float
    """Faces with a smaller box (longer side, px) were not seen in training."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    """Calibration: tensor name -> (lowest, highest) activation seen; int8 graphs are derived from these."""
    metrics: Mapping[str, Any] = field(default_factory=dict, repr=False)
    licence: str = ""
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)
    """Precision -> how far it may be from fp32: least agreement, most max_dp and mean_dp. See engines.parity."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """How an engine answers, for people, logs and summaries."""

    runtime: str
    precision: str
    device: str
    why: str
    """Why this runtime and precision were chosen."""
    fingerprint: str


class Engine(Protocol):
    """A bundle compiled for one runtime, precision and machine."""

    card: Card
    info: EngineInfo

    def infer(self, rgb: U8) -> F32:
        """Probabilities float32 (N, K) for crops uint8 (N, H, W, 3); N = 0 gives (0, K).

        The answer is the caller's to keep. Raises InferenceError.
        """
        ...

    def close(self) -> None: ...


def check_crops(rgb: npt.NDArray[Any], card: Card) -> None:
    """Refuses anything but uint8 (N, input_px, input_px, 3). Raises InferenceError quoting both shapes."""
    want = (card.input_px, card.input_px, 3)
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[1:] != want:
        what = f"the engine wants uint8 (N, {want[0]}, {want[1]}, 3), got {rgb.dtype} {rgb.shape}"
        raise InferenceError(what, hint="cut crops with engines.crop, at the input_px of the engine's card")

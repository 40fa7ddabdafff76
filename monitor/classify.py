"""Tracks -> judgements: crop, look whether the crop is worth asking about, ask the engine once for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Protocol

import cv2
import numpy as np

from engines.contract import Card
from engines.crop import crop_face
from monitor.types import F32, U8, Face, Frame, Judgement, Track

SHARPNESS_PX = 64
"""Sharpness is measured at this size: finer detail is not what tells the classes apart."""


def sharpness(rgb: U8) -> float:
    """Variance of the Laplacian of the grey crop at 64 px over the variance of its grey values, times 100.

    The Laplacian's variance is the usual focus measure (Pech-Pacheco et al. 2000); dividing by the contrast keeps dim
    pictures from counting as blurred.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SHARPNESS_PX, SHARPNESS_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    contrast = float(small.var())
    return 100 * float(cv2.Laplacian(small, cv2.CV_32F).var()) / contrast if contrast > 1 else 0.0


class Cropper:
    """Cuts faces as a model wants them; a face too small or too blurred is answered with the reason instead."""

    def __init__(self, card: Card, *, min_face_px: float, min_sharpness: float) -> None:
        self._card, self._min_face_px, self._min_sharpness = card, min_face_px, min_sharpness

    def cut(self, frame: Frame, face: Face, out: U8) -> str | None:
        """Writes the crop of `face` into `out` (px, px, 3); the reason why it is not worth a judgement, or None."""
        box = face.box
        if max(box.width, box.height) < self._min_face_px:
            return "small"
        card = self._card
        crop_face(frame.bgr, (box.x0, box.y0, box.x1, box.y1), margin=card.crop_margin, size_px=card.input_px, out=out)
        return "blurred" if sharpness(out) < self._min_sharpness else None


class Crops:
    """Room for crops that wait for one call of the engine; it grows to what was needed once."""

    def __init__(self, input_px: int) -> None:
        self._rgb: U8 = np.empty((8, input_px, input_px, 3), np.uint8)
        self._used = 0

    @property
    def next(self) -> U8:
        """The place of the next crop."""
        if self._used == len(self._rgb):
            self._rgb = np.concatenate([self._rgb, np.empty_like(self._rgb)])
        place: U8 = self._rgb[self._used]
        return place

    def keep(self) -> None:
        """What was written to `next` stays."""
        self._used += 1

    def take(self) -> U8:
        """(N, px, px, 3): what was kept since the last time; it holds until the next `keep`."""
        used, self._used = self._used, 0
        kept: U8 = self._rgb[:used]
        return kept


class Pending(Protocol):
    """What the engine will say."""

    @property
    def ready(self) -> bool: ...
    def get(self) -> tuple[F32, float]:
        """Probabilities (N, K), and the seconds they took; waited for. Raises InferenceError."""
        ...


class Asked:
    """Judgements that were asked for in one frame."""

    def __init__(self, asked: Sequence[tuple[int, str | None]], pending: Pending | None, cut_s: float) -> None:
        self.asked = tuple(asked)
        """(track's id, why its crop is not worth a judgement, or None)"""
        self._pending = pending
        self.cut_s = cut_s
        """Of cutting the crops."""
        self.took_s = 0.0
        """Of the engine, once there are judgements."""

    @property
    def ready(self) -> bool:
        """`judgements` does not wait."""
        return self._pending is None or self._pending.ready

    def judgements(self) -> tuple[Judgement, ...]:
        """One for each that was asked about, in their order; waited for. Raises InferenceError."""
        probs: Iterator[F32] = iter(())
        if self._pending is not None:
            found, self.took_s = self._pending.get()
            probs = iter(found)
        return tuple(Judgement(i, next(probs) if reason is None else None, reason) for i, reason in self.asked)


Infer = Callable[[U8], Pending]
"""Hands crops (N, px, px, 3) to an engine; they are not touched before it has answered."""


class Classifier:
    """Judges tracks with an engine, all of a frame in one call."""

    def __init__(self, infer: Infer, card: Card, cropper: Cropper) -> None:
        self._infer, self._cropper = infer, cropper
        self._crops = Crops(card.input_px)

    def ask(self, frame: Frame, tracks: Sequence[Track]) -> Asked:
        """Cuts the faces and hands them to the engine; what was asked before must have been answered."""
        return self.ask_all([(frame, tracks)])[0]

    def ask_all(self, parts: Sequence[tuple[Frame, Sequence[Track]]]) -> list[Asked]:
        """The same for faces of several frames, in one call of the engine; one answer for each, in their order."""
        cuts: list[tuple[list[tuple[int, str | None]], int, float]] = []
        for frame, tracks in parts:
            begun, asked, kept = perf_counter(), list[tuple[int, str | None]](), 0
            for track in tracks:
                reason = self._cropper.cut(frame, track.face, self._crops.next)
                if reason is None:
                    self._crops.keep()
                    kept += 1
                asked.append((track.id, reason))
            cuts.append((asked, kept, perf_counter() - begun))
        rgb = self._crops.take()
        pending = self._infer(rgb) if len(rgb) else None
        answers, first = [], 0
        for asked, kept, cut_s in cuts:
            answers.append(Asked(asked, _Part(pending, first, kept, len(rgb)) if pending and kept else None, cut_s))
            first += kept
        return answers


class _Part:
    """A frame's share of an answer."""

    def __init__(self, whole: Pending, first: int, count: int, of: int) -> None:
        self._whole, self._first, self._count, self._of = whole, first, count, of

    @property
    def ready(self) -> bool:
        return self._whole.ready

    def get(self) -> tuple[F32, float]:
        probs, took_s = self._whole.get()
        return probs[self._first : self._first + self._count], took_s * self._count / self._of

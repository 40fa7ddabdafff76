"""The one way from a face box to what the classifier sees, for training and running alike."""

from __future__ import annotations

import cv2
import numpy as np

from engines.contract import U8


def crop_face(
    bgr: U8, box: tuple[float, float, float, float], *, margin: float, size_px: int, out: U8 | None = None
) -> U8:
    """The face as the classifier wants it: uint8 RGB (size_px, size_px, 3); written into `out` where given.

    A square of side max(w, h) * (1 + 2 * margin) around the middle of `box` = (x0, y0, x1, y1) px; where it leaves the
    frame, edge pixels are repeated, so that a face at the border keeps its proportions. Area interpolation down,
    linear up. Raises ValueError for an empty box or frame.
    """
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0) * (1 + 2 * margin)
    height, width = bgr.shape[:2]
    if not side > 0 or height == 0 or width == 0:
        raise ValueError(f"no crop from box {box} in a frame of {width}x{height}")
    n = max(1, round(side))
    left, top = round((x0 + x1) / 2 - side / 2), round((y0 + y1) / 2 - side / 2)
    # A box wholly outside still gives its nearest edge pixels.
    inner_x0, inner_x1 = min(max(left, 0), width - 1), max(min(left + n, width), 1)
    inner_y0, inner_y1 = min(max(top, 0), height - 1), max(min(top + n, height), 1)
    patch = bgr[inner_y0 : max(inner_y1, inner_y0 + 1), inner_x0 : max(inner_x1, inner_x0 + 1)]
    interpolation = cv2.INTER_AREA if n > size_px else cv2.INTER_LINEAR
    pads = (inner_y0 - top, top + n - inner_y0 - patch.shape[0], inner_x0 - left, left + n - inner_x0 - patch.shape[1])
    if any(pad > 0 for pad in pads):
        before_y, after_y, before_x, after_x = (max(0, pad) for pad in pads)
        patch = np.asarray(
            cv2.copyMakeBorder(patch, before_y, after_y, before_x, after_x, cv2.BORDER_REPLICATE)[:n, :n], np.uint8
        )
    small = cv2.resize(patch, (size_px, size_px), interpolation=interpolation)
    target = np.empty((size_px, size_px, 3), np.uint8) if out is None else out
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=target), np.uint8)

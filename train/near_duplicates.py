"""Pictures that are nearly the same: by difference hash, also mirrored, so that no copy crosses a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from engines.contract import U8

Hashes: TypeAlias = npt.NDArray[np.uint64]

MOST_BITS = 4
"""Of 64: pictures whose hashes differ in at most so many are near-duplicates."""
_AT_ONCE = 256


def difference_hash(bgr: U8) -> tuple[int, int]:
    """64 bits of a picture (H, W, 3) and of its mirror image: is a cell of 8 rows of 9 brighter than the one before?"""
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    return _bits(np.asarray(grey, np.uint8)), _bits(np.asarray(cv2.flip(grey, 1), np.uint8))


def _bits(grey: npt.NDArray[np.uint8]) -> int:
    cells = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    brighter = (cells[:, 1:] > cells[:, :-1]).ravel()
    return int(np.packbits(brighter).view(">u8")[0])


def clusters(hashes: Sequence[int], mirrored: Sequence[int], most_bits: int = MOST_BITS) -> list[int]:
    """For each picture the first picture of its cluster; near-duplicates of near-duplicates are in one cluster."""
    plain, flipped = np.array(hashes, np.uint64), np.array(mirrored, np.uint64)
    first = list(range(len(plain)))

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = first[i]
        return i

    for start in range(0, len(plain), _AT_ONCE):
        block = plain[start : start + _AT_ONCE, None]
        for others in (plain, flipped):
            near = np.bitwise_count(block ^ others[None, : start + _AT_ONCE]) <= most_bits
            for row, other in zip(*np.nonzero(near), strict=True):
                one, two = root(start + int(row)), root(int(other))
                first[max(one, two)] = min(one, two)
    return [root(i) for i in range(len(plain))]

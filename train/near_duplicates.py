"""Pictures that are nearly the same: by difference hash, also mirrored, so that no copy crosses a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from engines.contract import U8

Words: TypeAlias = npt.NDArray[np.uint64]

COARSE_BITS = 8
"""Of 64: pictures that differ in more are no near-duplicates; cheap to ask of every pair."""
FINE_BITS = 28
"""Of 256: of those that are left. Portraits that only are cropped alike differ in 50 and more."""
_AT_ONCE = 256


@dataclass(frozen=True)
class PictureHash:
    """Is a cell of a small grey picture brighter than the one before? Of the picture and of its mirror image."""

    coarse: int
    """8 rows of 8 such bits."""
    coarse_mirrored: int
    fine: bytes
    """16 rows of 16 such bits."""
    fine_mirrored: bytes


def picture_hash(bgr: U8) -> PictureHash:
    """The hash of a picture (H, W, 3), whatever its size."""
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    plain, mirrored = np.asarray(grey, np.uint8), np.asarray(cv2.flip(grey, 1), np.uint8)
    coarse, other = (int.from_bytes(_bits(side, 8), "big") for side in (plain, mirrored))
    return PictureHash(coarse, other, _bits(plain, 16), _bits(mirrored, 16))


def _bits(grey: U8, n: int) -> bytes:
    cells = cv2.resize(grey, (n + 1, n), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits((cells[:, 1:] > cells[:, :-1]).ravel()).tobytes()


def clusters(hashes: Sequence[PictureHash]) -> list[int]:
    """For each picture the first picture of its cluster; near-duplicates of near-duplicates are in one cluster."""
    first = list(range(len(hashes)))

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = first[i]
        return i

    for one, two in _near(hashes):
        a, b = root(one), root(two)
        first[max(a, b)] = min(a, b)
    return [root(i) for i in range(len(hashes))]


def _near(hashes: Sequence[PictureHash]) -> Iterator[tuple[int, int]]:
    """Pairs of near-duplicates."""
    plain = np.array([h.coarse for h in hashes], np.uint64)
    fine = _words([h.fine for h in hashes])
    sides = (
        (plain, fine),
        (np.array([h.coarse_mirrored for h in hashes], np.uint64), _words([h.fine_mirrored for h in hashes])),
    )
    for start in range(0, len(hashes), _AT_ONCE):
        end = start + _AT_ONCE
        for coarse, detail in sides:
            rows, others = np.nonzero(np.bitwise_count(plain[start:end, None] ^ coarse[None, :end]) <= COARSE_BITS)
            apart = np.bitwise_count(fine[start + rows] ^ detail[others]).sum(axis=1)
            close = apart <= FINE_BITS
            yield from zip((start + rows[close]).tolist(), others[close].tolist(), strict=True)


def _words(hashes: Sequence[bytes]) -> Words:
    return np.frombuffer(b"".join(hashes), np.uint64).reshape(len(hashes), 4)

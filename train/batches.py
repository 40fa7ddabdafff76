"""Which pictures a step sees: balanced by class and source, a function of (seed, step) alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from engines.contract import F32, U8
from train.augment import Augment, augmented, center_crop
from train.errors import DataError
from train.manifest import Prepared


class Batches:
    """Training batches (uint8 RGB (B, P, P, 3), int64 (B,)); `batch(step)` repeats exactly.

    Classes have the shares given. Within a class a source weighs as the square root of its smallest class, so that real
    and fake pictures of one source stay balanced and a large source does not drown the others. Without shares every
    picture comes as often as every other; without augmentation pictures come as the program would cut them.
    """

    def __init__(
        self,
        data: Prepared,
        *,
        batch: int,
        input_px: int,
        margin: float,
        class_shares: Sequence[float] | None,
        augment: Augment | None,
        seed: int,
        split: str = "train",
    ) -> None:
        self._data, self._size, self._px, self._margin = data, batch, input_px, margin
        self._augment, self._seed = augment, seed
        if class_shares is None:
            self._cells, self._shares = [data.where(split)], np.ones(1, np.float32)
        else:
            self._cells, self._shares = _cells(data, split, class_shares)

    def batch(self, step: int) -> tuple[U8, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        rng = np.random.default_rng((self._seed, step))
        cells = rng.choice(len(self._cells), self._size, p=self._shares)
        rows = [int(rng.choice(self._cells[cell])) for cell in cells]
        rgb = np.empty((self._size, self._px, self._px, 3), np.uint8)
        for i, row in enumerate(rows):
            rgb[i] = self._version(self._data.crops[row], rng)
        return rgb, np.array([self._data.classes.index(self._data.rows[row].label) for row in rows], np.int64)

    def _version(self, stored: U8, rng: np.random.Generator) -> U8:
        if self._augment is None:
            return center_crop(stored, stored_margin=self._data.margin, margin=self._margin, size_px=self._px)
        return augmented(
            stored, rng, self._augment, stored_margin=self._data.margin, margin=self._margin, size_px=self._px
        )

    def ahead(self, first: int, last: int, depth: int = 4) -> Iterator[tuple[int, U8, F32]]:
        """(step, rgb, one-hot labels) for the steps first..last-1, made ahead in another thread."""
        eye = np.eye(len(self._data.classes), dtype=np.float32)
        with ThreadPoolExecutor(1) as pool:
            waiting: list[tuple[int, Future[tuple[U8, np.ndarray[tuple[int], np.dtype[np.int64]]]]]] = []
            for step in range(first, last + depth):
                if step < last:
                    waiting.append((step, pool.submit(self.batch, step)))
                if len(waiting) > depth or step >= last:
                    if not waiting:
                        return
                    done, future = waiting.pop(0)
                    rgb, labels = future.result()
                    yield done, rgb, eye[labels]


def _cells(
    data: Prepared, split: str, class_shares: Sequence[float]
) -> tuple[list[np.ndarray[tuple[int], np.dtype[np.int64]]], F32]:
    members: dict[tuple[str, str], list[int]] = {}
    for i in data.where(split):
        members.setdefault((data.rows[i].label, data.rows[i].source), []).append(int(i))
    present = {label for label, _ in members}
    if len(class_shares) != len(data.classes):
        raise DataError(
            f"{len(class_shares)} class shares for the classes {', '.join(data.classes)}", hint="mend the recipe"
        )
    if missing := [label for label in data.classes if label not in present]:
        raise DataError(f"split {split} has no picture of class {', '.join(missing)}", hint="prepare more data")
    weights = {}
    for label, source in members:
        smallest = min(len(rows) for (_, other), rows in members.items() if other == source)
        weights[label, source] = smallest**0.5
    totals = {label: sum(w for (other, _), w in weights.items() if other == label) for label in present}
    of_class = dict(zip(data.classes, class_shares, strict=True))
    shares = np.array([of_class[cell[0]] * weights[cell] / totals[cell[0]] for cell in members])
    return [np.array(rows, np.int64) for rows in members.values()], shares / shares.sum()


def plain(data: Prepared, rows: np.ndarray[tuple[int], np.dtype[np.int64]], *, input_px: int, margin: float) -> U8:
    """The rows' crops as the program would cut them: uint8 RGB (N, input_px, input_px, 3)."""
    rgb = np.empty((len(rows), input_px, input_px, 3), np.uint8)
    for i, row in enumerate(rows):
        rgb[i] = center_crop(data.crops[row], stored_margin=data.margin, margin=margin, size_px=input_px)
    return rgb

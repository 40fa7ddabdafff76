"""Which pictures a step sees: balanced by class and source, a function of (seed, step) alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeAlias

import numpy as np

from engines.contract import F32, U8
from train.augment import augmented, center_crop
from train.errors import DataError
from train.makers import made_by_processes
from train.manifest import Prepared
from train.recipe import Recipe

AHEAD = 4
"""Batches that a thread has ready."""
Rows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


class Batches:
    """Training batches (uint8 RGB (B, P, P, 3), float32 (B, K)); `batch(step)` repeats exactly.

    Classes have the recipe's shares. Within a class a source weighs as the square root of its smallest class, so that
    real and fake pictures of one source stay balanced and a large source does not drown the others; the recipe's
    source_weights multiply that. Without shares pictures are drawn evenly; without augmentation they come as the
    program would cut them.
    """

    def __init__(self, data: Prepared, recipe: Recipe, split: str = "train", *, workers: int = 0) -> None:
        self.data, self.recipe, self.split, self._workers = data, recipe, split, workers
        self._labels = data.labels
        if recipe.class_shares is None:
            self._cells, self._shares = [data.where(split)], np.ones(1, np.float32)
        else:
            self._cells, self._shares = _cells(data, split, recipe.class_shares, recipe.source_weights)
        self._fakes = _fakes_by_group(data, split) if recipe.paired else {}

    def batch(self, step: int) -> tuple[U8, F32]:
        rng = np.random.default_rng((self.recipe.seed, step))
        rows, looks = self._chosen(rng)
        rgb = np.stack([self._version(row, np.random.default_rng(look)) for row, look in zip(rows, looks, strict=True)])
        onehot = np.eye(len(self.data.classes), dtype=np.float32)[self._labels[rows]]
        return _mixed(rgb, onehot, rng, self.recipe.mixup) if self.recipe.mixup else (rgb, onehot)

    def _chosen(self, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """Rows, and the seeds of their versions: an original and the fake that is paired with it get the same look."""
        cells = rng.choice(len(self._cells), self.recipe.batch, p=self._shares)
        rows = [int(rng.choice(self._cells[cell])) for cell in cells]
        looks = [int(seed) for seed in rng.integers(0, 2**63, len(rows))]
        if not self._fakes:
            return rows, looks
        classes, groups = self.data.classes, self.data.rows
        slots = [i for i, row in enumerate(rows) if self._labels[row] == classes.index("fake")]
        for i, row in enumerate(rows):
            partners = self._fakes.get(groups[row].group, []) if self._labels[row] == classes.index("real") else []
            if partners and slots and rng.random() < self.recipe.paired:
                slot = slots.pop()
                rows[slot], looks[slot] = int(rng.choice(partners)), looks[i]
        return rows, looks

    def _version(self, row: int, rng: np.random.Generator) -> U8:
        stored, recipe = self.data.crops[row], self.recipe
        size = {"stored_margin": self.data.margin, "margin": recipe.margin}
        if recipe.augment is None:
            return center_crop(stored, **size, size_px=recipe.input_px)
        return augmented(stored, rng, recipe.augment, **size, size_px=recipe.input_px)

    def ahead(self, first: int, last: int) -> Iterator[tuple[int, U8, F32]]:
        """(step, rgb, labels) for the steps first..last-1, made ahead by a thread, or by processes.

        Raises MakersEnded where a process ended or could not be started.
        """
        steps = range(first, last)
        here = ((step, *self.batch(step)) for step in steps)
        makers = made_by_processes(self, steps, self._workers) if self._workers else nullcontext(here)
        # In this order: the makers end first, and with them a wait of the thread.
        with ThreadPoolExecutor(1) as thread, makers as made:
            try:
                waiting = deque(thread.submit(next, made, None) for _ in range(AHEAD))
                while (found := waiting.popleft().result()) is not None:
                    waiting.append(thread.submit(next, made, None))
                    yield found
            finally:
                thread.shutdown(wait=False, cancel_futures=True)


def _mixed(rgb: U8, onehot: F32, rng: np.random.Generator, alpha: float) -> tuple[U8, F32]:
    """Every picture with some of another one, and its label likewise (mixup, Zhang et al. 2018)."""
    share = rng.beta(alpha, alpha, (len(rgb), 1, 1, 1)).astype(np.float32)
    other = rng.permutation(len(rgb))
    mixed = np.rint(share * rgb + (1 - share) * rgb[other]).astype(np.uint8)
    label_share = share.reshape(-1, 1)
    return mixed, np.asarray(label_share * onehot + (1 - label_share) * onehot[other], np.float32)


def _fakes_by_group(data: Prepared, split: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i in data.where(split):
        if data.rows[i].label == "fake":
            found.setdefault(data.rows[i].group, []).append(int(i))
    return found


def _cells(
    data: Prepared, split: str, class_shares: Sequence[float], source_weights: Mapping[str, float]
) -> tuple[list[Rows], F32]:
    """The rows of every class and source, and how often each such cell is drawn."""
    members: dict[tuple[str, str], list[int]] = {}
    for i in data.where(split):
        members.setdefault((data.rows[i].label, data.rows[i].source), []).append(int(i))
    present = {label for label, _ in members}
    if len(class_shares) != len(data.classes):
        what = f"{len(class_shares)} class shares for the classes {', '.join(data.classes)}"
        raise DataError(what, hint="mend class_shares in the recipe")
    if missing := [label for label in data.classes if label not in present]:
        raise DataError(f"split {split} has no picture of class {', '.join(missing)}", hint="prepare more data")
    if unknown := sorted(set(source_weights) - {source for _, source in members}):
        what = f"source_weights names {', '.join(unknown)}, which the split {split} does not have"
        raise DataError(what, hint=f"it has {', '.join(sorted({source for _, source in members}))}")
    weights = {}
    for label, source in members:
        smallest = min(len(rows) for (_, other), rows in members.items() if other == source)
        weights[label, source] = smallest**0.5 * source_weights.get(source, 1.0)
    totals = {label: sum(w for (other, _), w in weights.items() if other == label) for label in present}
    of_class = dict(zip(data.classes, class_shares, strict=True))
    shares = np.array([of_class[cell[0]] * weights[cell] / totals[cell[0]] for cell in members])
    return [np.array(rows, np.int64) for rows in members.values()], shares / shares.sum()


def plain(data: Prepared, rows: Rows, *, input_px: int, margin: float) -> U8:
    """The rows' crops as the program would cut them: uint8 RGB (N, input_px, input_px, 3)."""
    rgb = np.empty((len(rows), input_px, input_px, 3), np.uint8)
    for i, row in enumerate(rows):
        rgb[i] = center_crop(data.crops[row], stored_margin=data.margin, margin=margin, size_px=input_px)
    return rgb

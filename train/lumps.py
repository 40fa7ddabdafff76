"""What a division of pictures leaves without: said at once, not when something is missing later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from train.manifest import SPLITS
from train.spec import CLASSES

HALF = 0.5


def lumps(pictures: Iterable[tuple[str, str, str]]) -> list[str]:
    """Sentences on pictures (class, group, split): splits without a class, and groups that hold most of one."""
    rows, told = list(pictures), []
    for label in CLASSES:
        mine = [(group, split) for of, group, split in rows if of == label]
        if gone := [split for split in SPLITS if split not in {split for _, split in mine}]:
            told.append(f"no picture of {label} is in the split {' and '.join(gone)}")
        (_, most), *_ = Counter(group for group, _ in mine).most_common(1)
        if most > HALF * len(mine) and len(mine) > 1:
            told.append(f"{most} of {len(mine)} pictures of {label} are one group, which is never divided")
    return told

"""How far a number would move with other people: intervals by drawing groups, not pictures, again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from train.batches import Rows

ROUNDS = 300


def intervals(
    measure: Callable[[Rows], Mapping[str, float]], groups: Sequence[str], *, rounds: int = ROUNDS, seed: int = 0
) -> dict[str, list[float]]:
    """{name: [2.5 %, 97.5 %]} of what `measure` says of rows drawn with replacement, whole groups at a time.

    Pictures of one person, pair or cluster are alike; drawing pictures would make intervals too narrow (Efron &
    Tibshirani 1993, chapter 8). A number that a drawing lacks does not count in it.
    """
    members: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    rows = [np.array(found, np.int64) for found in members.values()]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(rounds):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        for name, value in measure(chosen).items():
            if not np.isnan(value):
                drawn.setdefault(name, []).append(value)
    return {
        name: [round(float(np.percentile(values, 2.5)), 4), round(float(np.percentile(values, 97.5)), 4)]
        for name, values in drawn.items()
    }

"""A fixed piece of work that has nothing to do with this program: how fast is the machine at this moment?"""

from __future__ import annotations

from time import perf_counter

import numpy as np

NUMBERS = 200_000
"""In each of three arrays: together they fit into the second cache."""
COPIED = 1 << 20
"""Numbers that are moved through memory: 4 MB there and back."""
TURNS = 25_000
"""Of a plain Python loop: the program's own steps are of this kind."""
REPETITIONS = 21
QUICK = 0.25
"""The share of the repetitions that counts: the others were interrupted by something."""


class Reference:
    """Arithmetic, memory moved, and interpreted steps, on one thread: what a frame consists of.

    Clouds and laptops have fast and slow hours. What this took on average over a run says how fast the machine was, so
    that two runs can be compared. One thread: a library that spreads work over processors measures who else
    uses them, not how fast they are. It must never change: a result is comparable only while it is the same.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._a, self._b, self._c = (rng.random(NUMBERS, np.float32) for _ in range(3))
        self._from, self._to = np.ones(COPIED, np.float32), np.empty(COPIED, np.float32)
        for _ in range(3):
            self._work()

    def time_ms(self) -> float:
        """What the quicker repetitions took, the slowest of them; less than a tenth of a second in all."""
        found = []
        for _ in range(REPETITIONS):
            begun = perf_counter()
            self._work()
            found.append(1e3 * (perf_counter() - begun))
        return sorted(found)[int(QUICK * REPETITIONS)]

    def _work(self) -> int:
        for _ in range(8):
            np.multiply(self._a, self._b, out=self._c)
            np.add(self._c, self._a, out=self._c)
            np.sqrt(self._c, out=self._c)
        np.copyto(self._to, self._from)
        steps = 0
        for i in range(TURNS):
            steps += i & 3
        return steps

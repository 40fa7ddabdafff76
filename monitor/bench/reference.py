"""A fixed piece of work that has nothing to do with this program: how fast is the machine at this moment?"""

from __future__ import annotations

import statistics
from time import perf_counter

import cv2
import numpy as np

EDGE = 448
"""Of the product: 90 million multiplications, spread by the library over the processors."""
TURNS = 25_000
"""Of a plain Python loop: the program's own steps are of this kind."""
REPETITIONS = 21


class Reference:
    """Arithmetic on all processors, pictures moved through memory, and interpreted steps: what a frame consists of.

    Clouds and laptops have fast and slow minutes. A rate times what this took just then changes less than the rate
    alone, so that two runs can be compared. It must never change: a result is comparable only while it is the same.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._square = rng.random((EDGE, EDGE), np.float32)
        self._picture = rng.integers(0, 256, (720, 1280, 3), np.uint8)
        for _ in range(3):
            self._work()

    def time_ms(self) -> float:
        """The median of some repetitions, less than a tenth of a second in all."""
        found = []
        for _ in range(REPETITIONS):
            begun = perf_counter()
            self._work()
            found.append(1e3 * (perf_counter() - begun))
        return statistics.median(found)

    def _work(self) -> float:
        product = self._square @ self._square
        small = cv2.resize(self._picture, (640, 360), interpolation=cv2.INTER_AREA)
        swapped = cv2.cvtColor(self._picture, cv2.COLOR_BGR2RGB)
        steps = 0
        for i in range(TURNS):
            steps += i & 3
        return float(product[0, 0]) + float(small[0, 0, 0]) + float(swapped[0, 0, 0]) + steps

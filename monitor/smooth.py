"""What would stop a live picture for a moment is done before it begins."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from monitor.motion import prepare


@contextmanager
def smoothly() -> Iterator[None]:
    """Inside, nothing is loaded for the first time, and what is there now is never searched for garbage.

    Measured: the first time that people come close costs 0.4 s (SciPy is loaded), a full collection 30 to 50 ms with
    the libraries of this program in memory; both are longer than a frame.
    """
    prepare()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

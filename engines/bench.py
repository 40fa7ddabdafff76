"""How fast the engines of a bundle are here: every runtime, precision and size of batch, taken in turn in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.artefacts import parsed
from engines.build import RUNTIMES, open_engine
from engines.bundle import Bundle
from engines.contract import Engine, EngineError
from engines.machine import usable_threads
from engines.work import Peak, multiplications, peak

WARM_UP = 5
BASELINE = ("onnxruntime", "fp32")
"""What the others are compared with, at the same batch."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One engine at one size of batch."""

    runtime: str
    precision: str
    batch: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    faces_per_s: float
    """At the median."""
    times_baseline: float
    """The baseline's median over this one's: 2 is twice as fast."""
    peak_share: float | None
    """Of the best rate of any kernel in this precision; None where that is not measured."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured, and what could not be."""

    timings: tuple[Timing, ...]
    peaks: dict[str, Peak]
    multiplications: int
    left_out: tuple[str, ...]
    """Runtime and precision, and why."""


def bench(
    bundle: Bundle, *, batches: Sequence[int] = (1, 8), precisions: Sequence[str] = ("int8", "fp32"), rounds: int = 100,
    threads: int | None = None, cache_dir: Path | None = None, say: Callable[[str], None] = lambda _: None,
) -> Bench:  # fmt: skip
    """Medians and percentiles of `rounds` calls after a warm-up. Raises EngineError where the baseline cannot be run.

    All engines are open at once and asked in turn, so that what disturbs one disturbs all.
    """
    threads = threads or usable_threads()
    with ExitStack() as stack:
        engines, left_out = _open(bundle, tuple(precisions), threads, cache_dir, say, stack)
        times = _times(engines, bundle, batches, rounds, say)
    say("the best rate of this machine")
    peaks = {name: peak(name, threads) for name in ("int8", "fp32")}
    work = multiplications(parsed(bundle))
    rows = []
    for (runtime, precision, batch), seconds in times.items():
        p50, p95, p99 = np.percentile(seconds, (50, 95, 99))
        base = float(np.median(times[(*BASELINE, batch)]))
        best = peaks.get(precision) if runtime == "onnxruntime" else None
        share = None if best is None else work * batch / p50 / best.per_s
        rows.append(Timing(runtime, precision, batch, p50 * 1e3, p95 * 1e3, p99 * 1e3, batch / p50, base / p50, share))
    return Bench(tuple(rows), peaks, work, left_out)


def _open(
    bundle: Bundle, precisions: tuple[str, ...], threads: int, cache_dir: Path | None, say: Callable[[str], None],
    stack: ExitStack,
) -> tuple[dict[tuple[str, str], Engine], tuple[str, ...]]:  # fmt: skip
    engines: dict[tuple[str, str], Engine] = {}
    left_out = []
    for runtime in RUNTIMES:
        for precision in dict.fromkeys((*precisions, *([BASELINE[1]] if runtime == BASELINE[0] else []))):
            try:
                engine = open_engine(
                    bundle.folder, runtime=runtime, precision=precision, threads=threads, cache_dir=cache_dir, say=say
                )
            except EngineError as error:
                if (runtime, precision) == BASELINE:
                    raise
                left_out.append(f"{runtime} {precision}: {error}")
                continue
            engines[runtime, precision] = stack.enter_context(closing(engine))
    return engines, tuple(left_out)


def _times(
    engines: dict[tuple[str, str], Engine], bundle: Bundle, batches: Sequence[int], rounds: int,
    say: Callable[[str], None],
) -> dict[tuple[str, str, int], list[float]]:  # fmt: skip
    """{(runtime, precision, batch): seconds of each call}."""
    px, rng = bundle.card.input_px, np.random.default_rng(0)
    crops = {batch: rng.integers(0, 256, (batch, px, px, 3), np.uint8) for batch in batches}
    found: dict[tuple[str, str, int], list[float]] = {(*key, batch): [] for batch in batches for key in engines}
    for turn in range(WARM_UP + rounds):
        if turn in (0, WARM_UP):
            say("warming up" if turn == 0 else f"{rounds} rounds")
        for (*key, batch), seconds in found.items():
            begun = time.perf_counter()
            engines[key[0], key[1]].infer(crops[batch])
            if turn >= WARM_UP:
                seconds.append(time.perf_counter() - begun)
    return found

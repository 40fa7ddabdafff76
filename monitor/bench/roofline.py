"""Each stage against the most this machine can do: is it the arithmetic, the memory, or neither that it waits for?

The model of Williams, Waterman and Patterson (2009): no stage is faster than its arithmetic at the machine's peak, nor
than what it must move at the memory's rate. An operation is a multiplication or an addition. What must be moved at
least: decoding writes 1.5 bytes a pixel, reads them and writes 3; encoding the other way round; detection reads the
picture once (short range) and the part whose turn it is; drawing copies the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engines.artefacts import parsed
from engines.bundle import Bundle
from engines.contract import EngineError
from engines.gpu_peak import gpu_bandwidth, gpu_peak
from engines.machine import nvidia_gpu, usable_threads
from engines.plans import PLAN_RUNTIMES
from engines.trt.cuda import open_cuda
from engines.trt.library import load_library
from engines.work import multiplications, peak, quickest, summing
from monitor.bench.facts import Measured, Point, Report
from monitor.detect.models import FULL_RANGE, SHORT_RANGE
from monitor.detect.passes import Tiles, tile_grid
from monitor.detect.work import multiplications as of_detector

BYTES_A_PIXEL = {"decode": 6.0, "encode": 6.0, "draw": 6.0}
LARGE_BYTES = 1 << 26
"""Least size of the arrays that are moved."""
TIMES_CACHES = 4
"""The arrays' size in all last caches, as McCalpin's STREAM has it: less would measure them and not the memory."""
MOST_OF_MEMORY = 0.1
CACHES = Path("/sys/devices/system/cpu")
ROUNDS = 5
BOUND = 0.4
"""A share from which that is what a stage waits for."""


def roofline(report: Report, bundle: Bundle) -> dict[str, Any]:
    """See `facts.Report.roofline`. Raises EngineError and DetectorError."""
    main = report.main
    threads = usable_threads()
    int8, fp32, (memory, how) = peak("int8", threads), peak("fp32", threads), bandwidth(threads)
    peaks = {"int8": 2 * int8.per_s / 1e9, "fp32": 2 * fp32.per_s / 1e9, "memory": memory / 1e9}
    gpu, why = _gpu(main.point)
    if gpu is not None:
        peaks["gpu"] = gpu["gops"]
    return {
        "int8_gops": round(peaks["int8"], 1), "fp32_gops": round(peaks["fp32"], 1),
        "memory_gbps": round(peaks["memory"], 2), "gpu": gpu, "threads": threads,
        "stages": [row for stage, ms in report.stage_ms.items() if (row := _row(stage, ms.p50, main, bundle, peaks))],
        "how": {
            "int8": int8.kernel, "fp32": fp32.kernel, "memory": how,
            "gpu": why,
        },
    }  # fmt: skip


def _gpu(point: Point) -> tuple[dict[str, Any] | None, str]:
    """({precision, gops, memory_gbps} of the GPU that classifies, or None; what reached it, or why there is none)."""
    if point.runtime not in PLAN_RUNTIMES:
        found = nvidia_gpu()
        return None, "there is none" if found is None else f"{found} is not what classified"
    try:
        cuda = open_cuda()
        best = gpu_peak(load_library(point.runtime), cuda, point.precision)
        memory_gbps = gpu_bandwidth(cuda) / 1e9
    except EngineError as error:
        return None, f"not measured: {error}"
    gops = round(2 * best.per_s / 1e9, 1)
    return {"precision": point.precision, "gops": gops, "memory_gbps": round(memory_gbps, 2)}, best.kernel


def bandwidth(threads: int) -> tuple[float, str]:
    """(bytes a second, what reached it): the best of the ways at hand to move arrays far larger than any cache."""
    numbers = array_bytes(CACHES) // np.dtype(np.float32).itemsize
    a, b = np.ones(numbers, np.float32), np.empty(numbers, np.float32)
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "a copy by one thread": (lambda: np.copyto(b, a), 2 * a.nbytes),
        f"an array doubled by {threads} threads": (summing(a, threads), 2 * a.nbytes),
    }
    rates = {name: moved / quickest(run, ROUNDS) for name, (run, moved) in ways.items()}
    best = max(rates, key=lambda name: rates[name])
    return rates[best], f"{best}, {a.nbytes / 1e6:.0f} MB"


def array_bytes(caches: Path) -> int:
    """The size of one array that no cache holds, within MOST_OF_MEMORY of what is free. `caches`: as in /sys."""
    found = {}
    for index in caches.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            size = (index / "size").read_text().strip()
            shared = (index / "shared_cpu_list").read_text().strip(), (index / "level").read_text().strip()
            found[shared] = int(size.rstrip("KM")) * {"K": 1 << 10, "M": 1 << 20}[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):  # then this one is not known
            continue
    last = max((level for _, level in found), default="")
    wanted = TIMES_CACHES * sum(size for (_, level), size in found.items() if level == last)
    return max(LARGE_BYTES, min(wanted, int(MOST_OF_MEMORY * psutil.virtual_memory().available)))


def _row(stage: str, ms: float, main: Measured, bundle: Bundle, peaks: dict[str, float]) -> dict[str, Any] | None:
    """One stage at its median; None where there is nothing to say."""
    if stage in ("read", "match", "display"):
        return None
    point = main.point
    pixels = point.width_px * point.height_px
    gops: float | None = None
    moved_mb: float | None = BYTES_A_PIXEL[stage] * pixels / 1e6 if stage in BYTES_A_PIXEL else None
    peak_gops: float | None = peaks["fp32"]
    if stage == "detect":
        gops, moved_mb = _detection(point.width_px, point.height_px, point.tiles)
    if stage == "classify":
        calls = [s.judgements_per_s / s.askings_per_s for s in main.rounds if s.askings_per_s]
        gops = 2 * multiplications(parsed(bundle)) / 1e9 * float(np.median(calls)) if calls else None
        unit = "int8" if point.precision == "int8" else "fp32"
        peak_gops = peaks.get("gpu") if point.runtime in PLAN_RUNTIMES else peaks[unit]
    peak_share = None if gops is None or peak_gops is None else gops / (ms / 1e3) / peak_gops
    bandwidth_share = None if moved_mb is None else moved_mb / 1e3 / (ms / 1e3) / peaks["memory"]
    return {
        "stage": stage, "ms": round(ms, 3), "gops": _rounded(gops), "moved_mb": _rounded(moved_mb),
        "peak_share": _rounded(peak_share), "bandwidth_share": _rounded(bandwidth_share),
        "bound": _bound(peak_share, bandwidth_share),
    }  # fmt: skip


def _detection(width: int, height: int, tiles: str) -> tuple[float | None, float]:
    """(thousand million operations, MB) of the two looks that every frame gets; closer looks come on top."""
    short, full = of_detector(SHORT_RANGE), of_detector(FULL_RANGE)
    wanted: Tiles = tiles  # type: ignore[assignment]
    parts = tile_grid(width, height, wanted)
    areas = [(part.x1 - part.x0) * (part.y1 - part.y0) for part in parts] + [width * height]
    moved_mb = 3 * (width * height + float(np.mean(areas))) / 1e6
    return (None if short is None or full is None else 2 * (short + full) / 1e9), moved_mb


def _bound(peak_share: float | None, bandwidth_share: float | None) -> str:
    shares = {"arithmetic": peak_share or 0.0, "memory": bandwidth_share or 0.0}
    if peak_share is None and bandwidth_share is None:
        return "not known"
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= BOUND else "neither"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""Whether the comparison can be trusted: unchanged programs are no regression, a planted slowdown is one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from engines.cache import cache_folder
from monitor.bench.compare import compare
from monitor.bench.facts import Report
from monitor.bench.run import Wish, bench
from monitor.detect import FaceDetector
from monitor.settings import Settings
from monitor.types import Box, Face, Frame

TOLERANCE = 0.05


def trials(asked: argparse.Namespace) -> dict[str, Any]:
    """`count` runs, each compared with the first; then one whose frames are made slower by `slower`."""
    first = _run("the first")
    ours = first.main
    rows, cries = [], 0
    for number in range(asked.count):
        found = compare(_run(f"unchanged, {number + 1} of {asked.count}"), first, TOLERANCE)
        cries += found.regressed
        rows.append({row.key: [round(row.ratio, 4), round(row.band, 4), row.verdict] for row in found.rows})
    planted = compare(_planted(asked.slower * ours.frame_ms.p50 / 1e3), first, TOLERANCE)
    told = {row.key: [round(row.ratio, 4), round(row.band, 4), row.verdict] for row in planted.rows}
    return {
        "count": asked.count, "cries": cries, "planted": asked.slower, "found": planted.regressed, "unchanged": rows,
        "slowed": told, "holds": cries == 0 and planted.regressed,
    }  # fmt: skip


def _run(what: str) -> Report:
    print(what, file=sys.stderr)
    settings = Settings()
    quiet = replace(settings, show=replace(settings.show, headless=True))
    return bench(Wish(None, cache_folder() / "films", labels=False), quiet, lambda _: None, lambda: False)


def _planted(more_s: float) -> Report:
    """The same with `more_s` of work more in each search."""
    plain = FaceDetector.detect

    def slower(self: FaceDetector, frame: Frame, near: Sequence[Box] = ()) -> tuple[Face, ...]:
        end = perf_counter() + more_s
        while perf_counter() < end:
            pass
        return plain(self, frame, near)

    FaceDetector.detect = slower  # type: ignore[method-assign]
    try:
        return _run(f"{1e3 * more_s:.2f} ms slower")
    finally:
        FaceDetector.detect = plain  # type: ignore[method-assign]

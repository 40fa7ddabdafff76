"""Whether the comparison can be trusted: unchanged programs are no regression, a planted slowdown is one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from engines.cache import cache_folder
from monitor.bench.compare import Comparison, compare
from monitor.bench.facts import Report
from monitor.bench.run import Wish, bench
from monitor.detect import FaceDetector
from monitor.settings import Settings
from monitor.types import Box, Face, Frame

TOLERANCE = 0.05


def trials(asked: argparse.Namespace) -> dict[str, Any]:
    """One run; one whose frames are made slower by `slower`; `count` more. Each is compared with the first."""
    first = _run("the first", asked.keep)
    planted = compare(_planted(asked.slower * first.main.frame_ms.p50 / 1e3, asked.keep), first, TOLERANCE)
    unchanged = [
        compare(_run(f"unchanged, {n + 1} of {asked.count}", asked.keep), first, TOLERANCE) for n in range(asked.count)
    ]
    cries = sum(found.regressed for found in unchanged)
    return {
        "count": asked.count, "cries": cries, "planted": asked.slower, "found": planted.regressed,
        "slowed": _told(planted), "unchanged": [_told(found) for found in unchanged],
        "holds": cries == 0 and planted.regressed,
    }  # fmt: skip


def _told(found: Comparison) -> dict[str, Any]:
    return {row.key: [round(row.ratio, 4), round(row.band, 4), row.verdict] for row in found.rows}


def _run(what: str, keep: Path | None) -> Report:
    print(what, file=sys.stderr, flush=True)
    settings = Settings()
    quiet = replace(settings, show=replace(settings.show, headless=True))
    found = bench(Wish(None, cache_folder() / "films", labels=False), quiet, lambda _: None, lambda: False)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{what.replace(' ', '-')}.json").write_text(json.dumps(found.as_json()))
    return found


def _planted(more_s: float, keep: Path | None) -> Report:
    """The same with `more_s` of work more in each search."""
    plain = FaceDetector.detect

    def slower(self: FaceDetector, frame: Frame, near: Sequence[Box] = ()) -> tuple[Face, ...]:
        end = perf_counter() + more_s
        while perf_counter() < end:
            pass
        return plain(self, frame, near)

    FaceDetector.detect = slower  # type: ignore[method-assign]
    try:
        return _run(f"{1e3 * more_s:.2f} ms slower", keep)
    finally:
        FaceDetector.detect = plain  # type: ignore[method-assign]

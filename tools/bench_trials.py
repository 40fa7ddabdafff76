"""Whether the comparison can be trusted: unchanged programs are no regression, a planted slowdown is one."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from time import perf_counter
from typing import Any

from engines.cache import cache_folder
from monitor.bench.compare import Comparison, compare, read_report
from monitor.bench.facts import Report
from monitor.bench.run import Wish, bench
from monitor.overlay import Overlay
from monitor.settings import Settings
from monitor.types import Scene

TOLERANCE = 0.05


def trials(asked: argparse.Namespace) -> dict[str, Any]:
    """One run; one that is made slower by `slower`; `count` more. Each is compared with the first.

    The runs that `keep` holds already are not made again.
    """
    first = _run("first", asked.keep)
    slowed = _planted(asked.slower / first.main.fps, asked.keep)
    unchanged = [_run(f"unchanged-{n + 1}", asked.keep) for n in range(asked.count)]
    planted, found = compare(slowed, first, TOLERANCE), [compare(one, first, TOLERANCE) for one in unchanged]
    pairs = [compare(a, b, TOLERANCE).regressed for a, b in permutations((first, *unchanged), 2)]
    cries = sum(one.regressed for one in found)
    return {
        "count": asked.count, "cries": cries, "planted": asked.slower, "found": planted.regressed,
        "every_run_with_every_other": {"pairs": len(pairs), "cries": sum(pairs)},
        "slowed": _told(planted), "unchanged": [_told(one) for one in found],
        "holds": cries == 0 and planted.regressed,
    }  # fmt: skip


def _told(found: Comparison) -> dict[str, Any]:
    return {row.key: [round(row.ratio, 4), round(row.band, 4), row.verdict] for row in found.rows}


def _run(what: str, keep: Path | None) -> Report:
    kept = None if keep is None else keep / f"{what}.json"
    if kept is not None and kept.is_file():
        return read_report(kept)
    print(what, file=sys.stderr, flush=True)
    settings = Settings()
    quiet = replace(settings, show=replace(settings.show, headless=True))
    found = bench(Wish(None, cache_folder() / "films", labels=False), quiet, lambda _: None, lambda: False)
    assert found is not None
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found.as_json()))
    return found


def _planted(more_s: float, keep: Path | None) -> Report:
    """The same with `more_s` of work more for each frame, where it is drawn."""
    plain = Overlay.draw

    def slower(self: Overlay, scene: Scene) -> Scene:
        end = perf_counter() + more_s
        while perf_counter() < end:
            pass
        return plain(self, scene)

    Overlay.draw = slower  # type: ignore[method-assign]
    try:
        return _run("slowed", keep)
    finally:
        Overlay.draw = plain  # type: ignore[method-assign]

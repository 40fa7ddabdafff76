"""Does the loop deserve its numbers, and can the numbers be trusted?

    python tools/bench_proofs.py overhead              the loop without detector and engine, 720p, 4 faces: ms a frame
    python tools/bench_proofs.py flat --frames 100000  the same: does memory grow?
    python tools/bench_proofs.py paced [CLIP]          720p, 30 a second, 1, 4, 16, 28 faces: lost frames, age, turns
    python tools/bench_proofs.py trials --count 20     does the comparison cry wolf, and does it find 15 % planted?

Prints one JSON object, and stores it under its name in --out FILE.json beside what is there. Exit status 6 where
something does not hold. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from engines.cache import cache_folder
from engines.machine import cpu
from monitor.bench.crowd import film
from monitor.bench.facts import Measured, Point, Sample
from monitor.bench.films import Film, film_at
from monitor.bench.rig import Rig
from monitor.settings import Settings
from monitor.versions import versions
from tools.bench_loop import flat, overhead
from tools.bench_trials import trials

CHECK_FAILED = 6
FACES = (1, 4, 16, 28)
LOST = {28: 0.02}
"""Where more than one in a thousand frames may be lost."""
UNJUDGED_S, AGE_MS, FRAME_MS = 1.0, 60.0, 1000 / 30


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the result is stored, beside others")
    proofs = parser.add_subparsers(dest="proof", required=True)
    proofs.add_parser("overhead")
    proofs.add_parser("flat").add_argument("--frames", type=int, default=100_000)
    proofs.add_parser("paced").add_argument(
        "clip", type=Path, nargs="?", help="a clip with 28 faces, beside the drawn one"
    )
    proofs.choices["paced"].add_argument("--seconds", type=float, default=60)
    proofs.add_parser("trials").add_argument("--count", type=int, default=20)
    proofs.choices["trials"].add_argument("--slower", type=float, default=0.15, help="share by which it is slowed down")
    proofs.choices["trials"].add_argument("--keep", type=Path, metavar="FOLDER", help="where all runs are stored")
    asked = parser.parse_args()
    result = {"overhead": overhead, "flat": flat, "paced": paced, "trials": trials}[asked.proof](asked)
    machine = f"{cpu().name}, {len(os.sched_getaffinity(0))} processors, {platform.machine()}"
    result = {"date": str(date.today()), "machine": machine, "versions": dict(versions()), **result}
    print(json.dumps(result, indent=1))
    if asked.out is not None:
        known = json.loads(asked.out.read_text()) if asked.out.exists() else {}
        asked.out.write_text(json.dumps({**known, asked.proof: result}, indent=1) + "\n")
    return 0 if result["holds"] else CHECK_FAILED


def paced(asked: argparse.Namespace) -> dict[str, Any]:
    """Each film for so many seconds at 30 pictures a second, judged live."""
    settings, rows = Settings(), {}
    with ExitStack() as stack:
        rig = Rig(settings, _say, stack)
        films = {f"{n} faces": _crowd(n) for n in FACES}
        if asked.clip is not None:
            films[asked.clip.name] = film_at(asked.clip, faces=28)
        for name, played in films.items():
            point = Point(
                "live", played.name, played.width_px, played.height_px, played.faces, "onnxruntime",
                settings.engine.precision, settings.detector.tiles, pace_fps=30,
            )  # fmt: skip
            _say(name)
            rows[name] = _row(point, rig.round(point, played, asked.seconds, 1))
    return {"seconds": asked.seconds, "films": rows, "holds": all(row["holds"] for row in rows.values())}


def _row(point: Point, sample: Sample) -> dict[str, Any]:
    measured = Measured(point, (sample,))
    assert measured.age_ms is not None
    faces = point.faces or 0
    holds = {
        "lost": sample.dropped_share <= LOST.get(faces, 0.001),
        "frame": sample.frame_ms.p95 < FRAME_MS,
        "age": faces > 4 or measured.age_ms.p95 <= AGE_MS,
        "turns": faces > 16 or (sample.longest_unjudged_s or 9.9) <= UNJUDGED_S,
    }
    return {
        "frames": sample.frames, "lost": sample.dropped, "lost_share": round(sample.dropped_share, 5),
        "faces": sample.faces, "frame_ms": [sample.frame_ms.p50, sample.frame_ms.p95, sample.frame_ms.p99],
        "age_ms": [measured.age_ms.p50, measured.age_ms.p95, measured.age_ms.p99],
        "longest_unjudged_s": sample.longest_unjudged_s, "judgements_per_s": sample.judgements_per_s,
        "cpu_share": sample.cpu_share,
        "stage_ms": {stage: [s.p50, s.p95] for stage, s in sample.stage_ms.items()},
        "fails": [k for k, v in holds.items() if not v],
        "holds": all(holds.values()),
    }  # fmt: skip


def _crowd(faces: int) -> Film:
    path = film(cache_folder() / "films", faces=faces, width_px=1280, height_px=720, say=_say)
    return Film(path, "crowd", 1280, 720, faces)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

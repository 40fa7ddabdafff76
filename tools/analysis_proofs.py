"""Does the analysis keep its word? Every clip plays, results repeat, nothing is lost, memory stays flat, and how fast.

    python tools/analysis_proofs.py clips CLIPS          each annotated video played in a real browser
    python tools/analysis_proofs.py same CLIPS           --jobs 1, --jobs 2 and --ray auto give equal tables
    python tools/analysis_proofs.py agreement CLIPS      labels with adaptive judging against --every-face
    python tools/analysis_proofs.py speed CLIP           against the loop that people write from tutorials (train extra)
    python tools/analysis_proofs.py long                 peak memory of a four-hour file and of one of four minutes
    python tools/analysis_proofs.py kills --rounds 20    kill -9 at random moments, then the same command again
    python tools/analysis_proofs.py mutants --count 500  broken files: told of, and nothing crashes or hangs

CLIPS is a folder. Each starts the real program, prints one JSON object, and stores it under its name in --out FILE.json
beside what is there. Exit status 6 where something does not hold. Needs what the tests need.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from engines.machine import cpu
from monitor.versions import versions
from tools.analysis_bench import agreement, long, speed
from tools.analysis_damage import kills, mutants
from tools.analysis_results import clips, same

CHECK_FAILED = 6
PROOFS = {
    "clips": clips, "same": same, "agreement": agreement, "speed": speed, "long": long, "kills": kills,
    "mutants": mutants,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the result is stored, beside others")
    proofs = parser.add_subparsers(dest="proof", required=True)
    for name in ("clips", "same", "agreement", "speed"):
        proofs.add_parser(name).add_argument("path", type=Path)
    proofs.choices["same"].add_argument("--ray", action="store_true", help="on a Ray cluster, too")
    proofs.choices["speed"].add_argument("--rounds", type=int, default=3)
    proofs.add_parser("long").add_argument("--hours", type=float, default=4)
    proofs.add_parser("kills").add_argument("--rounds", type=int, default=20)
    proofs.add_parser("mutants").add_argument("--count", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = PROOFS[asked.proof](Path(folder), asked)
    machine = f"{cpu().name}, {len(os.sched_getaffinity(0))} processors, {platform.machine()}"
    result = {"date": str(date.today()), "machine": machine, "versions": versions(), **result}
    print(json.dumps(result, indent=1))
    if asked.out is not None:
        _store(asked.out, asked.proof, result)
    return 0 if result["holds"] else CHECK_FAILED


def _store(path: Path, proof: str, result: dict[str, Any]) -> None:
    known = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known | {proof: result}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())

"""Does the kiosk keep its word? How fast it says what holds, whether readers slow it down, what gets lost, whether it
stays flat.

    python tools/kiosk_proofs.py latency --rounds 5     every state, from its cause in the picture to the browser
    python tools/kiosk_proofs.py load --seconds 20      20 stream readers and 200 slow connections against none
    python tools/kiosk_proofs.py soak --minutes 30      memory, threads and open files with the demo scene
    python tools/kiosk_proofs.py outage --seconds 60    a web receiver and an MQTT broker stopped under events
    python tools/kiosk_proofs.py kills --rounds 50      kill -9 at random moments; the last time it ends in order

Each starts the real program, prints one JSON object, and stores it under its name in --out FILE.json beside what is
there. Exit status 6 where something was lost. Needs what the tests need: `make test` and `make system` install it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from monitor.kiosk.store import Store
from monitor.kiosk.web.credentials import new_token
from monitor.timing import Percentiles
from monitor.versions import versions
from tests.monitor.kiosk.door import Kiosk, kiosk
from tools.kiosk_latency import latency
from tools.kiosk_losses import kills, outage

CHECK_FAILED = 6
MB = 1e6
READERS, SLOW = 20, 200


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the result is stored, beside others")
    proofs = parser.add_subparsers(dest="proof", required=True)
    proofs.add_parser("latency").add_argument("--rounds", type=int, default=5)
    proofs.add_parser("load").add_argument("--seconds", type=float, default=20)
    proofs.add_parser("soak").add_argument("--minutes", type=float, default=30)
    proofs.add_parser("outage").add_argument("--seconds", type=float, default=60)
    proofs.add_parser("kills").add_argument("--rounds", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = PROOFS[asked.proof](Path(folder), asked)
    result = {"date": str(date.today()), "machine": machine(), "versions": versions(), **result}
    print(json.dumps(result, indent=1))
    if asked.out is not None:
        known = json.loads(asked.out.read_text()) if asked.out.exists() else {}
        asked.out.write_text(json.dumps({**known, asked.proof: result}, indent=1) + "\n")
    return 0 if result.get("nothing_lost", True) else CHECK_FAILED


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), "")
    return f"{platform.machine()}, {os.cpu_count()} processors, {model}"


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def load(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Pictures judged a second alone, under load, and alone again; latency and memory in each."""
    token = new_token(folder / "credentials.json")
    with kiosk(folder, "--source", "demo:faces") as door:
        door.wait_for("judged pictures", lambda: door.get("/readyz").status_code == 200)
        process = psutil.Process(door.process.pid)
        time.sleep(5)
        before = _phase(door, process, token, asked.seconds)
        crowd = _crowd(door, asked.seconds + 4, READERS, SLOW)
        time.sleep(2)
        during = _phase(door, process, token, asked.seconds)
        crowd.wait(60)
        time.sleep(2)
        after = _phase(door, process, token, asked.seconds)
    alone = (before["fps"] + after["fps"]) / 2
    return {
        "readers": READERS, "slow_connections": SLOW, "alone": before, "loaded": during, "alone_again": after,
        "fps_loaded_over_alone": round(during["fps"] / alone, 3),
    }  # fmt: skip


def _crowd(door: Kiosk, seconds: float, readers: int, slow: int) -> psutil.Popen:
    program = Path(__file__).with_name("kiosk_crowd.py")
    return psutil.Popen([sys.executable, program, door.url, *map(str, (seconds, readers, slow))])


def _phase(door: Kiosk, process: psutil.Process, token: str, seconds: float) -> dict[str, float]:
    first, latencies, began = _metrics(door, token), Percentiles(), time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(0.5)
        latencies.add(1e3 * _metrics(door, token)["monitor_kiosk_latency_seconds"])
    last, took_s = _metrics(door, token), time.monotonic() - began
    frames = last["monitor_kiosk_frames_total"] - first["monitor_kiosk_frames_total"]
    dropped = last["monitor_kiosk_frames_dropped_total"] - first["monitor_kiosk_frames_dropped_total"]
    return {
        "fps": round(frames / took_s, 2), "dropped": dropped, "latency_ms_p50": round(latencies.at(50), 1),
        "latency_ms_p95": round(latencies.at(95), 1), "rss_mb": round(process.memory_info().rss / MB, 1),
        "connections": len(process.net_connections()),
    }  # fmt: skip


def _metrics(door: Kiosk, token: str) -> dict[str, float]:
    text = door.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def soak(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Medians of the first and the last third of the samples, with one screen looking on."""
    samples: list[dict[str, float]] = []
    with ExitStack() as stack:
        door = stack.enter_context(kiosk(folder, "--source", "demo:faces", "--snapshots", "blurred"))
        door.wait_for("judged pictures", lambda: door.get("/readyz").status_code == 200)
        screen = _crowd(door, 60 * asked.minutes + 30, 1, 0)
        stack.callback(screen.kill)
        process, end_s = psutil.Process(door.process.pid), time.monotonic() + 60 * asked.minutes
        time.sleep(10)
        while time.monotonic() < end_s:
            time.sleep(5)
            with process.oneshot():
                samples.append(_sample(process))
        door.stop()
    with Store.read(folder / "kiosk.db") as store:
        verdict = store.verify()
    third = max(1, len(samples) // 3)

    def told(name: str) -> dict[str, float]:
        first, last = (statistics.median(one[name] for one in part) for part in (samples[:third], samples[-third:]))
        return {"first_third": round(first, 1), "last_third": round(last, 1), "max": max(one[name] for one in samples)}

    return {
        "minutes": asked.minutes, "samples": len(samples), **{name: told(name) for name in samples[0]},
        "events": verdict.events, "chain_holds": verdict.holds,
    }  # fmt: skip


def _sample(process: psutil.Process) -> dict[str, float]:
    return {
        "rss_mb": process.memory_info().rss / MB, "threads": process.num_threads(), "open_files": process.num_fds(),
        "cpu_percent": process.cpu_percent(),
    }  # fmt: skip


PROOFS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "latency": lambda folder, asked: latency(folder, asked.rounds),
    "outage": lambda folder, asked: outage(folder, asked.seconds),
    "kills": lambda folder, asked: kills(folder, asked.rounds),
    "load": load, "soak": soak,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())

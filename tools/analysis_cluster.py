"""Does an analysis on a cluster keep its word? A machine is lost and nothing is missing; two machines are faster; and
what a hundred machines would do with 10,000 hours, worked out from what was measured here.

    python tools/analysis_cluster.py lost       kill -9 of one of two nodes in mid-run; tables equal to --jobs 1
    python tools/analysis_cluster.py scaling    the same films with one and with two nodes of one processor
    python tools/analysis_cluster.py large      100 nodes and 10,000 hours: a simulation over measured durations

Each starts the real program and real Ray nodes on this machine, prints one JSON object, and stores it under its name in
--out FILE.json beside what is there. Exit status 6 where something does not hold. Needs what the tests need.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from engines.machine import cpu
from monitor.sources.demo import DemoFaces
from monitor.types import Frame
from monitor.versions import versions
from tools.analysis_results import MONITOR, analyze, differing

CHECK_FAILED = 6
RAY = (sys.executable, "-m", "ray.scripts.scripts")
ENV = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
    "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32),
}  # fmt: skip
LIMIT_S = 900.0


def demo_film(path: Path, seconds: float, *, fps: int = 5, size_px: tuple[int, int] = (640, 360)) -> Path:
    """The demo scene again and again: encoded once, then copied."""
    source, one = DemoFaces(), path.with_suffix(".one.mp4")
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "{}x{}".format(*size_px), "-r", str(fps), "-i", "-"]
    encoded = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", str(2 * fps), str(one)]
    with subprocess.Popen([*ffmpeg, *raw, *encoded], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        while isinstance(frame := source.read(1.0), Frame):
            if frame.index % (30 // fps) == 0:
                picture = cv2.resize(frame.bgr, size_px, interpolation=cv2.INTER_AREA)
                encoder.stdin.write(picture.tobytes())
    again = ["-stream_loop", "-1", "-i", str(one), "-t", str(seconds), "-c", "copy", str(path)]
    subprocess.run([*ffmpeg, *again], check=True)
    one.unlink()
    return path


@contextmanager
def nodes(count: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A head without processors and `count` nodes of one processor each: the head's address, and the nodes."""
    ports = iter(_free_ports(1 + 2 * (count + 1)))
    port = next(ports)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True))

        def node(*arguments: str) -> subprocess.Popen[bytes]:
            own = (f"--dashboard-agent-listen-port={next(ports)}", f"--metrics-export-port={next(ports)}")
            command = [*RAY, "start", "--block", "--disable-usage-stats", *own, *arguments]
            process = subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(kill_node, process)
            return process

        head = ("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={folder}")
        node(*head, "--object-store-memory=200000000")
        address = f"{socket.gethostbyname(socket.gethostname())}:{port}"
        _wait_for(address, 0)
        workers = []
        for number in range(count):  # one after another: two that start at once take the same sockets
            workers.append(node(f"--address={address}", "--num-cpus=1", "--object-store-memory=200000000"))
            _wait_for(address, number + 1)
        yield address, workers


def kill_node(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of everything of a node, its workers first of all: none can say goodbye."""
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        for one in (*family, process):
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _wait_for(address: str, processors: int) -> None:
    code = f"import ray; ray.init('{address}', log_to_driver=False); print(int(ray.cluster_resources().get('CPU', 0)))"
    end_s = time.monotonic() + 120
    while time.monotonic() < end_s:
        health = [*RAY, "health-check", "--address", address]
        if subprocess.run(health, env=ENV, capture_output=True, check=False).returncode == 0:
            done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=False)
            if done.stdout.strip().endswith(str(processors)):
                return
        time.sleep(0.5)
    raise SystemExit("the nodes did not come up")


def lost(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """One of two nodes is killed when a quarter of the segments are done."""
    films = [demo_film(folder / f"film-{i}.mp4", 60 * asked.minutes + 7 * i) for i in range(asked.films)]
    analyze(*films, "--out", folder / "local", "--jobs", "1", "--quiet")
    segments = sum(round(_facts(folder / "local" / film.stem)["media"]["length_s"] / 60 + 0.5) for film in films)
    with nodes(2) as (address, workers):
        command = [*MONITOR, *map(str, films), "--out", str(folder / "spread"), "--ray", address, "--json"]
        begun_s = time.monotonic()
        run = subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while _done(folder / "spread") < segments / 4 and run.poll() is None:
            time.sleep(0.1)
        done, still_running = _done(folder / "spread"), run.poll() is None
        kill_node(workers[0])
        killed_s = time.monotonic() - begun_s
        _, errors = run.communicate(timeout=LIMIT_S)
        took_s = time.monotonic() - begun_s
    unequal = differing(folder / "local", folder / "spread")
    tables = len(list((folder / "local").glob("*/*.parquet")))
    return {
        "films": len(films), "segments": segments, "nodes": "2 of 1 processor, a head of none",
        "killed_after_s": round(killed_s, 1), "segments_done_then": done, "seconds": round(took_s, 1),
        "exit_status": run.returncode, "tables": tables, "unequal": unequal,
        "stderr": errors.decode(errors="replace")[-300:] if run.returncode else "",
        "holds": still_running and run.returncode == 0 and tables == 3 * len(films) and not unequal,
    }  # fmt: skip


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "analysis.json").read_text())
    return facts


def _done(out: Path) -> int:
    """Segments there are now; those of films that are through lie in their tables."""
    return len(list(out.glob("*/.work/*.segment"))) + sum(
        round(_facts(file.parent)["media"]["length_s"] / 60 + 0.5) for file in out.glob("*/analysis.json")
    )


def scaling(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Wall time of the same films, in turn with one node and two; also by one worker without a cluster."""
    films = [demo_film(folder / f"film-{i}.mp4", 60 * asked.minutes) for i in range(asked.films)]
    seconds: dict[str, list[float]] = {"no cluster, 1 worker": [], "1 node": [], "2 nodes": []}
    loads = []
    for number in range(asked.rounds):
        loads.append(round(os.getloadavg()[0], 1))
        seconds["no cluster, 1 worker"].append(_timed(films, folder / f"{number}-0", "--jobs", "1"))
        for count in (1, 2):
            with nodes(count) as (address, _):
                name = f"{count} node{'s' * (count > 1)}"
                seconds[name].append(_timed(films, folder / f"{number}-{count}", "--ray", address))
    best = {name: min(found) for name, found in seconds.items()}
    return {
        "films": len(films), "minutes_each": asked.minutes, "seconds": seconds, "others_load_before": loads,
        "two_over_one": round(best["1 node"] / best["2 nodes"], 2), "holds": best["2 nodes"] < best["1 node"],
    }  # fmt: skip


def _timed(films: list[Path], out: Path, *way: str) -> float:
    begun_s = time.monotonic()
    subprocess.run([*MONITOR, *map(str, films), "--out", str(out), "--quiet", *way], env=ENV, check=True)
    return round(time.monotonic() - begun_s, 1)


def main() -> int:
    from tools.analysis_scale import large

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the result is stored, beside others")
    proofs = parser.add_subparsers(dest="proof", required=True)
    for name in ("lost", "scaling"):
        proofs.add_parser(name).add_argument("--minutes", type=float, default=4)
        proofs.choices[name].add_argument("--films", type=int, default=3)
    proofs.choices["scaling"].add_argument("--rounds", type=int, default=2)
    proofs.add_parser("large").add_argument("--hours", type=float, default=10_000)
    for name, usual in (("--nodes", 100), ("--processors", 16)):
        proofs.choices["large"].add_argument(name, type=int, default=usual)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {"lost": lost, "scaling": scaling, "large": large}[asked.proof](Path(folder), asked)
    machine = f"{cpu().name}, {len(os.sched_getaffinity(0))} processors, {platform.machine()}"
    told = {"date": str(date.today()), "machine": machine, "versions": versions() | {"ray": metadata.version("ray")}}
    result = told | result
    print(json.dumps(result, indent=1))
    if asked.out is not None:
        known = json.loads(asked.out.read_text()) if asked.out.exists() else {}
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(known | {asked.proof: result}, indent=1) + "\n")
    return 0 if result["holds"] else CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())

"""Proofs of what an analysis survives: being killed at any moment, and files that are no files."""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.people import walk_video
from tools.analysis_results import MONITOR, analyze, differing


def kills(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """`kill -9` of the program at random moments of a run, then the same command: equal to an unbroken run."""
    clips = folder / "clips"
    clips.mkdir()
    for number, pictures in enumerate((1600, 400, 1700)):  # two of them longer than a segment
        walk_video(clips / f"walk{number}.mp4", pictures)
    begun = time.monotonic()
    analyze(clips, "--out", folder / "whole", "--quiet")
    length_s = time.monotonic() - begun
    chance = random.Random(20261127)
    moments, unequal, left = [], 0, 0
    for number in range(asked.rounds):
        out = folder / f"out{number}"
        command = [*MONITOR, str(clips), "--out", str(out), "--quiet"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        moments.append(round(chance.uniform(0.05, 0.95) * length_s, 2))
        time.sleep(moments[-1])
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        left += len(alive)
        analyze(clips, "--out", out, "--quiet")
        unequal += bool(differing(folder / "whole", out))
        left += sum(file.suffix == ".part" or file.name == ".work" for file in out.rglob("*"))
    return {
        "rounds": asked.rounds, "unbroken_s": round(length_s, 1), "killed_at_s": moments, "unequal": unequal,
        "processes_or_files_left": left, "holds": unequal == 0 and left == 0,
    }  # fmt: skip


def mutants(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Broken files in one command: each is told of or analysed; no crash, no hang, no traceback."""
    chance = random.Random(7)
    whole = _whole_files(folder / "whole")
    clips = folder / "clips"
    clips.mkdir()
    for number in range(asked.count):
        source = chance.choice(whole)
        suffix = chance.choice([file.suffix for file in whole]) if chance.random() < 0.2 else source.suffix
        (clips / f"m{number:04d}{suffix}").write_bytes(_mutated(source.read_bytes(), chance))
    begun = time.monotonic()
    done = subprocess.run(
        [*MONITOR, str(clips), "--out", str(folder / "out"), "--jobs", "2", "--quiet", "--video"],
        capture_output=True, text=True, check=False, timeout=60 * asked.count,
    )  # fmt: skip
    index = json.loads((folder / "out" / "index.json").read_text())
    status = Counter(row["status"] for row in index["results"])
    reasons = Counter(
        re.sub(r"\S*m\d{4}\S*|[\d.]+ s\b", "…", row["why"] or "")[:80] for row in index["results"] if row["why"]
    )
    bugs = [row["why"] for row in index["results"] if row["why"] and ("worker" in row["why"] or "Error" in row["why"])]
    traceback = "Traceback" in done.stderr
    return {
        "files": asked.count, "exit_status": done.returncode, "seconds": round(time.monotonic() - begun, 1),
        "status": dict(status), "reasons": dict(reasons.most_common()), "crashed": bugs[:20], "traceback": traceback,
        "holds": not traceback and not bugs and sum(status.values()) == asked.count and done.returncode in (0, 3),
    }  # fmt: skip


def _whole_files(folder: Path) -> list[Path]:
    folder.mkdir()
    walk = walk_video(folder / "walk.mp4", 25)
    made = [walk]
    for suffix, codec in ((".mkv", "copy"), (".webm", "libvpx"), (".avi", "mjpeg"), (".mov", "copy"), (".gif", "gif")):
        target = folder / f"walk{suffix}"
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(walk), "-c:v", codec, str(target)], check=True)
        made.append(target)
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(walk), "-f", "mpegts", str(folder / "walk.ts")], check=True)
    return [*made, folder / "walk.ts"]


def _mutated(data: bytes, chance: random.Random) -> bytes:
    """Cut off, bytes flipped, a hole of zeros, parts exchanged, another beginning, or noise."""
    kind = chance.randrange(6)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    if kind == 1:
        for _ in range(chance.choice((1, 10, 100, 1000))):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        start = chance.randrange(len(changed))
        end = min(len(changed), start + chance.randrange(1, 20_000))
        changed[start:end] = bytes(end - start)
    elif kind == 3:
        middle = chance.randrange(len(changed))
        changed = changed[middle:] + changed[:middle]
    elif kind == 4:
        for i in range(min(64, len(changed))):
            changed[i] = chance.randrange(256)
    else:
        changed = bytearray(chance.randbytes(chance.randrange(200_000)))
    return bytes(changed)

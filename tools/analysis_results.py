"""Proofs of what an analysis gives: videos that play, tables that repeat."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet

from tests.browser import chromium

MONITOR = (sys.executable, "-m", "monitor", "analyze")
PLAYED = """async video => {
    if (video.readyState < 1) await new Promise(done => { video.onloadedmetadata = done; video.onerror = done; });
    if (video.error) return {error: video.error.message};
    const duration = video.duration;
    video.muted = true; video.currentTime = Math.max(0, duration - 0.4);
    await new Promise(done => { video.onseeked = done; setTimeout(done, 5000); });
    await video.play().catch(() => null);
    await new Promise(done => { video.onended = done; setTimeout(done, 5000); });
    return {duration, at: video.currentTime, ended: video.ended, width: video.videoWidth, height: video.videoHeight};
}"""


def analyze(*arguments: str | Path, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    """The real program, to its end."""
    done = subprocess.run([*MONITOR, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise SystemExit(f"monitor analyze ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done


def clips(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """All clips in one command, with video; each video is played to its end in Chromium."""
    analyze(asked.path, "--out", folder, "--video", "--quiet")
    found: dict[str, Any] = {}
    with chromium() as browser:
        page = browser.new_page()
        for facts in sorted(folder.glob("*/analysis.json")):
            told = json.loads(facts.read_text())
            page.goto((facts.parent / "annotated.mp4").as_uri())
            played = page.evaluate(PLAYED, page.query_selector("video"))
            found[facts.parent.name] = _judged(told, facts.parent / "annotated.mp4", played)
    return {"clips": found, "count": len(found), "holds": all(one["holds"] for one in found.values())}


def _judged(told: dict[str, Any], video: Path, played: dict[str, Any]) -> dict[str, Any]:
    """Duration within a picture, every picture there, sound where it was."""
    times = _times(video, "video")
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    source = Path(told["uri"])
    shift_s = _shift(source)
    ours = _shift(video)
    one = {
        "length_s": round(told["media"]["length_s"], 4), "played_s": round(played.get("duration", 0.0), 4),
        "pictures": told["frames"]["decoded"], "pictures_in_video": len(times), "ended": played.get("ended", False),
        "sound_shift_ms": None if shift_s is None or ours is None else round(1e3 * (ours - shift_s), 2),
    }  # fmt: skip
    right = abs(one["length_s"] - one["played_s"]) <= step_s + 1e-3 and one["pictures"] == one["pictures_in_video"]
    in_time = (shift_s is None) == (ours is None) and abs(one["sound_shift_ms"] or 0.0) <= 47
    return {
        **one,
        "holds": bool(right and one["ended"] and in_time),
        **({"error": played["error"]} if "error" in played else {}),
    }


def _times(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as container:
        streams = getattr(container.streams, kind)
        if not streams:
            return []
        packets = [packet for packet in container.demux(streams[0]) if packet.pts is not None]
        return sorted(float(packet.pts * packet.time_base) for packet in packets)


def _shift(path: Path) -> float | None:
    """Seconds by which the sound at or after the first picture begins after it."""
    pictures, sound = _times(path, "video"), _times(path, "audio")
    after = [t for t in sound if t >= pictures[0] - 1e-3]
    return after[0] - pictures[0] if after else None


def differing(first: Path, second: Path) -> list[str]:
    """Tables that are not equal in two folders of results, by content."""
    tables = sorted(path.relative_to(first) for path in first.glob("*/*.parquet"))
    there = sorted(path.relative_to(second) for path in second.glob("*/*.parquet"))
    unequal = [str(name) for name in set(tables) ^ set(there)]
    for name in set(tables) & set(there):
        if not pyarrow.parquet.read_table(first / name).equals(pyarrow.parquet.read_table(second / name)):
            unequal.append(str(name))
    return sorted(unequal)


def same(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Equal tables whoever worked."""
    ways: dict[str, tuple[str, ...]] = {"--jobs 1": ("--jobs", "1"), "--jobs 2": ("--jobs", "2")}
    if asked.ray:
        ways["--ray auto"] = ("--ray", "auto")
    for number, way in enumerate(ways.values()):
        analyze(asked.path, "--out", folder / str(number), "--quiet", *way)
    unequal = {way: differing(folder / "0", folder / str(number)) for number, way in enumerate(ways)}
    tables = len(list((folder / "0").glob("*/*.parquet")))
    return {"tables": tables, "unequal": unequal, "holds": tables > 0 and not any(unequal.values())}

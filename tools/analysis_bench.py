"""Proofs of what an analysis costs: time against a plain loop, what adaptive judging changes, memory of long files."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import psutil
import pyarrow.parquet

from monitor.sources.demo import DemoFaces
from monitor.types import Frame
from tests.people import walk_video
from tools.analysis_results import MONITOR, analyze
from train.tutorial import PlainLoop

MB = 1e6


def speed(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Frames a second on one clip, in turn with a plain loop; libraries and models are loaded before the clock runs."""
    warm_up = walk_video(folder / "warm-up.mp4", 60)
    plain = PlainLoop("vgg16-128")
    ways = {"adaptive": (), "every face": ("--every-face",), "adaptive, with video": ("--video",)}
    fps: dict[str, list[float]] = {name: [] for name in (*ways, "plain loop", "plain loop, with video")}
    for number in range(asked.rounds):
        for name, options in ways.items():
            out = folder / f"{number}-{name}"
            analyze(warm_up, asked.path, "--out", out, "--jobs", "1", "--quiet", *options)
            fps[name].append(_fps(out / asked.path.stem))
        fps["plain loop"].append(_play(plain, asked.path, None))
        fps["plain loop, with video"].append(_play(plain, asked.path, folder / "plain.mp4"))
    agreed = _agreement(folder / "0-adaptive" / asked.path.stem, folder / "0-every face" / asked.path.stem)
    median = {name: round(statistics.median(found), 2) for name, found in fps.items()}
    ratio = {
        "without video": round(median["adaptive"] / median["plain loop"], 2),
        "without video, against the loop that writes one": round(
            median["adaptive"] / median["plain loop, with video"], 2
        ),
        "with video": round(median["adaptive, with video"] / median["plain loop, with video"], 2),
        "every face": round(median["every face"] / median["plain loop"], 2),
    }
    holds = ratio["without video"] >= 8 and ratio["with video"] >= 4 and agreed["share"] >= 0.99
    return {"clip": asked.path.name, "fps": median, "rounds": fps, "ratio": ratio, "agreement": agreed, "holds": holds}


def _fps(folder: Path) -> float:
    facts = json.loads((folder / "analysis.json").read_text())
    return float(facts["frames"]["decoded"] / facts["run"]["seconds"])


def _play(plain: PlainLoop, clip: Path, out: Path | None) -> float:
    """Frames a second of the plain loop, the clip once."""
    video = cv2.VideoCapture(str(clip))
    frames = 0
    while video.grab():
        frames += 1
    video.release()
    played, begun = plain.play(clip, out), time.perf_counter()
    for _ in range(frames):
        next(played)
    played.close()
    return frames / (time.perf_counter() - begun)


def agreement(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Labels of each person at each time, adaptive against every face, over all clips."""
    analyze(asked.path, "--out", folder / "adaptive", "--quiet")
    analyze(asked.path, "--out", folder / "every", "--quiet", "--every-face")
    clips = {
        facts.parent.name: _agreement(facts.parent, folder / "every" / facts.parent.name)
        for facts in sorted((folder / "adaptive").glob("*/analysis.json"))
    }
    seconds = sum(one["track_seconds"] for one in clips.values())
    agreed = sum(one["share"] * one["track_seconds"] for one in clips.values())
    judged = [sum(one[way] for one in clips.values()) for way in ("judgements", "judgements_every_face")]
    share = agreed / max(seconds, 1e-9)
    return {
        "clips": clips, "track_seconds": round(seconds, 1), "share": round(share, 4), "judgements": judged[0],
        "judgements_every_face": judged[1], "holds": share >= 0.99,
    }  # fmt: skip


def _agreement(adaptive: Path, every: Path) -> dict[str, Any]:
    """Share of the seconds of all people in which both say the same."""
    ours, theirs = _labels(adaptive), _labels(every)
    both = ours.keys() & theirs.keys()
    equal = sum(ours[key] == theirs[key] for key in both)
    facts = [json.loads((folder / "analysis.json").read_text()) for folder in (adaptive, every)]
    return {
        "share": round(equal / max(1, len(both)), 4), "track_seconds": facts[0]["totals"]["person_seconds"],
        "only_in_one": len(ours.keys() ^ theirs.keys()), "judgements": facts[0]["totals"]["judgements"],
        "judgements_every_face": facts[1]["totals"]["judgements"],
    }  # fmt: skip


def _labels(folder: Path) -> dict[tuple[float, int], str]:
    rows = pyarrow.parquet.read_table(folder / "frames.parquet", columns=["t", "person", "label"]).to_pylist()
    return {(row["t"], row["person"]): row["label"] for row in rows if row["person"] is not None}


def long(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of all processes: a file of many hours against one of four minutes, 320x240, 2 pictures a second."""
    peaks = {}
    for name, seconds in (("four minutes", 240.0), ("long", 3600 * asked.hours)):
        clip = _demo_film(folder / f"{name.replace(' ', '-')}.mp4", seconds)
        peaks[name] = {"hours": round(seconds / 3600, 3), **_peak([str(clip), "--out", str(folder / name), "--quiet"])}
    ratio = peaks["long"]["peak_mb"] / peaks["four minutes"]["peak_mb"]
    return {**peaks, "ratio": round(ratio, 3), "holds": ratio <= 1.2}


def _demo_film(path: Path, seconds: float) -> Path:
    """The demo scene again and again, small and slow; the second round on is copied, not encoded."""
    step = 15
    source, frames = DemoFaces(), []
    while isinstance(frame := source.read(1.0), Frame):
        if frame.index % step == 0:
            frames.append(cv2.resize(frame.bgr, (320, 240), interpolation=cv2.INTER_AREA))
    one = path.with_suffix(".one.mp4")
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "320x240", "-r", "2", "-i", "-"]
    encoded = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "20", str(one)]
    subprocess.run([*ffmpeg, *raw, *encoded], input=b"".join(frame.tobytes() for frame in frames), check=True)
    again = ["-stream_loop", "-1", "-i", str(one), "-t", str(seconds), "-c", "copy", str(path)]
    subprocess.run([*ffmpeg, *again], check=True)
    return path


def _peak(arguments: list[str]) -> dict[str, Any]:
    """Greatest sum of the resident memory of the program and its workers, sampled ten times a second."""
    process = subprocess.Popen([*MONITOR, *arguments, "--jobs", "2"], stdout=sys.stderr)
    main, peak, begun = psutil.Process(process.pid), 0, time.monotonic()
    samples: list[int] = []
    while process.poll() is None:
        time.sleep(0.1)
        try:
            total = sum(one.memory_info().rss for one in (main, *main.children(recursive=True)))
        except psutil.NoSuchProcess:
            continue
        samples.append(total)
        peak = max(peak, total)
    if process.returncode:
        raise SystemExit(f"monitor analyze ended with {process.returncode}")
    return {"peak_mb": round(peak / MB, 1), "median_mb": round(statistics.median(samples) / MB, 1),
            "seconds": round(time.monotonic() - begun, 1)}  # fmt: skip

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
import numpy as np
import psutil
import pyarrow.parquet

from monitor.sources.demo import DemoFaces
from monitor.types import Frame
from tests.people import walk_video
from tools.analysis_results import MONITOR, analyze

MB = 1e6


def speed(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Frames a second on one clip, in turn with a plain loop; libraries and models are loaded before the clock runs."""
    warm_up = walk_video(folder / "warm-up.mp4", 60)
    plain = _PlainLoop(folder)
    ways = {"adaptive": (), "every face": ("--every-face",), "adaptive, with video": ("--video",)}
    fps: dict[str, list[float]] = {name: [] for name in (*ways, "plain loop", "plain loop, with video")}
    for number in range(asked.rounds):
        for name, options in ways.items():
            out = folder / f"{number}-{name}"
            analyze(warm_up, asked.path, "--out", out, "--jobs", "1", "--quiet", *options)
            fps[name].append(_fps(out / asked.path.stem))
        fps["plain loop"].append(plain.run(asked.path, None))
        fps["plain loop, with video"].append(plain.run(asked.path, folder / "plain.mp4"))
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


class _PlainLoop:
    """What people write from tutorials: detect in each picture, ask Keras about each face, draw, write with OpenCV."""

    def __init__(self, folder: Path) -> None:
        import mediapipe as mp

        from engines import load_bundle
        from monitor.detect.models import FOLDER, SHORT_RANGE
        from train.architectures import architecture
        from train.recipe import Recipe
        from train.weights import adopt

        del folder
        card = load_bundle("vgg16-128").card
        self._px, self._classes = card.input_px, card.classes
        self._model = architecture("vgg16").build(Recipe(input_px=card.input_px), len(card.classes))
        rgb = np.random.default_rng(0).integers(0, 256, (8, card.input_px, card.input_px, 3), np.uint8)
        adopt(self._model, "vgg16-128", rgb, lambda _text: None)
        self._mp = mp
        options = mp.tasks.vision.FaceDetectorOptions(
            base_options=mp.tasks.BaseOptions(model_asset_path=str(FOLDER / SHORT_RANGE.file))
        )
        self._detector = mp.tasks.vision.FaceDetector.create_from_options(options)
        self._model.predict(rgb[:1].astype(np.float32), verbose=0)

    def run(self, clip: Path, out: Path | None) -> float:
        """Frames a second."""
        video = cv2.VideoCapture(str(clip))
        writer, frames, begun = None, 0, time.perf_counter()
        while True:
            there, bgr = video.read()
            if not there:
                break
            image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
            for face in self._detector.detect(image).detections:
                self._judge(bgr, face.bounding_box)
            if out is not None:
                if writer is None:
                    size = bgr.shape[1], bgr.shape[0]
                    writer = cv2.VideoWriter(str(out), cv2.VideoWriter_fourcc(*"mp4v"), 30, size)
                writer.write(bgr)
            frames += 1
        if writer is not None:
            writer.release()
        return frames / (time.perf_counter() - begun)

    def _judge(self, bgr: Any, box: Any) -> None:
        x, y = max(0, box.origin_x), max(0, box.origin_y)
        crop = cv2.resize(bgr[y : y + box.height, x : x + box.width], (self._px, self._px))
        rgb = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB).astype(np.float32)
        probs = self._model.predict(rgb[None], verbose=0)[0]
        cv2.rectangle(bgr, (x, y), (x + box.width, y + box.height), (0, 255, 0), 2)
        text = f"{self._classes[int(probs.argmax())]} {probs.max():.2f}"
        cv2.putText(bgr, text, (x, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 2)


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

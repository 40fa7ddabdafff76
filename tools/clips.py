"""Runs the whole program over labelled clips and writes a table of what it said, for docs/measurements.

    python tools/clips.py --videos FOLDER --out docs/measurements/clips.json [clip ...]

FOLDER holds the clips and labels.yaml: a list of {clip: NAME PREFIX, spans: [{from_s, to_s, label}]}. Clips
without an entry are run all the same, without a truth. Speed is read from the same runs: quiet machine, warm cache.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml


def main() -> int:
    """Runs every clip and prints a line for each; exit status 1 where a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", help="name prefixes; default: all")
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bundle")
    args = parser.parse_args()
    labels = {entry["clip"]: entry for entry in yaml.safe_load((args.videos / "labels.yaml").read_text("utf-8"))}
    files = sorted(p for p in args.videos.iterdir() if p.suffix in {".mp4", ".avi", ".mkv", ".webm", ".gif"})
    chosen = [p for p in files if not args.clips or any(p.name.startswith(c) for c in args.clips)]
    rows = [run(path, _truth(path, labels), args.bundle) for path in chosen]
    facts: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "clips": rows}
    if args.out:
        args.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    return int(any("error" in row for row in rows))


def _truth(path: Path, labels: dict[str, Any]) -> dict[str, Any] | None:
    matches = [clip for clip in labels if path.name.startswith(clip)]
    return labels[max(matches, key=len)] if matches else None


def run(path: Path, truth: dict[str, Any] | None, bundle: str | None) -> dict[str, Any]:
    """What one run of the program said: rate, tracks, and decided seconds right and wrong inside the spans."""
    with tempfile.TemporaryDirectory() as folder:
        summary, events = Path(folder, "s.json"), Path(folder, "e.jsonl")
        command = [sys.executable, "-m", "monitor", "run", "--source", str(path), "--headless", "-q"]
        command += ["--summary", str(summary), "--events", str(events)]
        command += ["--bundle", bundle] if bundle else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"clip": path.stem, "error": done.stderr.strip()}
        found = json.loads(summary.read_text("utf-8"))
        lines = [json.loads(line) for line in events.read_text("utf-8").splitlines()]
    seconds: dict[str, float] = {}
    for track in found["tracks"]:
        for label, s in track["seconds_by_label"].items():
            seconds[label] = round(seconds.get(label, 0.0) + s, 2)
    row = {
        "clip": path.stem, "frames": found["frames"], "fps": found["fps"], "media_seconds": found["media_seconds"],
        "tracks": found["tracks_seen"], "most_at_once": found["max_tracks_at_once"], "seconds_by_label": seconds,
        "longest_track_share": _longest(found), "stage_ms": found["stage_ms"],
    }  # fmt: skip
    if truth is not None:
        row["in_spans"] = judged(lines, truth["spans"])
    return row


def _longest(found: dict[str, Any]) -> float:
    longest = max((track["seconds"] for track in found["tracks"]), default=0.0)
    return round(longest / found["media_seconds"], 3) if found["media_seconds"] else 0.0


def judged(lines: list[dict[str, Any]], spans: list[dict[str, Any]]) -> dict[str, float]:
    """Track-seconds inside the labelled spans: right, wrong, and undecided. `none` means that any label is wrong."""
    out = {"right": 0.0, "wrong": 0.0, "undecided": 0.0}
    shown: dict[int, tuple[float, str | None]] = {}
    for line in lines:
        if "track" not in line:
            continue
        if line["track"] in shown:
            _add(out, *shown.pop(line["track"]), line["t"], spans)
        if line["event"] != "gone":
            shown[line["track"]] = (line["t"], line["label"])
    return {name: round(s, 2) for name, s in out.items()}


def _add(out: dict[str, float], start_s: float, label: str | None, end_s: float, spans: list[dict[str, Any]]) -> None:
    for span in spans:
        s = min(end_s, span["to_s"]) - max(start_s, span["from_s"])
        if s > 0:
            out["undecided" if label is None else "right" if label == span["label"] else "wrong"] += s


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| clip | fps | tracks (at once) | longest track | seconds by label | in labelled spans |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "error" in row:
            lines.append(f"| {row['clip']} | {row['error']} | | | | |")
            continue
        by_label = ", ".join(f"{label} {s:.1f}" for label, s in sorted(row["seconds_by_label"].items()))
        spans = ", ".join(f"{name} {s:.1f}" for name, s in row.get("in_spans", {}).items())
        lines.append(
            f"| {row['clip']} | {row['fps']:.0f} | {row['tracks']} ({row['most_at_once']}) "
            f"| {row['longest_track_share']:.0%} | {by_label} | {spans} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

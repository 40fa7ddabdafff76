"""A run's numbers as a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.settings import OutputSettings

MOST_TRACKS, MOST_SKIPPED = 12, 5
"""More are counted, not listed."""


def as_text(result: Mapping[str, Any], output: OutputSettings) -> str:
    """The result of `Summary` as lines: rate, each person with what was seen of them, losses, and the files written."""
    rate = f"{result['fps']:.1f} frames a second" if result["fps"] else "no rate"
    dropped = f", {result['dropped']} dropped" if result["dropped"] else ""
    people = "1 person" if result["tracks_seen"] == 1 else f"{result['tracks_seen']} people"
    lines = [f"{result['frames']} frames in {result['seconds']:.1f} s ({rate}{dropped}); {people} seen"]
    longest = sorted(result["tracks"], key=lambda track: -track["seconds"])[:MOST_TRACKS]
    for track in sorted(longest, key=lambda track: track["id"]):
        shares = sorted(track["seconds_by_label"].items(), key=lambda pair: -pair[1])
        seen = ", ".join(f"{label} {seconds:.1f} s" for label, seconds in shares if seconds > 0)
        lines.append(f"  #{track['id']:<4} {track['label'] or 'undecided':<10} {seen}")
    if result["tracks_seen"] > len(longest):
        lines.append(f"  and {result['tracks_seen'] - len(longest)} more")
    lines += _lost(result)
    paths = [path for path in (output.record, output.events, output.summary) if path is not None]
    lines += [f"wrote {path}" for path in paths if str(path) != "-" and path.exists()]
    return "\n".join(lines)


def _lost(result: Mapping[str, Any]) -> list[str]:
    lines, skipped = [], result["skipped"]
    if skipped:
        names = ", ".join(Path(file["path"]).name for file in skipped[:MOST_SKIPPED])
        more = f" and {len(skipped) - MOST_SKIPPED} more" if len(skipped) > MOST_SKIPPED else ""
        lines.append(f"not read: {names}{more}")
    if result["damaged"]:
        lines.append(f"{result['damaged']} damaged packets or pictures in what was read")
    return lines

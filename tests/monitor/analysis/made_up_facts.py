"""Facts of analyses that never were: analysis.json and index.json as rich, as poor or as hostile as a test wants."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

CLASSES = ("real", "fake", "mask")
TABLES = ["tracks.parquet", "tracks.csv", "judgements.parquet", "frames.parquet"]


def person(number: int, runs: list[list[Any]], *, was_fake: bool = False, picture: str | None = None) -> dict[str, Any]:
    """Somebody with these runs: [from s, to s, label, probability]."""
    held: Counter[str] = Counter()
    for from_s, to_s, label, _ in runs:
        held[label] += to_s - from_s
    label = max((n for n in held if n != "undecided"), key=lambda n: held[n], default="undecided")
    sure = [p for _, _, name, p in runs if name == label and p is not None]
    return {
        "person": number, "first_s": runs[0][0], "last_s": runs[-1][1], "seconds": round(sum(held.values()), 3),
        "label": label, "confidence": round(sum(sure) / len(sure), 3) if sure else None, "was_fake": was_fake,
        "seconds_by_label": {name: round(s, 3) for name, s in held.items()}, "judgements": 4 * len(runs),
        "size_px_mean": 80.0 + number, "picture": picture, "runs": runs,
    }  # fmt: skip


def facts(people: list[dict[str, Any]], length_s: float = 10.0, **other: Any) -> dict[str, Any]:
    """analysis.json of a video with these people; `other` replaces what it names."""
    seconds = {name: round(sum(p["seconds_by_label"].get(name, 0.0) for p in people), 3) for name in NAMES}
    decided = sum(seconds[name] for name in CLASSES)
    labels = Counter(p["label"] for p in people)
    undecided = seconds["undecided"]
    told = {
        "version": 1, "name": "clip.mp4", "uri": "/films/clip.mp4", "kind": "video",
        "media": {"format": "mov,mp4", "codec": "h264", "audio": "aac", "width_px": 1280, "height_px": 720,
                  "frames": round(25 * length_s), "length_s": length_s, "fps": 25.0, "bytes": 664614},
        "span": {"from_s": 0.0, "to_s": length_s}, "begins": None,
        "frames": {"decoded": round(25 * length_s), "looked_at": round(25 * length_s), "damaged": 0},
        "classes": list(CLASSES),
        "totals": {
            "people": len(people), "most_at_once": min(2, len(people)), "person_seconds": sum(seconds.values()),
            "seconds": seconds, "people_by_label": dict(labels),
            "reasons": {"small": round(undecided * 0.6, 1), "few judgements": round(undecided * 0.4, 1)},
            "compliance": round(seconds["mask"] / decided, 4) if decided else None,
            "judgements": sum(p["judgements"] for p in people), "finds": 40 * len(people),
        },
        "people": people, "people_left_out": 0, "counts": counts(people, length_s), "suspicions": [],
        "quality": {"brightness": 0.41, "dark_share": 0.02, "small_share": 0.1, "blurred_share": 0.02,
                    "unclear_share": 0.0, "cuts": [], "cuts_total": 0, "warnings": []},
        "files": {"video": None, "tables": TABLES},
        "made": {
            "program": "0.1.0", "versions": {"numpy": "2.4.6", "onnxruntime": "1.29.0"},
            "engine": {"runtime": "onnxruntime", "precision": "int8", "device": "a CPU", "why": "no GPU here",
                       "bundle": "vgg16-128 1", "fingerprint": "3f9ac2"},
            "settings": {"track.lost_s": 1.5}, "every_face": False, "stride": 1, "anonymize": "off",
        },
        "run": {"finished": "2026-11-27T13:00:00Z", "seconds": 4.2, "fps": 66.0},
    }  # fmt: skip
    return {**told, **other}


NAMES = (*CLASSES, "undecided")


def counts(people: list[dict[str, Any]], length_s: float) -> dict[str, Any]:
    """How many were in view, in about 100 steps."""
    bin_s = next(s for s in (0.1, 0.5, 1.0, 5.0, 10.0, 60.0) if length_s / s <= 400)
    bins = {name: [0.0] * max(1, round(length_s / bin_s)) for name in NAMES}
    for one in people:
        for from_s, to_s, label, _ in one["runs"]:
            for i in range(int(from_s / bin_s), min(len(bins[label]), int(to_s / bin_s) + 1)):
                part = max(0.0, min(to_s, (i + 1) * bin_s) - max(from_s, i * bin_s))
                bins[label][i] = round(bins[label][i] + part / bin_s, 3)
    return {"bin_s": bin_s, "from_s": 0.0, "mean": bins}


def crowd(count: int, runs: int, length_s: float, seed: int = 7) -> list[dict[str, Any]]:
    """So many people with so many runs each, always the same ones."""
    dice = random.Random(seed)
    found = []
    for number in range(1, count + 1):
        at = length_s * 0.8 * (number - 1) / count
        step = (length_s - at) * dice.uniform(0.2, 0.95) / runs
        favourite = dice.choices(NAMES, (3, 1, 6, 1))[0]
        made: list[list[Any]] = []
        for index in range(runs):
            usual = favourite if dice.random() < 0.75 else dice.choice(NAMES)
            label = "undecided" if index == 0 else usual
            end = at + step * dice.uniform(0.4, 1.4)
            made.append([round(at, 3), round(end, 3), label, None if label == "undecided" else dice.uniform(0.6, 0.99)])
            at = end + (step if dice.random() < 0.1 else 0.0)
        found.append(person(number, made, was_fake=any(run[2] == "fake" for run in made)))
    return found


def suspicion(number: int, t: float, p_fake: float, label: str = "fake") -> dict[str, Any]:
    return {"person": number, "t": t, "p_fake": p_fake, "label": label, "seconds_fake": 1.5, "from_s": max(0.0, t - 1),
            "to_s": t + 1}  # fmt: skip


def index_row(name: str, **other: Any) -> dict[str, Any]:
    """A line of index.json of a file that is done; `other` replaces what it names."""
    seconds = {"real": 10.0, "fake": 0.0, "mask": 30.0, "undecided": 5.0}
    totals = {"people": 3, "most_at_once": 2, "seconds": seconds, "compliance": 0.75, "judgements": 100}
    row = {"name": name, "folder": name.rsplit(".", 1)[0], "kind": "video", "status": "done", "why": None,
           "length_s": 60.0, "totals": totals, "begins": None, "warnings": 0, "video": False}  # fmt: skip
    return {**row, **other}

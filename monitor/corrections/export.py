"""From results to a folder that people correct: chosen pictures, and the labels the analysis gave them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.corrections import coco, label_studio
from monitor.corrections.choose import Wish, limited, shots_of
from monitor.corrections.facts import PICTURES, Shot
from monitor.corrections.folders import check_free, made_whole
from monitor.corrections.pictures import decoded, jpeg
from monitor.corrections.results import Result, results_of, unlike
from monitor.errors import MonitorError, SourceNotFound, UsageError
from monitor.files import write_whole
from monitor.types import UNDECIDED

OURS = {PICTURES, coco.FILE, label_studio.FILE, label_studio.LAYOUT, label_studio.README}


@dataclass(frozen=True, slots=True)
class Exported:
    pictures: int
    faces: int
    undecided: int


def export(
    named: Sequence[Path], form: str, out: Path, wish: Wish, *, pictures: bool = True, overwrite: bool = False
) -> Exported:
    """Writes `out`, whole or not at all. Raises UsageError, SourceError or SinkError."""
    check_free(out, _is_ours, overwrite=overwrite)
    results = results_of(named)
    classes = tuple(dict.fromkeys(name for result in results for name in result.classes))
    if wish.only_label not in (None, UNDECIDED, *classes):
        known = ", ".join((*classes, UNDECIDED))
        raise UsageError(f"--only-label {wish.only_label}: there is no such label", hint=f"one of {known}")
    name_for = unlike()
    chosen = limited([shot for result in results for shot in shots_of(result, wish, name_for)], wish)
    if not chosen:
        what = "nobody was seen" if wish.only_label is None else f"nobody with the label {wish.only_label} was seen"
        raise SourceNotFound(f"there is no picture to correct: {what}", hint="choose other results or labels")
    with made_whole(out) as part:
        sized = {shot.name: shot for shot in _with_pictures(results, chosen, part if pictures else None)}
        for name, text in _files(form, [sized[shot.name] for shot in chosen], classes, results, out).items():
            write_whole(part / name, text.encode())
    faces = [face for shot in chosen for face in shot.faces]
    return Exported(len(chosen), len(faces), sum(face.label == UNDECIDED for face in faces))


def _is_ours(folder: Path) -> bool:
    return {path.name for path in folder.iterdir()} <= OURS


def _with_pictures(results: Sequence[Result], chosen: Sequence[Shot], part: Path | None) -> Iterator[Shot]:
    """The shots with their sizes; their pictures are written where `part` is given."""
    if part is not None:
        (part / PICTURES).mkdir()
    for result in results:
        shots = [shot for shot in chosen if shot.recording == result.recording]
        if part is None and result.kind == "video":  # nothing to be learned from its pictures
            yield from shots
            continue
        for shot, bgr in decoded(result, shots) if shots else ():
            if part is not None:
                write_whole(part / PICTURES / shot.name, jpeg(bgr))
            yield shot


def _files(
    form: str, shots: Sequence[Shot], classes: Sequence[str], results: Sequence[Result], out: Path
) -> dict[str, str]:
    if form == "coco":
        return {coco.FILE: _json(coco.told(shots, classes))}
    if form != "label-studio":
        raise MonitorError(f"no format {form}")
    tasks = label_studio.told(shots, out, {result.recording: result.model for result in results})
    return {
        label_studio.FILE: _json(tasks),
        label_studio.LAYOUT: label_studio.layout(classes),
        label_studio.README: label_studio.readme(out),
    }


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

"""From corrected labels to pictures that `monitor train prepare` takes: one face each, by label, grouped by person."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor import yamlish
from monitor.corrections import coco, label_studio
from monitor.corrections.boxes import SAME, in_px, matched, overlap
from monitor.corrections.facts import LABELS, PICTURES, Corrected, Mark, Marked, Sides, Tally
from monitor.corrections.folders import check_free, made_whole
from monitor.corrections.pictures import jpeg
from monitor.corrections.reading import damaged, load, name_before_upload, recording_of
from monitor.errors import SourceNotFound, UsageError
from monitor.files import check_writable, told_as_sink_error, write_whole
from monitor.sources.pictures import read_picture_bgr
from monitor.types import U8, UNDECIDED

ROOM = 0.6
"""Left around a face, as a share of its longer side: the half that training stores, and what the detector wants."""
QUALITY = 98
"""The picture was compressed before."""
GROUP = r"^(.+_p\d+)_"
"""In the names of the files: recording and person. Pictures of one group never cross a split."""
WHOLE = 0
"""In place of a person: all faces of a recording with a face of nobody known are one group."""


def read(file: Path) -> Corrected:
    """A COCO file, or an export of Label Studio. Raises SourceError."""
    data = load(file)
    if isinstance(data, dict) and "annotations" in data and "images" in data:
        return coco.read(data)
    if isinstance(data, list):
        return label_studio.read(data)
    raise damaged(f"{file} is neither a COCO file nor an export of Label Studio", hint="export as JSON, or as COCO")


@dataclass(frozen=True, slots=True)
class _Job:
    """One picture with faces to be cut out."""

    marked: Marked
    path: Path
    recording: str
    faces: tuple[tuple[Mark, int | None], ...]
    """With the person each shows."""


def lay_out(file: Path, pictures: Path, out: Path, name: str, *, overwrite: bool = False) -> Tally:
    """Writes the folder `out/name` and `out/name.yaml`, whole or not at all.

    Raises UsageError, SourceError (also where a picture is missing, or not the one that was labelled) or SinkError.
    """
    if not re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII):
        raise UsageError(f"--name {name!r} is no name for a folder", hint="use letters, digits, dots and dashes")
    folder, spec = out / name, out / f"{name}.yaml"
    check_free(folder, _is_ours, overwrite=overwrite)
    if spec.exists() and not overwrite:
        raise UsageError(f"{spec} is there already", hint="choose another --name, or add --overwrite")
    corrected = read(file)
    tally = Tally(not_looked_at=corrected.not_looked_at)
    jobs = [job for marked in corrected.pictures if (job := _job(marked, pictures, tally)) is not None]
    if not jobs:
        why = f"; {tally.not_looked_at} pictures were not submitted" if tally.not_looked_at else ""
        raise SourceNotFound(f"{file} holds no face that is real, fake or mask{why}", hint="label some, export again")
    tally.unknown = tuple(sorted({job.recording for job in jobs if None in [person for _, person in job.faces]}))
    with made_whole(folder) as part:
        groups = Counter[str]()
        for job in jobs:
            _cut_out(job, part, tally, groups)
        tally.groups = len(groups)
        check_writable(spec)
        write_whole(spec, _spec(name, [label for label in LABELS if tally.faces[label]]).encode())
    return tally


def _is_ours(folder: Path) -> bool:
    return all(path.is_dir() and path.name in LABELS for path in folder.iterdir())


def _job(marked: Marked, pictures: Path, tally: Tally) -> _Job | None:
    """What is to be cut out of a picture; None where nothing is. What is left out is counted."""
    found = matched([mark.sides for mark in marked.marks], marked.known)
    kept = {j for j in found if j is not None}
    tally.deleted += sum(face.person is not None and j not in kept for j, face in enumerate(marked.known))
    tally.undecided += sum(mark.label == UNDECIDED for mark in marked.marks)
    faces = [
        (mark, mark.person or (None if j is None else marked.known[j].person))
        for mark, j in zip(marked.marks, found, strict=True)
        if mark.label != UNDECIDED
    ]
    if not faces:
        return None
    path = _path(marked.name, pictures)
    return _Job(marked, path, recording_of(marked.recording, path.name), tuple(faces))


def _path(name: str, pictures: Path) -> Path:
    for one in (name, name_before_upload(name)):
        for folder in (pictures, pictures / PICTURES):
            if (folder / one).is_file():
                return folder / one
    raise SourceNotFound(f"{name} is not in {pictures}", hint="name the folder of the export with --pictures")


def _cut_out(job: _Job, part: Path, tally: Tally, groups: Counter[str]) -> None:
    """Writes the faces of one picture."""
    bgr = read_picture_bgr(job.path)
    size_px = bgr.shape[1], bgr.shape[0]
    told = job.marked.size_px
    if told is not None and told != size_px:
        was, now = ("{} x {}".format(*size) for size in (told, size_px))
        raise damaged(f"{job.path} is {now}, and was {was} when it was labelled", hint="name the folder of the export")
    seen = [*(mark.sides for mark in job.marked.marks), *(face.sides for face in job.marked.known)]
    for mark, person in job.faces:
        near = [sides for sides in seen if overlap(sides, mark.sides) < SAME]
        group = f"{job.recording}_p{WHOLE if job.recording in tally.unknown else person}"
        groups[group] += 1
        with told_as_sink_error(part):
            (part / mark.label).mkdir(exist_ok=True)
        write_whole(part / mark.label / f"{group}_{groups[group]:05d}.jpg", jpeg(cut(bgr, mark.sides, near), QUALITY))
        tally.faces[mark.label] += 1


def cut(bgr: U8, sides: Sides, near: Sequence[Sides]) -> U8:
    """The face with ROOM around it, which ends where another face begins: training looks for the largest face."""
    height, width = bgr.shape[:2]
    box = in_px(sides, width, height)
    room = ROOM * max(box.width, box.height)
    edges = [box.x0 - room, box.y0 - room, box.x1 + room, box.y1 + room]
    for other in (in_px(one, width, height) for one in near):
        x, y = other.center
        if box.x0 < x < box.x1 and box.y0 < y < box.y1:
            continue  # it lies on the face: nothing is left without it
        gaps = (box.x0 - other.x1, box.y0 - other.y1, other.x0 - box.x1, other.y0 - box.y1)
        side = gaps.index(max(gaps))
        edge = (min(other.x1, box.x0), min(other.y1, box.y0), max(other.x0, box.x1), max(other.y0, box.y1))[side]
        edges[side] = max(edges[side], edge) if side < 2 else min(edges[side], edge)
    x0, y0 = (max(0, math.floor(edge)) for edge in edges[:2])
    return bgr[y0 : max(y0 + 1, math.ceil(edges[3])), x0 : max(x0 + 1, math.ceil(edges[2]))]


def _spec(name: str, labels: Sequence[str]) -> str:
    folders = ", ".join(f"{label}: {yamlish.scalar(f'{name}/{label}')}" for label in labels)
    return (
        "# Faces labelled by people. The group is recording and person; p0 stands for a whole recording.\n"
        f"sources:\n  - name: {yamlish.scalar(name)}\n    folders: {{{folders}}}\n    group: '{GROUP}'\n"
    )

"""Label Studio's tasks: predictions go out, annotations come back (its JSON export, or JSON-MIN)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from monitor.corrections.boxes import percent_of
from monitor.corrections.facts import PICTURES, Corrected, Face, Mark, Marked, Shot
from monitor.corrections.reading import (
    checked_box,
    checked_label,
    damaged,
    file_name,
    known_faces,
    size_of,
    text_of,
)
from monitor.corrections.telling import told_faces
from monitor.types import UNDECIDED

FILE, LAYOUT, README = "tasks.json", "labels.xml", "README.txt"
FROM, TO = "label", "image"
"""The names in labels.xml."""
_COLOURS = {"real": "#009e73", "fake": "#d55e00", "mask": "#56b4e9", UNDECIDED: "#999999"}


def told(shots: Sequence[Shot], folder: Path, models: Mapping[str, str]) -> list[dict[str, Any]]:
    """The tasks. `models`: {recording: which model judged}.

    Pictures are named below the folder that `folder` lies in: that is the document root the README tells of.
    """
    address = f"/data/local-files/?d={quote(folder.resolve().name)}/{PICTURES}/"
    return [_task(number, shot, address, models[shot.recording]) for number, shot in enumerate(shots, 1)]


def _task(number: int, shot: Shot, address: str, model: str) -> dict[str, Any]:
    width, height = shot.size_px
    return {
        "id": number,
        "data": {
            "image": address + quote(shot.name), "recording": shot.recording, "t": shot.t, "width": width,
            "height": height, "people": told_faces(shot),
        },
        "predictions": [{
            "model_version": model, "score": min(face.p or 0.0 for face in shot.faces),
            "result": [_result(f"{number}-{i}", face, width, height) for i, face in enumerate(shot.faces, 1)],
        }],
    }  # fmt: skip


def _result(name: str, face: Face, width: int, height: int) -> dict[str, Any]:
    x, y, w, h = (round(v, 4) for v in percent_of(face.box, width, height))
    about = f"person {face.person}" + (f", {face.reason}" if face.reason else "")
    return {
        "id": name, "type": "rectanglelabels", "from_name": FROM, "to_name": TO, "original_width": width,
        "original_height": height, "image_rotation": 0, "score": face.p or 0.0, "meta": {"text": [about]},
        "value": {"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": [face.label]},
    }  # fmt: skip


def layout(classes: Sequence[str]) -> str:
    """The labelling interface. Names of classes come from a model's card: they are written as text."""
    from xml.sax.saxutils import quoteattr

    labels = "\n".join(
        f'    <Label value={quoteattr(name)} background="{_COLOURS.get(name, "#cc79a7")}"/>'
        for name in (*classes, UNDECIDED)
    )
    return (
        f'<View>\n  <Image name="{TO}" value="$image" zoom="true"/>\n'
        f'  <RectangleLabels name="{FROM}" toName="{TO}" canRotate="false">\n{labels}\n  </RectangleLabels>\n</View>\n'
    )


def readme(folder: Path) -> str:
    """The three steps."""
    whole = folder.resolve()
    root, quoted = (shlex.quote(str(path)) for path in (whole.parent, whole))
    return f"""Correct the labels of these pictures in Label Studio.
They show people: keep them as you keep the recordings.

1. Start Label Studio so that it may read the pictures:

   LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true \\
   LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root} label-studio start

2. Create a project. In Settings > Labeling Interface > Code, paste {LAYOUT}. In Settings > Cloud Storage, add a source
   storage "Local files" with the absolute local path {whole / PICTURES} and do not sync it. Import {FILE}.

3. Correct labels and boxes, delete what is no face, add what is missing, and submit each picture, also where all was
   right: what was not submitted is not used. Export as JSON, then:

   monitor labels import EXPORT.json --pictures {quoted} --out DATA_FOLDER
"""


def read(data: list[Any]) -> Corrected:
    """What people made of the tasks; a picture that nobody has submitted is not used. Raises MediaError."""
    pictures, waiting = [], 0
    for number, task in enumerate(data, 1):
        where = f"task {task.get('id', number) if isinstance(task, dict) else number}"
        try:
            regions = _regions(task, where)
            if regions is None:
                waiting += 1
            else:
                pictures.append(_marked(task.get("data", task), regions, where))
        except (KeyError, TypeError, AttributeError) as error:
            raise damaged(f"{where} is not a task of Label Studio: {error!r} is missing or of another kind") from error
    return Corrected(tuple(pictures), waiting)


def _regions(task: dict[str, Any], where: str) -> list[dict[str, Any]] | None:
    """The values of its rectangles, as somebody submitted them; None where nobody did."""
    if "data" not in task:  # JSON-MIN: only what was submitted is in it
        return list(task.get(FROM, ()))
    done = [one for one in task.get("annotations", ()) if not one.get("was_cancelled")]
    if not done:
        return None
    newest = max(done, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at", ""))))
    return [_value(one, where) for one in newest["result"] if one["type"] in ("rectanglelabels", "rectangle")]


def _value(result: dict[str, Any], where: str) -> dict[str, Any]:
    size = {name: result[name] for name in ("original_width", "original_height") if name in result}
    if result.get("image_rotation"):
        raise damaged(f"the picture of {where} was turned", hint="turn it back in Label Studio, and export again")
    return {**result["value"], **size}


def _marked(data: dict[str, Any], regions: list[dict[str, Any]], where: str) -> Marked:
    name = file_name(data["image"])
    size_px = size_of(data, "width", "height")
    marks = tuple(_mark(value, f"{where} ({name})") for value in regions)
    known = known_faces(data.get("people"), size_px, where)
    drawn = next((size_of(value, "original_width", "original_height") for value in regions), None)
    return Marked(name, text_of(data.get("recording")), marks, known, drawn or size_px)


def _mark(value: dict[str, Any], where: str) -> Mark:
    labels = value.get("rectanglelabels") or [UNDECIDED]
    if len(labels) != 1:
        raise damaged(f"a box of {where} has {len(labels)} labels", hint="give each box one label")
    if value.get("rotation"):
        raise damaged(f"a box of {where} is turned", hint="draw it upright, and export again")
    box = [value[side] for side in ("x", "y", "width", "height")]
    return Mark(checked_label(labels[0], where), checked_box(box, 100, 100, where))

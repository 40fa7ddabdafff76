"""COCO's format for object detection: one JSON with images, annotations and categories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.corrections.facts import PICTURES, Corrected, Face, Mark, Marked, Shot
from monitor.corrections.reading import (
    checked_box,
    checked_label,
    damaged,
    file_name,
    known_faces,
    person_of,
    size_of,
    text_of,
)
from monitor.corrections.telling import told_faces
from monitor.types import UNDECIDED
from monitor.versions import own_version

FILE = "annotations.json"


def told(shots: Sequence[Shot], classes: Sequence[str]) -> dict[str, Any]:
    """The whole file; `t` of an image is its media time in seconds, `score` the probability of the label."""
    now = datetime.now(UTC)
    ids = {name: number for number, name in enumerate((*classes, UNDECIDED), 1)}
    faces = [(number, face) for number, shot in enumerate(shots, 1) for face in shot.faces]
    return {
        "info": {
            "year": now.year, "version": own_version(), "description": "Faces as an analysis labelled them",
            "contributor": "", "url": "", "date_created": now.strftime("%Y-%m-%d %H:%M:%S"),
        },
        "licenses": [{"id": 1, "name": "not stated", "url": ""}],
        "images": [_image(number, shot) for number, shot in enumerate(shots, 1)],
        "annotations": [_annotation(number, image, face, ids) for number, (image, face) in enumerate(faces, 1)],
        "categories": [{"id": number, "name": name, "supercategory": "face"} for name, number in ids.items()],
    }  # fmt: skip


def _image(number: int, shot: Shot) -> dict[str, Any]:
    width, height = shot.size_px
    return {
        "id": number, "width": width, "height": height, "file_name": f"{PICTURES}/{shot.name}", "license": 1,
        "flickr_url": "", "coco_url": "", "date_captured": shot.at.strftime("%Y-%m-%d %H:%M:%S") if shot.at else "",
        "recording": shot.recording, "t": shot.t, "people": told_faces(shot),
    }  # fmt: skip


def _annotation(number: int, image: int, face: Face, ids: dict[str, int]) -> dict[str, Any]:
    box = face.box
    return {
        "id": number, "image_id": image, "category_id": ids[face.label],
        "bbox": [round(v, 2) for v in (box.x0, box.y0, box.width, box.height)], "area": round(box.area, 2),
        "segmentation": [], "iscrowd": 0, "score": face.p or 0.0,
        "attributes": {"person": face.person, "reason": face.reason or ""},
    }  # fmt: skip


def read(data: dict[str, Any]) -> Corrected:
    """What people made of it. Raises MediaError that says where it does not hold."""
    try:
        names = {one["id"]: one["name"] for one in data["categories"]}
        images = {one["id"]: one for one in data["images"]}
        marks: dict[Any, list[Mark]] = {number: [] for number in images}
        sizes = {number: size_of(one, "width", "height") for number, one in images.items()}
        for one in data["annotations"]:
            image = one["image_id"]
            where = f"annotation {one.get('id')}"
            if image not in images:
                raise damaged(f"{where} belongs to image {image}, which is not in the file")
            size_px = sizes[image]
            if size_px is None:
                raise damaged(f"image {image} has no width and height")
            label = checked_label(names.get(one["category_id"], one["category_id"]), where)
            sides = checked_box(one["bbox"], *size_px, f"{where} in {images[image]['file_name']}")
            marks[image].append(Mark(label, sides, _person(one)))
        return Corrected(tuple(_marked(one, sizes[number], marks[number]) for number, one in images.items()))
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(f"this is not a COCO file of boxes: {error!r} is missing or of another kind") from error


def _person(annotation: dict[str, Any]) -> int | None:
    attributes = annotation.get("attributes")
    return person_of(attributes.get("person")) if isinstance(attributes, dict) else None


def _marked(image: dict[str, Any], size_px: tuple[int, int] | None, marks: list[Mark]) -> Marked:
    name = file_name(image["file_name"])
    known = known_faces(image.get("people"), size_px, name)
    return Marked(name, text_of(image.get("recording")), tuple(marks), known, size_px)

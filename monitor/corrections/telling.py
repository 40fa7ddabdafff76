"""What both formats say of a picture beside its labels, so that a corrected box can be known again."""

from __future__ import annotations

from typing import Any

from monitor.corrections.facts import Shot


def told_faces(shot: Shot) -> list[dict[str, Any]]:
    """Person and box (x, y, width, height in px) of each find; the person of one that became nobody is null."""
    boxes = [*((face.person, face.box) for face in shot.faces), *((None, box) for box in shot.strangers)]
    return [
        {"person": person, "bbox": [round(v, 2) for v in (box.x0, box.y0, box.width, box.height)]}
        for person, box in boxes
    ]

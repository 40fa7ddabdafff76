"""JSON that others wrote, read with errors that say where it does not hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from monitor.corrections.boxes import sides_of
from monitor.corrections.facts import LABELS, Known, Sides
from monitor.corrections.results import plain
from monitor.errors import MediaError, SourceError, SourceNotFound
from monitor.types import UNDECIDED


def damaged(what: str, hint: str = "export it again from the program in which it was corrected") -> MediaError:
    return MediaError(what, hint=hint)


def load(file: Path) -> Any:
    """Raises SourceNotFound, SourceError, or MediaError where it is not JSON."""
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise SourceNotFound(f"{file} does not exist", hint=f"look for it: ls '{file.parent}'") from error
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}", hint="name a file of corrected labels") from error
    except (ValueError, RecursionError) as error:
        raise damaged(f"{file} is not JSON: {error}") from error


def checked_label(label: object, where: str) -> str:
    if isinstance(label, str) and label.strip().lower() in (*LABELS, UNDECIDED):
        return label.strip().lower()
    known = ", ".join((*LABELS, UNDECIDED))
    raise damaged(f"{where} has the label {label!r}, which is unknown", hint=f"use one of {known}")


def checked_box(box: Sequence[Any], width: float, height: float, where: str) -> Sides:
    """Shares of x, y, width, height. Raises MediaError."""
    if len(box) != 4 or not all(is_number(side) for side in box):
        raise damaged(f"{where} has no box of four numbers")
    try:
        return sides_of(box, width, height)
    except ValueError as error:
        hint = "draw it again, or delete it, and export again"
        raise damaged(f"the box of {where} {error}", hint=hint) from error


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def size_of(told: dict[str, Any], wide: str, high: str) -> tuple[int, int] | None:
    """Width and height; None where they are not there, or no sizes."""
    width, height = told.get(wide), told.get(high)
    if is_number(width) and is_number(height) and width >= 1 and height >= 1:  # type: ignore[operator]
        return int(width), int(height)  # type: ignore[arg-type]
    return None


def known_faces(told: object, size_px: tuple[int, int] | None, where: str) -> tuple[Known, ...]:
    """The faces that went out, as `told_faces` wrote them; none where nothing is told of them."""
    if not isinstance(told, list) or size_px is None:
        return ()
    found = []
    for one in told:
        if not isinstance(one, dict) or not isinstance(one.get("bbox"), list):
            raise damaged(f"{where}: 'people' is not as it was written", hint="leave it as it was in the export")
        found.append(Known(person_of(one.get("person")), checked_box(one["bbox"], *size_px, where)))
    return tuple(found)


def person_of(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):  # some programs keep attributes as text
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


def file_name(address: str) -> str:
    """The name of a picture's file, without folders, from a path or a URL that leads to it."""
    query = parse_qs(urlsplit(address).query) if "?" in address else {}
    path = query["d"][0] if "d" in query else urlsplit(address).path if "://" in address else address
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def name_before_upload(name: str) -> str:
    """What Label Studio puts before the name of a file that was uploaded, taken away."""
    return re.sub(r"^[0-9a-f]{8}-(?=.)", "", name)


def recording_of(told: str | None, name: str) -> str:
    """The recording as it is told, else from the name that the picture had in the export."""
    return plain(told or re.sub(r"_[^_]*$", "", Path(name).stem))


def text_of(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

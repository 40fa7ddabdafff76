"""The pages of an analysis: one HTML file each, with everything in it, for reading offline and passing on."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from monitor.ink import Bgr, looks_of
from monitor.types import UNDECIDED

_STATIC = Path(__file__).parent / "static"
_REPORT = ("base.js", "labels.js", "table.js", "chart.js", "timeline.js", "video.js", "report.js")
_INDEX = ("base.js", "labels.js", "table.js", "index.js")
_HOLE = re.compile(r"\{\{(\w+)\}\}")


def report_page(facts: Mapping[str, Any], thumbnails: Mapping[int, bytes]) -> str:
    """The report of one file, from its analysis.json and {person: JPEG}; its video is looked for beside the page.

    Raises ValueError where `facts` holds what JSON does not know, such as NaN.
    """
    pictures = {str(person): _data_url(jpeg) for person, jpeg in thumbnails.items()}
    data = {"facts": facts, "looks": _looks(facts["classes"]), "thumbnails": pictures, "zone": _zone(facts["begins"])}
    return _page("report", _REPORT, f"{facts['name']}: people and masks", data)


def index_page(index: Mapping[str, Any]) -> str:
    """The table of all files, from index.json; it links to the report in each one's folder. Raises ValueError."""
    done = [row["totals"] for row in index["results"] if row["totals"] is not None]
    labels = dict.fromkeys(label for totals in done for label in totals["seconds"] if label != UNDECIDED)
    begins = [row.get("begins") for row in index["results"]]
    data = {"index": index, "looks": _looks(tuple(labels)), "zones": [_zone(moment) for moment in begins]}
    return _page("index", _INDEX, f"{len(index['results'])} analysed files", data)


def _page(name: str, scripts: Sequence[str], title: str, data: Mapping[str, Any]) -> str:
    style = _read("base.css") + _read(f"{name}.css")
    script = "\n".join(_read(part) for part in scripts)
    holes = {
        "title": html.escape(title.encode("utf-8", "replace").decode()), "policy": _policy(style, script),
        "style": style, "script": script, "data": _json(data),
    }  # fmt: skip
    return _HOLE.sub(lambda hole: holes[hole[1]], _read(f"{name}.html"))


@cache
def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing may run or be fetched but what is in the page, and the video beside it."""
    allowed = {
        "default-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "img-src": "data:",
        "media-src": "'self' file:",  # some browsers do not take a file's neighbours for its own
        "script-src": _hash(script), "style-src": _hash(style),
    }  # fmt: skip
    return "; ".join(f"{what} {whence}" for what, whence in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in; in ASCII, as names of files need not be valid Unicode."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _looks(classes: Sequence[str]) -> dict[str, dict[str, str]]:
    """{class: name, colour, icon}: those of the annotated video."""
    return {
        name: {"name": look.name, "colour": _hex(look.bgr), "icon": look.icon}
        for name, look in zip(classes, looks_of(classes), strict=True)
    }


def _hex(bgr: Bgr) -> str:
    blue, green, red = bgr
    return f"#{red:02x}{green:02x}{blue:02x}"


def _zone(begins: float | None) -> float | None:
    """Seconds this machine's clock is ahead of UTC then: whoever reads the page sees the times that the video shows."""
    if begins is None:
        return None
    offset = datetime.fromtimestamp(begins).astimezone().utcoffset()
    return offset.total_seconds() if offset else 0.0


def _data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"

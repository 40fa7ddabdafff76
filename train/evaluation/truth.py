"""What is true in labelled clips: a YAML beside them, checked.

```yaml
- clip: door            # the beginning of exactly one file's name
  spans:                # seconds of presentation time; what is outside does not count
    - {from_s: 0, to_s: 4.5, label: real}      # real, fake, mask; none: nobody is there, any label is wrong
  ignore: [400, 60, 530, 250]                  # px x0 y0 x1 y1, or several: faces with their middle inside do not count
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor import yamlish
from monitor.types import Box
from train.errors import DataError
from train.spec import CLASSES

LABELS = "labels.yaml"
CLIPS = (".mp4", ".avi", ".mkv", ".webm", ".gif", ".mov", ".m4v")
NOBODY = "none"
_HINT = "each entry: clip, spans: [{from_s, to_s, label}], and ignore: [x0, y0, x1, y1] where it is wanted"


@dataclass(frozen=True)
class Span:
    """Some seconds [from_s, to_s) in which every face in view is `label`."""

    from_s: float
    to_s: float
    label: str


@dataclass(frozen=True)
class Truth:
    """What is true in one clip."""

    file: Path
    spans: tuple[Span, ...] = ()
    ignore: tuple[Box, ...] = ()

    def span_at(self, t: float) -> Span | None:
        """The span that counts at this second."""
        return next((span for span in self.spans if span.from_s <= t < span.to_s), None)

    def ignores(self, box: Box) -> bool:
        x, y = box.center
        return any(area.x0 <= x < area.x1 and area.y0 <= y < area.y1 for area in self.ignore)


def load_truths(folder: Path, only: Sequence[str] = ()) -> tuple[Truth, ...]:
    """The clips of a folder (whose name begins with one of `only`) in order, labelled or not. Raises DataError."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in CLIPS) if folder.is_dir() else []
    if not files:
        raise DataError(f"no clips in {folder}", hint=f"a folder of videos with a {LABELS} beside them")
    found: dict[Path, Truth] = {}
    for place, entry in enumerate(_entries(folder / LABELS)):
        truth = _truth(entry, files, f"{folder / LABELS}, entry {place + 1}")
        if truth.file in found:
            raise DataError(f"{folder / LABELS}: two entries are about {truth.file.name}", hint=_HINT)
        found[truth.file] = truth
    chosen = [file for file in files if not only or file.name.startswith(tuple(only))]
    if not chosen:
        raise DataError(f"no clip in {folder} begins with {', '.join(only)}", hint="leave --clip away for all")
    return tuple(found.get(file, Truth(file)) for file in chosen)


def _entries(path: Path) -> list[Any]:
    try:
        entries = yamlish.load(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint=f"write one; {_HINT}") from error
    except ValueError as error:
        raise DataError(f"{path} is not YAML: {error}", hint=_HINT) from error
    if not isinstance(entries, list):
        raise DataError(f"{path}: wants a list of clips", hint=_HINT)
    return entries


def _truth(entry: Any, files: Sequence[Path], where: str) -> Truth:
    if (
        not isinstance(entry, dict)
        or not entry.keys() >= {"clip", "spans"}
        or entry.keys() - {"clip", "spans", "ignore"}
    ):
        raise DataError(f"{where}: wants the keys clip and spans, may have ignore", hint=_HINT)
    matches = [file for file in files if file.name.startswith(str(entry["clip"]))]
    if len(matches) != 1:
        names = ", ".join(file.name for file in matches) or "no file"
        raise DataError(
            f"{where}: {entry['clip']} fits {names}", hint="write as much of the name as tells it from others"
        )
    if not isinstance(entry["spans"], list):
        raise DataError(f"{where}: spans wants a list", hint=_HINT)
    spans = tuple(_span(span, where) for span in entry["spans"])
    boxes = entry.get("ignore") or []
    boxes = [boxes] if boxes and not isinstance(boxes[0], list) else boxes
    return Truth(matches[0], spans, tuple(_box(box, where) for box in boxes))


def _span(span: Any, where: str) -> Span:
    if not isinstance(span, dict) or not span.keys() >= {"from_s", "to_s", "label"} or span.keys() - _SPAN_KEYS:
        raise DataError(f"{where}: a span wants from_s, to_s and label, got {span!r}", hint=_HINT)
    if (
        not all(isinstance(span[key], int | float) for key in ("from_s", "to_s"))
        or not 0 <= span["from_s"] < span["to_s"]
    ):
        raise DataError(f"{where}: a span wants 0 <= from_s < to_s, got {span!r}", hint=_HINT)
    if span["label"] not in {*CLASSES, NOBODY}:
        raise DataError(f"{where}: no label {span['label']!r}", hint=f"labels: {', '.join((*CLASSES, NOBODY))}")
    if span.get("who", "all") != "all":
        raise DataError(f"{where}: who can only be all, got {span['who']!r}", hint=_HINT)
    return Span(float(span["from_s"]), float(span["to_s"]), str(span["label"]))


_SPAN_KEYS = {"from_s", "to_s", "label", "who"}


def _box(values: Any, where: str) -> Box:
    if not isinstance(values, list) or len(values) != 4 or not all(isinstance(v, int | float) for v in values):
        raise DataError(f"{where}: ignore wants four numbers x0 y0 x1 y1, got {values!r}", hint=_HINT)
    return Box(*map(float, values))

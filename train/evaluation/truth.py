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
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from monitor import yamlish
from monitor.types import Box
from train.errors import DataError

LABELS = "labels.yaml"
CLIPS = (".mp4", ".avi", ".mkv", ".webm", ".gif", ".mov", ".m4v")
NOBODY = "none"
_HINT = "each entry: clip, spans: [{from_s, to_s, label}], and ignore: [x0, y0, x1, y1] where it is wanted"

_Number = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
_Corners = Annotated[list[_Number], pydantic.Field(min_length=4, max_length=4)]


def _several(values: Any) -> Any:
    """One box may stand without a list around it."""
    return [values] if isinstance(values, list) and values and not isinstance(values[0], list) else values


class _Span(pydantic.BaseModel, extra="forbid", strict=True):
    from_s: _Number
    to_s: _Number
    label: Literal["real", "fake", "mask", "none"]
    who: Literal["all"] = "all"


class _Entry(pydantic.BaseModel, extra="forbid", strict=True):
    clip: Annotated[str, pydantic.Field(min_length=1)]
    spans: list[_Span]
    ignore: Annotated[list[_Corners], pydantic.BeforeValidator(_several)] = []


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
    try:
        told = _Entry.model_validate(entry)
    except pydantic.ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'entry'}: {e['msg']}" for e in error.errors()[:3])
        raise DataError(f"{where}: {lines}", hint=_HINT) from error
    matches = [file for file in files if file.name.startswith(told.clip)]
    if len(matches) != 1:
        names = ", ".join(file.name for file in matches) or "no file"
        what = f"{where}: {told.clip} fits {names}"
        raise DataError(what, hint="write as much of the name as tells it from others")
    spans = tuple(sorted((_span(span, where) for span in told.spans), key=lambda span: span.from_s))
    for one, other in pairwise(spans):
        if other.from_s < one.to_s:
            what = f"{where}: two spans hold at second {other.from_s:g}, {one.label} and {other.label}"
            raise DataError(what, hint="spans of a clip may touch, not overlap")
    return Truth(matches[0], spans, tuple(_box(box, where) for box in told.ignore))


def _span(told: _Span, where: str) -> Span:
    if not told.from_s < told.to_s:
        raise DataError(f"{where}: a span wants from_s < to_s, got {told.from_s:g} to {told.to_s:g}", hint=_HINT)
    return Span(told.from_s, told.to_s, told.label)


def _box(corners: list[float], where: str) -> Box:
    box = Box(*corners)
    if not (box.x0 < box.x1 and box.y0 < box.y1):
        raise DataError(f"{where}: ignore wants x0 < x1 and y0 < y1, got {corners}", hint=_HINT)
    return box

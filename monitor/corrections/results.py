"""The folders that `monitor analyze` writes, found and read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.analysis.inputs import FACTS
from monitor.errors import MediaError, SourceNotFound, UsageError

TABLE = "frames.parquet"
_HINT = "name a folder made by `monitor analyze`"


@dataclass(frozen=True, slots=True)
class Result:
    """What an analysis says of one recording."""

    folder: Path
    recording: str
    """Its name in an export, unlike that of any other."""
    kind: str
    uri: str
    bytes: int
    size_px: tuple[int, int]
    classes: tuple[str, ...]
    model: str
    """Which model judged."""
    begins: float | None
    """Seconds since 1970 at media time 0."""

    @property
    def table(self) -> Path:
        return self.folder / TABLE

    def clock(self, t: float) -> datetime | None:
        return None if self.begins is None else datetime.fromtimestamp(self.begins + t, UTC)


def results_of(named: Sequence[Path]) -> list[Result]:
    """The results in these folders, or in the folders within them; each once.

    Raises UsageError where nothing was named, SourceNotFound where there are none, MediaError where one is damaged.
    """
    if not named:
        raise UsageError("no results were named", hint=_HINT)
    folders: dict[Path, None] = {}
    for name in named:
        found = [name] if (name / FACTS).is_file() else sorted(path.parent for path in name.glob(f"*/{FACTS}"))
        if not found:
            raise SourceNotFound(f"{name} holds no finished results", hint=_HINT)
        folders.update((folder.resolve(), None) for folder in found)
    name_for = unlike()
    return [_read(folder, name_for(plain(folder.name))) for folder in folders]


def _read(folder: Path, recording: str) -> Result:
    try:
        told = json.loads((folder / FACTS).read_bytes())
        media = told["media"]
        result = Result(
            folder, recording, str(told["kind"]), str(told["uri"]), int(media["bytes"]),
            (int(media["width_px"]), int(media["height_px"])), tuple(map(str, told["classes"])), _model(told),
            told.get("begins"),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{folder / FACTS} cannot be read: {error!r}", hint="analyse the recording again") from error
    if not result.table.is_file():
        raise SourceNotFound(f"{result.table} is not there", hint="analyse the recording again")
    return result


def _model(told: dict[str, Any]) -> str:
    return str(told.get("made", {}).get("engine", {}).get("bundle", "unknown"))


def plain(name: str) -> str:
    """A name that means the same in paths, URLs and expressions: letters, digits, dots, dashes, underscores."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")[:80] or "recording"


def unlike() -> Callable[[str], str]:
    """A function that gives names back, with a number where one (in any case of letters) was given before."""
    taken: set[str] = set()

    def name_for(wanted: str) -> str:
        name, number = wanted, 1
        while name.lower() in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.lower())
        return name

    return name_for

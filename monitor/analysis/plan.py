"""What makes two analyses the same, and what of an earlier one can be gone on with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engines.contract import EngineInfo
from monitor.analysis.inputs import FACTS, Item
from monitor.analysis_settings import AnalysisSettings
from monitor.errors import SourceError
from monitor.files import write_whole
from monitor.redact import redact
from monitor.settings import Settings
from monitor.sources.object_stores import is_url, size_of
from monitor.versions import versions

FORMAT = 3
"""Of the tables and of analysis.json, and of how people are followed; results of another one are made anew."""
WORK = ".work"
_ONLY_SHOWN = ("video", "anonymize", "thumbnails")


def fingerprint(item: Item, settings: Settings, engine: EngineInfo) -> str:
    """Equal for two runs whose tables would be equal: the same file, settings, engine and versions."""
    quiet = {name: getattr(AnalysisSettings(), name) for name in _ONLY_SHOWN}
    matters = replace(settings, analysis=replace(settings.analysis, **quiet))
    parts = ("detector", "track", "decide", "analysis")
    told = {
        "format": FORMAT, "uri": item.uri, "files": [_stamp(path) for path in item.pictures or (item.uri,)],
        "settings": {part: asdict(getattr(matters, part)) for part in parts},
        "engine": [engine.runtime, engine.precision, engine.fingerprint], "versions": versions(),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _stamp(path: str) -> list[Any]:
    """A file's name, size and time of change; for a URL its name and size."""
    if is_url(path):
        with contextlib.suppress(SourceError):  # told when it is scanned
            return [redact(path), size_of(path)]
        return [redact(path)]
    try:
        there = Path(path).stat()
    except OSError:
        return [path]
    return [path, there.st_size, there.st_mtime_ns]


def shown(settings: Settings) -> dict[str, Any]:
    """The settings that change only what is shown of the tables."""
    return {name: getattr(settings.analysis, name) for name in _ONLY_SHOWN}


def finished(folder: Path) -> dict[str, Any] | None:
    """analysis.json of a folder; None where there is none that can be read."""
    try:
        told = json.loads((folder / FACTS).read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) and isinstance(told.get("made"), dict) else None


class Work:
    """The folder of an analysis that is not finished: what was done of it, in whole files."""

    def __init__(self, folder: Path, mark: str, uri: str) -> None:
        """Takes what was done under the same `mark` before, and throws away what was done under another. SinkError."""
        self.path = folder / WORK
        plan = {"mark": mark, "uri": redact(uri)}
        if _read(self.path / "plan.json") != plan:
            shutil.rmtree(self.path, ignore_errors=True)
            write_whole(self.path / "plan.json", json.dumps(plan).encode())

    def segment(self, index: int) -> Path:
        return self.path / f"{index:05d}.segment"

    def part(self, index: int, look: str) -> Path:
        """A part of the annotated video; one that looked otherwise has another name."""
        return self.path / f"{index:05d}-{look}.mp4"

    def keep(self, index: int, data: bytes) -> None:
        """Stores a segment's tables. Raises SinkError."""
        write_whole(self.segment(index), data)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None

"""From tables to what people look at: the annotated video, thumbnails, the report."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from engines.contract import Card
from monitor.analysis.facts import segments_of
from monitor.analysis.footage import UNSPLIT_PATIENCE_S
from monitor.analysis.inputs import FACTS
from monitor.analysis.pages import report_page
from monitor.analysis.plan import Work
from monitor.analysis.render import Look, Pick
from monitor.analysis.schema import parquet_batches, rows_of
from monitor.analysis.tasks import Join, Render, RenderPictures, Thumbnails
from monitor.files import told_as_sink_error, write_whole
from monitor.redact import redact
from monitor.settings import Settings
from monitor.types import Box, Media, Span
from monitor.versions import own_version, versions

VIDEO, PICTURES = "annotated.mp4", "annotated"
TABLES = ("tracks.parquet", "tracks.csv", "judgements.parquet", "frames.parquet")


class Outputs:
    """todo -> take, take -> more `todo` -> ... until `complete`, then `write`."""

    def __init__(
        self, folder: Path, work: Work, media: Media, span: Span, settings: Settings, card: Card, begins: float | None
    ) -> None:
        self._folder, self._work, self._media, self._span, self._settings = folder, work, media, span, settings
        self._begins = begins
        self._look = Look(card.classes, settings.analysis.anonymize, begins, settings.analysis.stride)
        self._key = hashlib.sha256(repr(self._look).encode()).hexdigest()[:12]
        self._parts = segments_of(span) if media.kind == "video" and settings.analysis.video else ()
        self._waiting: set[Any] = set()
        self._thumbnails: dict[int, bytes] = {}

    def begin(self, facts: Mapping[str, Any], *, anew: bool) -> Iterator[tuple[Any, Any]]:
        """(name, task) of what can be made at once; `anew`: the tables are new, and what shows old ones goes."""
        wanted, table = self._settings.analysis, self._folder / "frames.parquet"
        # A copy that the facts do not name was left by a run that was stopped: nobody knows whom it hides.
        goes = anew or wanted.video or facts["files"]["video"] is None
        if not anew:
            self._take_back(facts, video=None if goes else facts["files"]["video"])
        if goes:
            with told_as_sink_error(self._folder, "replace"):
                (self._folder / VIDEO).unlink(missing_ok=True)
                shutil.rmtree(self._folder / PICTURES, ignore_errors=True)
        if wanted.video and self._media.kind == "pictures":
            yield from self._named("pictures", RenderPictures(self._media, table, self._look, self._folder / PICTURES))
        for segment in self._parts:
            span, part = Span(segment.from_s, segment.to_s), self._work.part(segment.index, self._key)
            if not part.exists():
                patience_s = 180.0 if self._media.splittable else UNSPLIT_PATIENCE_S
                task = Render(self._media, span, table, self._look, part, patience_s=patience_s)
                yield from self._named(("part", segment.index), task)
        if self._parts and not self._waiting:
            yield from self._join()
        if wanted.thumbnails != "off" and facts["people"]:
            picks = best_views(table, {told["person"] for told in facts["people"]})
            yield from self._named("thumbnails", Thumbnails(self._media, picks, wanted.thumbnails))

    def _take_back(self, facts: Mapping[str, Any], video: str | None) -> None:
        """Until all is shown anew, analysis.json tells of the tables, but promises no look. Raises SinkError."""
        files, made = {**facts["files"], "video": video}, {**facts["made"], "shown": None}
        self._store({**facts, "files": files, "made": made})

    def _store(self, told: Mapping[str, Any]) -> None:
        write_whole(self._folder / FACTS, (json.dumps(told, indent=1) + "\n").encode())

    def _named(self, name: Any, task: Any) -> Iterator[tuple[Any, Any]]:
        self._waiting.add(name)
        yield name, task

    def _join(self) -> Iterator[tuple[Any, Any]]:
        parts = tuple(self._work.part(segment.index, self._key) for segment in self._parts)
        yield from self._named("join", Join(parts, self._media, self._span, self._folder / VIDEO))

    def take(self, name: Any, value: Any) -> Iterator[tuple[Any, Any]]:
        """One is done; (name, task) of what can be made now."""
        self._waiting.discard(name)
        if name == "thumbnails":
            self._thumbnails = value
        is_part = isinstance(name, tuple) and name[0] == "part"
        if is_part and value is not None:
            write_whole(self._work.part(name[1], self._key), value)
        if is_part and not any(isinstance(other, tuple) for other in self._waiting):
            yield from self._join()

    @property
    def complete(self) -> bool:
        return not self._waiting

    def write(
        self, facts: Mapping[str, Any], uri: str, made: Mapping[str, Any], run: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Writes the report, and analysis.json last: it says that the rest is there. Raises SinkError."""
        media, settings = self._media, self._settings
        video = PICTURES if media.kind == "pictures" else VIDEO
        here = (self._folder / video).exists()
        shown = settings.analysis.anonymize if settings.analysis.video or not here else facts["made"]["anonymize"]
        told = {
            **facts, "version": 1, "name": media.name, "uri": redact(uri), "kind": media.kind,
            "media": {
                name: getattr(media, name)
                for name in ("format", "codec", "audio", "width_px", "height_px", "frames", "length_s", "fps", "bytes")
            },
            "span": {"from_s": self._span.from_s, "to_s": self._span.to_s}, "begins": self._begins,
            "files": {"video": video if here else None, "tables": list(TABLES)},
            "made": {
                "program": own_version(), "versions": versions(), "settings": changed_settings(settings),
                "every_face": settings.analysis.every_face, "stride": settings.analysis.stride,
                "anonymize": shown, **made,
            },
            "run": dict(run),
        }  # fmt: skip
        write_whole(self._folder / "report.html", report_page(told, self._thumbnails).encode())
        self._store(told)
        return told


def best_views(table: Path, persons: Set[int]) -> tuple[Pick, ...]:
    """Where each of these people is seen largest and clearest."""
    best: dict[int, tuple[float, Pick]] = {}
    for piece in parquet_batches(table, ("t", "person", "x0", "y0", "x1", "y1", "score", "found", "picture")):
        for row in rows_of(piece):
            number = row["person"]
            if number not in persons or not row["found"]:
                continue
            box = Box(row["x0"], row["y0"], row["x1"], row["y1"])
            worth = max(box.width, box.height) * row["score"]
            if number not in best or worth > best[number][0]:
                best[number] = worth, Pick(number, row["t"], box, row["picture"])
    return tuple(pick for _, pick in best.values())


def changed_settings(settings: Settings) -> dict[str, Any]:
    """{dotted key: value} of the settings that differ from the defaults, but for where things come from and go."""
    found: dict[str, Any] = {}

    def walk(now: Any, usual: Any, prefix: str) -> None:
        for one in fields(now):
            value, normal = getattr(now, one.name), getattr(usual, one.name)
            if is_dataclass(value):
                walk(value, normal, f"{prefix}{one.name}.")
            elif value != normal:
                found[f"{prefix}{one.name}"] = value if isinstance(value, int | float | bool) else str(value)

    for part in ("detector", "engine", "track", "decide", "analysis"):
        walk(getattr(settings, part), getattr(Settings(), part), f"{part}.")
    return found

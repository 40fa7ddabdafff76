"""Where runs of tests take place: settings that write everything, and what came out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor import app
from monitor.settings import DecideSettings, EngineSettings, OutputSettings, Settings, ShowSettings, SourceSettings

SURE = DecideSettings(confidence=0.33)
"""With three classes something is always decided, whatever random weights say."""


@dataclass(frozen=True)
class Run:
    """What a run gave."""

    status: int
    said: list[str]
    events: list[dict[str, Any]]
    summary: dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where one test's runs take place."""

    bundle: Path
    folder: Path

    def settings(
        self, uri: object, *, decide: DecideSettings = SURE, record: str | None = None, **source: Any
    ) -> Settings:
        return Settings(
            source=SourceSettings(uri=str(uri), **source),
            engine=EngineSettings(bundle=str(self.bundle)),
            decide=decide,
            show=ShowSettings(headless=True),
            output=OutputSettings(
                record=self.folder / record if record else None,
                events=self.folder / "e.jsonl",
                summary=self.folder / "s.json",
            ),
        )

    def run(self, uri: object, *, stopped: Callable[[], bool] = lambda: False, **settings: Any) -> Run:
        said: list[str] = []
        status = app.run(self.settings(uri, **settings), say=said.append, stopped=stopped)
        return Run(status, said, self.events(), self.summary())

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "e.jsonl").read_text().splitlines()]

    def summary(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "s.json").read_text())
        return told

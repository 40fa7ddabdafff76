"""Built engines on disk: whole or absent, checked before use, one builder at a time, and never the reason to fail.

An entry is `NAME` (what was built) and `NAME.json` (its sha256, size and the facts it was built from).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.files import read_bounded, sha256, write_atomic

MAX_ENTRY_BYTES = 2 << 30
LOCK_WAIT_S = 120.0
"""Longer than a build takes; a builder that hangs must not hang the others."""


def cache_folder() -> Path:
    """Where engines are kept: $MONITOR_CACHE, else the user's cache folder of this system."""
    import platformdirs

    chosen = os.environ.get("MONITOR_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("face-monitor", appauthor=False))


@dataclass(frozen=True, slots=True)
class Entry:
    """One artefact's place in the cache."""

    folder: Path
    name: str
    facts: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.folder / self.name

    def get(self, build: Callable[[], bytes], say: Callable[[str], None]) -> bytes:
        """What is stored, else what `build` makes, stored for the next time; `say` is told of anything unusual.

        A cache that cannot be used costs time and nothing else: then the artefact lives in memory only.
        """
        data, _ = self._load()
        if data is not None:
            return data
        try:
            return self._build_locked(build, say)
        except (OSError, TimeoutError) as error:
            say(f"engine cache not usable, built in memory: {error}")
            return build()

    def _build_locked(self, build: Callable[[], bytes], say: Callable[[str], None]) -> bytes:
        import filelock

        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{self.path}.lock", timeout=LOCK_WAIT_S):
            data, why = self._load()  # another process may have built it while we waited
            if data is not None:
                return data
            say(f"building {self.name}" + (f" again: {why}" if why else " (once)"))
            for dead in self.folder.glob(f".{self.name}*.tmp"):
                dead.unlink(missing_ok=True)  # of a builder that was killed; a living one would hold the lock
            data = build()
            try:
                self._store(data)
            except OSError as error:
                say(f"engine built but not stored in {self.folder}: {error}")
            return data

    def _load(self) -> tuple[bytes | None, str]:
        """(the verified artefact, "") or (None, why not); "" for one that was never stored."""
        beside = self.path.with_name(f"{self.name}.json")
        try:
            facts = json.loads(read_bounded(beside, 1 << 20))
            data = read_bounded(self.path, MAX_ENTRY_BYTES)
        except FileNotFoundError:
            return None, ""
        except (OSError, ValueError) as error:
            return None, f"the stored one cannot be read ({error})"
        if not isinstance(facts, dict) or facts.get("facts") != dict(self.facts):
            return None, "the stored one was built from something else"
        if facts.get("bytes") != len(data):
            return None, f"the stored one is damaged ({len(data)} of {facts.get('bytes')} bytes)"
        if facts.get("sha256") != sha256(data):
            return None, "the stored one is damaged (its sha256 differs)"
        return data, ""

    def _store(self, data: bytes) -> None:
        beside = {"sha256": sha256(data), "bytes": len(data), "facts": dict(self.facts)}
        write_atomic(self.path, data)
        write_atomic(self.path.with_name(f"{self.name}.json"), (json.dumps(beside, indent=2) + "\n").encode())

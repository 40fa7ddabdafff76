"""Built engines on disk: whole or absent, checked before use, one builder at a time, and never the reason to fail.

An entry is `NAME` (what was built) and `NAME.json`: its sha256, size, the facts it was built from, and a report of what
it is made of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.files import read_bounded, sha256, write_atomic

MAX_ENTRY_BYTES = 2 << 30
MAX_REPORT_BYTES = 4 << 20
ENGINES = (".onnx", ".plan")
HELPERS = (".timings", ".kernels")
"""What TensorRT measured while it built plans, what TensorRT-RTX compiled while it ran one: they only save time."""
LOCK_WAIT_S = 120.0
"""Longer than a build takes; a builder that hangs must not hang the others."""


def cache_folder() -> Path:
    """Where engines are kept: $MONITOR_CACHE, else the user's cache folder of this system."""
    import platformdirs

    chosen = os.environ.get("MONITOR_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("face-monitor", appauthor=False))


@dataclass(frozen=True, slots=True)
class Made:
    """What a build gives: the artefact, and what can be told of it later without opening it."""

    data: bytes
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it lies in the cache, checked."""

    path: Path
    data: bytes | None
    """None where it does not hold."""
    fault: str
    """Why not; empty where it holds, or was never stored."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


def read_stored(path: Path) -> Stored:
    """The entry at `path`, with its data only if sha256 and size are what was written beside it."""
    try:
        beside = json.loads(read_bounded(_beside(path), MAX_REPORT_BYTES))
        data = read_bounded(path, MAX_ENTRY_BYTES)
    except FileNotFoundError:
        return Stored(path, None, "")
    except (OSError, ValueError, RecursionError) as error:
        return Stored(path, None, f"cannot be read ({error})")
    if not isinstance(beside, dict) or not all(isinstance(beside.get(key, {}), dict) for key in ("facts", "report")):
        return Stored(path, None, "cannot be read (what is written beside it is of another form)")
    told = {"facts": beside.get("facts", {}), "report": beside.get("report", {})}
    if beside.get("bytes") != len(data):
        return Stored(path, None, f"is damaged ({len(data)} of {beside.get('bytes')} bytes)", **told)
    if beside.get("sha256") != sha256(data):
        return Stored(path, None, "is damaged (its sha256 differs)", **told)
    return Stored(path, data, "", **told)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """One artefact's place in the cache."""

    folder: Path
    name: str
    facts: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.folder / self.name

    def get(self, build: Callable[[], Made], say: Callable[[str], None]) -> Made:
        """What is stored, else what `build` makes, stored for the next time; `say` is told of anything unusual.

        A cache that cannot be used costs time and nothing else: then the artefact lives in memory only.
        """
        made, _ = self._load()
        if made is not None:
            return made
        try:
            return self._build_locked(build, say)
        except (OSError, TimeoutError) as error:
            say(f"engine cache not usable, built in memory: {error}")
            return build()

    def kept(self) -> bytes:
        """What `keep` left here; empty where there is nothing, or nothing sound."""
        made, _ = self._load()
        return made.data if made is not None else b""

    def keep(self, data: bytes, say: Callable[[str], None]) -> None:
        """Stores what only saves time and may be lost: `say` is told where it cannot be stored.

        Does not wait for another process that stores the same: frames would wait, too.
        """
        import filelock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self.path}.lock", timeout=0):
                self._store(Made(data))
        except (OSError, TimeoutError) as error:
            say(f"{self.name} is not kept for the next start: {error}")

    def _build_locked(self, build: Callable[[], Made], say: Callable[[str], None]) -> Made:
        import filelock

        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{self.path}.lock", timeout=LOCK_WAIT_S):
            made, why = self._load()  # another process may have built it while we waited
            if made is not None:
                return made
            say(f"building {self.name}" + (f" again: {why}" if why else " (once)"))
            for dead in self.folder.glob(f".{self.name}*.tmp"):
                dead.unlink(missing_ok=True)  # of a builder that was killed; a living one would hold the lock
            made = build()
            try:
                self._store(made)
            except OSError as error:
                say(f"engine built but not stored in {self.folder}: {error}")
            return made

    def _load(self) -> tuple[Made | None, str]:
        """(the verified artefact, "") or (None, why not); "" for one that was never stored."""
        found = read_stored(self.path)
        if found.data is None:
            return None, f"the stored one {found.fault}" if found.fault else ""
        if found.facts != dict(self.facts):
            return None, "the stored one was built from something else"
        return Made(found.data, found.report), ""

    def _store(self, made: Made) -> None:
        told = {"facts": dict(self.facts), "report": dict(made.report)}
        beside = {"sha256": sha256(made.data), "bytes": len(made.data), **told}
        write_atomic(self.path, made.data)
        write_atomic(_beside(self.path), (json.dumps(beside, indent=2) + "\n").encode())


def stored_entries(folder: Path, prefix: str = "") -> tuple[Stored, ...]:
    """Entries of a cache folder by name, damaged ones too, all or those whose name begins with `prefix`.

    () where there is no folder. Raises OSError.
    """
    if not folder.is_dir():
        return ()
    names = {
        path.name.removesuffix(".json") for path in folder.iterdir() if path.suffix in (*ENGINES, *HELPERS, ".json")
    }
    return tuple(read_stored(folder / name) for name in sorted(names) if name[0] != "." and name.startswith(prefix))


def remove(entry: Stored) -> int:
    """Deletes an entry, unless somebody is building it; the bytes that were freed. Raises OSError."""
    import filelock

    lock = Path(f"{entry.path}.lock")
    try:
        with filelock.FileLock(lock, timeout=0):
            freed = entry.path.stat().st_size if entry.path.exists() else 0
            for path in (_beside(entry.path), entry.path):
                path.unlink(missing_ok=True)
    except TimeoutError:
        return 0
    lock.unlink(missing_ok=True)
    return freed

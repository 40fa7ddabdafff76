"""What exactly was measured: program, commit, model, settings, versions."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engines import load_bundle
from engines.contract import Engine
from engines.machine import usable_threads
from monitor.app import live_threads
from monitor.config import show
from monitor.detect import LOOKERS
from monitor.settings import Settings
from monitor.versions import own_version, versions

PATIENCE_S = 5.0


def provenance(settings: Settings, engine: Engine, film: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """Ready for JSON, see `facts.Report.provenance`. Raises BundleError and OSError."""
    bundle = load_bundle(settings.engine.bundle)
    thinks = asdict(settings)
    compared = {part: thinks[part] for part in ("detector", "track", "decide", "show")}
    del compared["show"]["headless"]
    return {
        "program": own_version(),
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "bundle": f"{bundle.card.name} {bundle.card.version}",
        "sha256": bundle.sha256,
        "engine": {"runtime": engine.info.runtime, "precision": engine.info.precision, "device": engine.info.device},
        "threads": {
            "detector": settings.detector.threads or min(LOOKERS, usable_threads()),
            "engine": settings.engine.threads or usable_threads(),
            "engine_live": live_threads(settings),
        },
        "versions": dict(versions()),
        "settings": show(settings),
        "settings_sha256": hashlib.sha256(repr(sorted(compared.items())).encode()).hexdigest()[:16],
        "film": _sha256(film),
        "arguments": list(arguments),
    }


def _sha256(path: Path) -> str:
    """The beginning of it: films of one name and size that differ are told apart."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _commit() -> str | None:
    """Of the source tree the program runs from, with a + where files were changed since; None where it is none."""
    here = Path(__file__).parent
    if not (here.parents[1] / ".git").exists():
        return None
    try:
        found = [
            subprocess.run(
                ["git", "-C", str(here), *what], capture_output=True, text=True, timeout=PATIENCE_S, check=True
            )
            for what in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return found[0].stdout.strip() + ("+" if found[1].stdout.strip() else "")

"""Where a bundle is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from monitor.errors import SinkError
from monitor.files import told_as_sink_error


def check_place(folder: Path) -> None:
    """Refuses, before the work, what could not be written after it. Raises SinkError."""
    is_bundle = all((folder / name).is_file() for name in ("manifest.json", "card.json", "model.onnx"))
    if folder.exists() and not is_bundle and (folder.is_file() or any(folder.iterdir())):
        raise SinkError(f"{folder} is there and is no bundle", hint="name a new or empty folder with --out")
    with told_as_sink_error(folder, "write the bundle"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder.parent).close()

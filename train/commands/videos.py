"""The body of `monitor train evaluate --videos`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from monitor.commands.stop import INTERRUPTED, StopFlag

BROKEN = 3
"""Exit status where a clip could not be read, after all others."""


def on_videos(folder: Path, bundle: str | None, clips: Sequence[str], numbers: Path | None) -> int:
    """The tables on standard output and, with `numbers`, all of it as JSON; the exit status."""
    from monitor.files import check_writable, write_whole
    from train.evaluation.videos import evaluate_videos, videos_table

    if numbers is not None:
        check_writable(numbers)
    stop = StopFlag()
    with stop.listening():
        found = evaluate_videos(folder, bundle, only=clips, say=lambda line: typer.echo(line, err=True), stopped=stop)
    if found is None:
        return stop.status(INTERRUPTED)
    typer.echo(videos_table(found))
    if numbers is not None:
        write_whole(numbers, json.dumps(found, indent=1).encode())
    return BROKEN if any("error" in row for row in found["clips"]) else 0

"""`monitor train masked`: what the classifier says of fake faces behind masks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from train.commands.options import BundleName, PreparedFolder, Split


def masked(
    data: Annotated[Path, typer.Option(help="The folder that was given to prepare.")],
    prepared: PreparedFolder = Path("data/prepared"),
    bundle: BundleName = None,
    split: Annotated[Split, typer.Option(help="Which part of the pictures.")] = Split.VAL,
    limit: Annotated[int, typer.Option(help="Faces of each source and class at most.", min=1)] = 60,
    out: Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file, too.")] = None,
) -> None:
    """Draw masks on real and fake faces, and measure whether a fake is still told from a real face."""
    from monitor.files import check_writable, write_whole
    from train.evaluation.masked import measure_masked, table
    from train.faces import all_faces
    from train.manifest import load_prepared

    loaded = load_prepared(prepared)
    if out is not None:
        check_writable(out)
    with all_faces() as find:
        found = measure_masked(loaded, data, find, bundle, split=split.value, per_cell=limit, progress=_bar)
    typer.echo(table(found))
    if out is not None:
        write_whole(out, json.dumps(found, indent=1).encode())


def _bar(rows: Sequence[Any]) -> Iterable[Any]:
    from rich.progress import track

    return track(list(rows), "drawing masks")

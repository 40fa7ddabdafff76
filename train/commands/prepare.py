"""`monitor train prepare`: pictures -> face crops and their manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

DATA_SPEC = "train/data.yaml"


def prepare(
    data: Annotated[Path, typer.Option(help="The folder below which the sources lie.")],
    out: Annotated[Path, typer.Option(help="Where the face crops and their manifest go.")] = Path("data/prepared"),
    spec: Annotated[Path | None, typer.Option(help="YAML of sources; default: the published layouts.")] = None,
    splits: Annotated[Path | None, typer.Option(help="CSV sha256,path,source,label,group,split to follow.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Take only this source; may be repeated.")] = None,
) -> None:
    """Find and cut the faces of labelled pictures."""
    from configs import FOLDER
    from train.faces import all_faces
    from train.prepare import plan
    from train.prepare import prepare as run_prepare
    from train.spec import find_items, load_spec

    specs = load_spec(spec or FOLDER / DATA_SPEC)
    chosen = tuple(s for s in specs if not only or s.name in only)
    todo = plan(find_items(chosen, data), data, splits)
    with all_faces() as find:
        facts = run_prepare(todo, data, out, find, progress=_bar)
    typer.echo(json.dumps(facts, indent=1))
    for what in ("unreadable", "missing"):
        if facts[what]:
            typer.echo(f"{what}: {facts[what]} of the pictures, listed in {out / what}.txt", err=True)


def _bar(tasks: Iterable[Any]) -> Iterable[Any]:
    from rich.progress import track

    return track(list(tasks), "finding faces")

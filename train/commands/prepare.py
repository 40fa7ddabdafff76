"""`monitor train prepare`: pictures -> face crops, their manifest and a report on them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.commands.stop import INTERRUPTED, StopFlag

DATA_SPEC = "train/data.yaml"
LUMPS_HINT = (
    "(a group is a person, or pictures that look alike, as whole pictures of one place do: cut them around the face. "
    "Else divide them yourself: the column split of manifest.csv, given with --splits)"
)


def prepare(
    data: Annotated[Path, typer.Option(help="The folder below which the sources lie.")],
    out: Annotated[Path, typer.Option(help="Where the face crops and their manifest go.")] = Path("data/prepared"),
    spec: Annotated[Path | None, typer.Option(help="YAML of sources; default: the published layouts.")] = None,
    splits: Annotated[Path | None, typer.Option(help="CSV sha256,path,source,label,group,split to follow.")] = None,
    shares: Annotated[str, typer.Option(help="Percent for training/validation/test, without --splits.")] = "70/15/15",
    only: Annotated[list[str] | None, typer.Option(help="Take only this source; may be repeated.")] = None,
    report: Annotated[bool, typer.Option(help="Also report.html, as `inspect` writes it.")] = True,
    contact_sheets: Annotated[bool, typer.Option("--contact-sheets", help="Also pictures of faces, by class.")] = False,
) -> int:
    """Find and cut the faces of labelled pictures, split them by group, and report on them."""
    from configs import FOLDER
    from train.errors import TrainError
    from train.faces import all_faces
    from train.lumps import lumps
    from train.prepare import plan
    from train.prepare import prepare as run_prepare
    from train.spec import find_items, load_spec

    parts = parse_shares(shares)
    specs = load_spec(spec or FOLDER / DATA_SPEC)
    if unknown := sorted(set(only or ()) - {s.name for s in specs}):
        hint = f"there are: {', '.join(s.name for s in specs)}"
        raise TrainError(f"no source is called {', '.join(unknown)}", hint=hint)
    chosen = tuple(s for s in specs if not only or s.name in only)
    rule = f"as in {splits.name}" if splits else f"by group and near-duplicates, {shares} percent"
    todo = plan(find_items(chosen, data), data, splits, shares=parts)
    if told := lumps((task.item.label, task.item.group, task.split) for task in todo.tasks):
        typer.echo("\n".join([*told, LUMPS_HINT]), err=True)
    stop = StopFlag()
    with stop.listening(), all_faces() as find:
        facts = run_prepare(todo, data, out, find, progress=_bar, rule=rule, stopped=stop)
    if facts is None:
        typer.echo("stopped; nothing was kept, the same command begins again", err=True)
        return stop.status(INTERRUPTED)
    typer.echo(json.dumps(facts, indent=1))
    for what in ("unreadable", "missing"):
        if facts[what]:
            typer.echo(f"{what}: {facts[what]} of the pictures, listed in {out / what}.txt", err=True)
    if report or contact_sheets:
        from train.commands.inspect import inspect

        inspect(data, out, recipe=None, contact_sheets=contact_sheets)
    return 0


def parse_shares(text: str) -> tuple[float, ...]:
    """'70/15/15' as shares with the sum 1. Raises TrainError."""
    from train.errors import TrainError

    try:
        parts = tuple(float(part) for part in text.split("/"))
    except ValueError:
        parts = ()
    if len(parts) != 3 or min(parts) <= 0 or abs(sum(parts) - 100) > 1e-6:
        what = f"--shares wants three numbers above 0 with the sum 100, got {text!r}"
        raise TrainError(what, hint="write training/validation/test, as in 60/20/20")
    return tuple(part / 100 for part in parts)


def _bar(tasks: Iterable[Any]) -> Iterable[Any]:
    from rich.progress import track

    return track(list(tasks), "finding faces")

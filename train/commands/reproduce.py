"""`monitor train reproduce`: the paper's experiments, beside their honest twins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.commands.stop import INTERRUPTED, StopFlag


def reproduce(
    data: Annotated[Path, typer.Option(help="The folder below which the two published sets lie.")],
    everything: Annotated[bool, typer.Option("--all", help="All experiments.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this one: a, b, c, d or e; may be repeated.")] = None,
    schedule: Annotated[str, typer.Option(help="full (a GPU), long or short (2 cores), or a YAML file.")] = "short",
    out: Annotated[Path, typer.Option(help="Where runs, tables and figures go.")] = Path("runs/reproduce"),
    weights: Annotated[str, typer.Option(help="none or imagenet.")] = "none",
    splits: Annotated[Path | None, typer.Option(help="CSV whose groups hold; default: near-duplicates.")] = None,
) -> int:
    """Repeat the paper's five experiments as it did, and honestly. The same command goes on after a stop."""
    from train.errors import TrainError
    from train.manifest import read_splits
    from train.reproduction.all import reproduce as run_all

    if everything == bool(only):
        raise TrainError("say which experiments: --all, or --only", hint="monitor train reproduce --data DIR --all")
    known = {path: row[3] for path, row in read_splits(splits).items()} if splits else None
    stop = StopFlag()
    with stop.listening():
        found = run_all(
            data, out, only or [], schedule=schedule, weights=weights, known_groups=known, say=_tell, stopped=stop
        )
    if found is None:
        return stop.status(INTERRUPTED)
    typer.echo((out / "reproduce.md").read_text(encoding="utf-8").split("### ")[0])
    typer.echo(f"tables and figures: {out}")
    return 0


def _tell(line: str) -> None:
    typer.echo(line, err=True)

"""`monitor train inspect`: what prepared pictures are like, and what in them misleads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from train.commands.options import PreparedFolder


def inspect(
    data: Annotated[Path, typer.Option(help="The folder that was given to prepare.")],
    prepared: PreparedFolder = Path("data/prepared"),
    recipe: Annotated[str | None, typer.Option(help="Whose augmentation equalises; default: the strongest.")] = None,
    contact_sheets: Annotated[bool, typer.Option("--contact-sheets", help="Also pictures of faces, by class.")] = False,
) -> None:
    """Report on prepared pictures: report.html and report.json beside them."""
    from monitor.files import write_whole
    from train.augment import Augment
    from train.inspection.inspect import inspect as run_inspect
    from train.inspection.page import page
    from train.manifest import load_prepared
    from train.recipe import load_recipe

    loaded = load_prepared(prepared)
    augment = load_recipe(recipe).augment or Augment()
    report = run_inspect(loaded, data, augment, say=_tell, progress=_bar)
    facts = json.loads((prepared / "prepare.json").read_text(encoding="utf-8"))
    write_whole(prepared / "report.json", json.dumps(report, indent=1).encode())
    write_whole(prepared / "report.html", page(report, facts).encode())
    for alarm in report["alarms"]:
        typer.echo(f"look at this: {alarm}")
    typer.echo(f"report: {prepared / 'report.html'}")
    if contact_sheets:
        from train.inspection.sheet import write_sheets

        for sheet in write_sheets(loaded, prepared):
            typer.echo(f"contact sheet: {sheet} (it shows people; only you can read it)")


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _bar(rows: Sequence[Any]) -> Iterable[Any]:
    from rich.progress import track

    return track(list(rows), "reading pictures")

"""`monitor train evaluate --leave-one-source-out`: recipes compared by what they earn on sources they never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from monitor.commands.stop import INTERRUPTED, StopFlag

USUAL = "labels"
"""The recipe of a run for which none is named, as in `fit`: the defaults."""


def leave_out(
    prepared: Path, run: Path, recipes: Sequence[str], *, teacher: Path | None, weights: str = "none",
    sources: Sequence[str] = (), pictures: int | None = None, input_px: int | None = None, workers: int | None = None,
    out: Path | None = None,
) -> int:  # fmt: skip
    """The table on standard output and, with `out`, all numbers as JSON; the exit status."""
    from monitor.files import check_writable, write_whole
    from train.backend import chosen_workers
    from train.leave_out import leave_one_out, table
    from train.manifest import load_prepared
    from train.recipe import load_recipe
    from train.start import Start

    chosen = {Path(name).stem: load_recipe(name) for name in recipes or [USUAL]}
    for name, recipe in chosen.items():
        chosen[name] = replace(recipe, pictures=pictures or recipe.pictures, input_px=input_px or recipe.input_px)
    if out is not None:
        check_writable(out)
    data, stop = load_prepared(prepared), StopFlag()
    with stop.listening():
        start = Start(weights, teacher)
        found = leave_one_out(
            data, run, chosen, start=start, sources=sources, workers=chosen_workers(workers), say=_tell, stopped=stop
        )
    if found is None:
        return stop.status(INTERRUPTED)
    typer.echo(table(found))
    if out is not None:
        write_whole(out, json.dumps({"manifest_sha256": data.digest, "recipes": found}, indent=1).encode())
    return 0


def _tell(line: str) -> None:
    typer.echo(line, err=True)

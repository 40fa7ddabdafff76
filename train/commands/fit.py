"""`monitor train fit`: crops -> a trained model, in a run that can be stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.commands.stop import INTERRUPTED, StopFlag
from train.commands.options import PreparedFolder, RunFolder


def fit(
    prepared: PreparedFolder = Path("data/prepared"),
    run: RunFolder = Path("runs/latest"),
    recipe: Annotated[str | None, typer.Option(help="A recipe's name (guided, labels, ...) or YAML file.")] = None,
    pictures: Annotated[int | None, typer.Option(help="Pictures to see, versions counted each.", min=1)] = None,
    weights: Annotated[
        str, typer.Option(help="none, imagenet, a .keras or (ResNet-50) .npz file, or a bundle.")
    ] = "none",
    teacher: Annotated[Path | None, typer.Option(help="A ResNet-50 (.npz) whose features guide the training.")] = None,
    tutor: Annotated[
        Path | None, typer.Option(help="The final.keras of a run whose answers guide the training.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that make the pictures; default with a GPU all cores but two, else none.", min=0),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Only go on: refuse a folder without a run.")] = False,
    arch: Annotated[str | None, typer.Option(help="vgg16, mobilenetv2 or resnet50; default: the recipe's.")] = None,
) -> int:
    """Train, or go on with a run that was stopped: the same command does both."""
    from dataclasses import replace

    from train.backend import chosen_workers
    from train.errors import CheckpointError
    from train.fit import fit as run_fit
    from train.manifest import load_prepared
    from train.recipe import load_recipe
    from train.start import Start

    chosen = load_recipe(recipe)
    if pictures is not None:
        chosen = replace(chosen, pictures=pictures)
    if arch is not None:
        chosen = replace(chosen, arch=arch)
    if resume and not (run / "state.json").is_file():
        raise CheckpointError(f"there is no run in {run} to go on with", hint="leave --resume away to begin one")
    start = Start(weights, teacher, tutor)
    stop = StopFlag()
    with stop.listening():
        final = run_fit(
            load_prepared(prepared),
            run,
            chosen,
            start=start,
            say=typer.echo,
            workers=chosen_workers(workers),
            stopped=stop,
        )
    if final is None:
        return stop.status(INTERRUPTED)
    typer.echo(f"finished: {final}")
    return 0

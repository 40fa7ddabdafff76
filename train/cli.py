"""`monitor train`: data -> crops -> run -> bundle."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.commands.stop import INTERRUPTED, StopFlag

app = typer.Typer(help="Train a classifier of your own: prepare, fit, export, evaluate.", no_args_is_help=True)

DATA_SPEC = "train/data.yaml"
Prepared = Annotated[Path, typer.Option("--prepared", help="The folder that `prepare` wrote.")]
Run = Annotated[Path, typer.Option("--run", help="The folder of the training run.")]


class Split(StrEnum):
    """What `train.manifest.SPLITS` lists."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@app.command()
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


@app.command()
def fit(
    prepared: Prepared = Path("data/prepared"),
    run: Run = Path("runs/latest"),
    recipe: Annotated[Path | None, typer.Option(help="YAML of the recipe; default: the shipped model's.")] = None,
    pictures: Annotated[int | None, typer.Option(help="Pictures to see, versions counted each.", min=1)] = None,
    weights: Annotated[str, typer.Option(help="none, imagenet, a .keras file, or a bundle's name or folder.")] = "none",
) -> int:
    """Train, or go on with a run that was stopped."""
    from dataclasses import replace

    from train.fit import fit as run_fit
    from train.manifest import load_prepared
    from train.recipe import load_recipe

    chosen = load_recipe(recipe)
    if pictures is not None:
        chosen = replace(chosen, pictures=pictures)
    stop = StopFlag()
    with stop.listening():
        final = run_fit(load_prepared(prepared), run, chosen, weights=weights, say=typer.echo, stopped=stop)
    if final is None:
        return stop.status(INTERRUPTED)
    typer.echo(f"finished: {final}")
    return 0


@app.command()
def export(
    run: Run = Path("runs/latest"),
    prepared: Prepared = Path("data/prepared"),
    out: Annotated[Path, typer.Option(help="The bundle's folder.")] = Path("out/bundle"),
    name: Annotated[str, typer.Option(help="The bundle's name.")] = "vgg16-128",
    version: Annotated[str, typer.Option(help="The bundle's version.")] = "1",
) -> None:
    """Make a bundle of a finished run: fold, calibrate, measure."""
    from train.export import export as run_export
    from train.manifest import load_prepared
    from train.report import tables

    bundle, results = run_export(load_prepared(prepared), run, out, name=name, version=version)
    typer.echo(tables(results))
    typer.echo(f"bundle: {bundle.folder}")


@app.command()
def evaluate(
    prepared: Prepared = Path("data/prepared"),
    bundle: Annotated[str | None, typer.Option(help="A bundle's name or folder; default: the shipped one.")] = None,
    split: Annotated[Split, typer.Option(help="Which part of the pictures.")] = Split.TEST,
    out: Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file, too.")] = None,
) -> None:
    """Measure a bundle on a split, in float32 and int8."""
    from monitor.files import claim, write_whole
    from train.evaluate import evaluate_engine
    from train.manifest import load_prepared
    from train.report import tables

    data = load_prepared(prepared)
    if out is not None:
        claim(out).unlink()  # refused now rather than after the work
    results = {p: evaluate_engine(data, bundle, precision=p, split=split.value) for p in ("fp32", "int8")}
    typer.echo(tables(results))
    if out is not None:
        write_whole(out, json.dumps({"manifest_sha256": data.digest, **results}, indent=1).encode())


def _bar(tasks: Iterable[Any]) -> Iterable[Any]:
    from rich.progress import track

    return track(list(tasks), "finding faces")

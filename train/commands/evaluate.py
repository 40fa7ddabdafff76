"""`monitor train evaluate`: a bundle on prepared pictures, on clips, or recipes on sources they never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.commands.choices import Precision
from train.commands.options import BundleName, PreparedFolder, Split

_LEAVING = "Leaving one source out"


def evaluate(
    prepared: PreparedFolder = Path("data/prepared"),
    bundle: BundleName = None,
    split: Annotated[Split, typer.Option(help="Which part of the pictures.")] = Split.TEST,
    out: Annotated[Path | None, typer.Option(help="A folder for report.html and report.json.")] = None,
    numbers: Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file, too.")] = None,
    precision: Annotated[
        list[Precision] | None, typer.Option(help="Which to compare, the first in detail; default: all. fp16 is slow.")
    ] = None,
    robustness: Annotated[int, typer.Option(help="Pictures of each source and class for its curves; 0: none.")] = 12,
    mistakes: Annotated[int, typer.Option(help="Show so many mistakes in OUT/mistakes.jpg (pictures of people!).")] = 0,
    videos: Annotated[Path | None, typer.Option(help="Instead: clips, with a labels.yaml beside them.")] = None,
    clip: Annotated[list[str] | None, typer.Option(help="Only clips whose name begins so.")] = None,
    leave_one_source_out: Annotated[
        bool,
        typer.Option("--leave-one-source-out", help="Instead: compare recipes.", rich_help_panel=_LEAVING),
    ] = False,
    recipe: Annotated[list[str] | None, typer.Option(help="A recipe to compare.", rich_help_panel=_LEAVING)] = None,
    run: Annotated[Path, typer.Option(help="Where its runs go.", rich_help_panel=_LEAVING)] = Path("runs/left-out"),
    teacher: Annotated[Path | None, typer.Option(help="See fit.", rich_help_panel=_LEAVING)] = None,
    weights: Annotated[str, typer.Option(help="none or imagenet.", rich_help_panel=_LEAVING)] = "none",
    source: Annotated[list[str] | None, typer.Option(help="Only leave this out.", rich_help_panel=_LEAVING)] = None,
    workers: Annotated[int | None, typer.Option(help="See fit.", min=0, rich_help_panel=_LEAVING)] = None,
    pictures: Annotated[int | None, typer.Option(help="Of each run.", min=1, rich_help_panel=_LEAVING)] = None,
    input_px: Annotated[int | None, typer.Option(help="Of each run.", min=8, rich_help_panel=_LEAVING)] = None,
) -> int:
    """Measure a bundle: a report on pictures, seconds right and wrong on clips, or recipes on sources never seen."""
    from train.errors import TrainError

    if videos is not None and leave_one_source_out:
        raise TrainError("--videos and --leave-one-source-out are two different measurements", hint="ask for one")
    if leave_one_source_out:
        from train.commands.leave_out import leave_out

        return leave_out(
            prepared, run, recipe or [], teacher=teacher, weights=weights, sources=source or [], pictures=pictures,
            input_px=input_px, workers=workers, out=numbers,
        )  # fmt: skip
    if videos is not None:
        from train.commands.videos import on_videos

        return on_videos(videos, bundle, clip or [], numbers)
    if mistakes and out is None:
        raise TrainError("--mistakes wants a folder to write to", hint="name one with --out")
    from train.commands.report import on_pictures
    from train.evaluation.gather import PRECISIONS

    precisions = tuple(dict.fromkeys(chosen.value for chosen in precision)) if precision else PRECISIONS
    on_pictures(
        prepared, bundle, split.value, out, numbers, precisions=precisions, robustness=robustness, mistakes=mistakes
    )
    return 0

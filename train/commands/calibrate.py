"""`monitor train calibrate`: a bundle, calibrated on pictures of one's own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from train.commands.options import BundleName, PreparedFolder


def calibrate(
    prepared: PreparedFolder = Path("data/prepared"),
    bundle: BundleName = None,
    out: Annotated[Path, typer.Option(help="The new bundle's folder.")] = Path("out/calibrated"),
    name: Annotated[str | None, typer.Option(help="The new bundle's name; default: the old one's.")] = None,
    version: Annotated[str | None, typer.Option(help="Its version; default: the old one and -calibrated.")] = None,
) -> None:
    """Make a bundle say how sure it is on your pictures: no training, the same network."""
    from train.manifest import load_prepared
    from train.measure import MOST_CONFIDENCE
    from train.recalibrate import recalibrate

    new, change = recalibrate(load_prepared(prepared), bundle, out, name=name, version=version, say=typer.echo)
    rows = {
        "undecided below": (change.confidence, "{:.2f}"), "so undecided": (change.undecided, "{:.1%}"),
        "of the others wrong": (change.wrong, "{:.1%}"), "calibration error (ECE)": (change.ece, "{:.3f}"),
        "accuracy": (change.accuracy, "{:.3f}"),
    }  # fmt: skip
    n = new.card.metrics["test"]["fp32"]["n"]
    typer.echo(f"on {n} pictures of the split test, as if all classes were equally many:")
    for title, (values, form) in rows.items():
        before, now = ("-" if math.isnan(value) else form.format(value) for value in values)
        typer.echo(f"  {title:<24} {now:>6}  was {before}")
    if change.confidence[1] == MOST_CONFIDENCE:
        typer.echo("no lower limit is sure to leave one wrong answer in twenty: few pictures, or unknown ones")
    typer.echo(f"bundle: {new.folder}")

"""`monitor train calibrate`: a bundle, calibrated on pictures of one's own."""

from __future__ import annotations

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
    from train.recalibrate import recalibrate

    new, change = recalibrate(load_prepared(prepared), bundle, out, name=name, version=version, say=typer.echo)
    n = new.card.metrics["test"]["fp32"]["n"]
    typer.echo("undecided below {:.2f}, was {:.2f}".format(*reversed(change.confidence)))
    typer.echo("calibration error (ECE) on {} test pictures {:.3f}, was {:.3f}".format(n, *reversed(change.ece)))
    typer.echo("accuracy {:.3f}, was {:.3f}".format(*reversed(change.accuracy)))
    typer.echo(f"bundle: {new.folder}")

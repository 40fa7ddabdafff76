"""`monitor train evaluate`: a bundle on prepared pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from train.commands.options import BundleName, PreparedFolder, Split


def evaluate(
    prepared: PreparedFolder = Path("data/prepared"),
    bundle: BundleName = None,
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

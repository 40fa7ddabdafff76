"""`monitor train export`: a finished run -> a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train.commands.options import PreparedFolder, RunFolder


def export(
    run: RunFolder = Path("runs/latest"),
    prepared: PreparedFolder = Path("data/prepared"),
    out: Annotated[Path, typer.Option(help="The bundle's folder.")] = Path("out/bundle"),
    name: Annotated[str | None, typer.Option(help="The bundle's name; default: network and input size.")] = None,
    left_out: Annotated[Path | None, typer.Option(help="What `evaluate --leave-one-source-out --json` wrote.")] = None,
    licence: Annotated[Path | None, typer.Option(help="The text of the bundle's LICENSE.")] = None,
    version: Annotated[str, typer.Option(help="The bundle's version.")] = "1",
) -> None:
    """Make a bundle of a finished run: fold, calibrate, measure."""
    import json

    from train.errors import DataError
    from train.export import export as run_export
    from train.manifest import load_prepared
    from train.report import tables

    found = None
    if left_out is not None:
        try:
            found = json.loads(left_out.read_text(encoding="utf-8"))["recipes"]
        except (OSError, ValueError, KeyError) as error:
            hint = "name the file that evaluate --leave-one-source-out wrote with --json"
            raise DataError(f"{left_out} tells of no recipes: {error}", hint=hint) from error
    text = _text(licence)
    bundle, results = run_export(
        load_prepared(prepared), run, out, name=name, version=version, left_out=found, own_licence=text
    )
    typer.echo(tables(results))
    typer.echo(f"bundle: {bundle.folder}")


def _text(file: Path | None) -> str | None:
    from train.errors import DataError

    try:
        return None if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {file}: {error}", hint="name a file of UTF-8 text with --licence") from error

"""`monitor train pack` and `unpack`: prepared crops to another machine and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train.commands.options import PreparedFolder, Split


def pack(
    prepared: PreparedFolder = Path("data/prepared"),
    out: Annotated[Path, typer.Option(help="Where the pieces go.")] = Path("data/packed"),
    split: Annotated[list[Split] | None, typer.Option(help="Only pack this one; may be repeated.")] = None,
    piece_mib: Annotated[int, typer.Option(help="Largest piece, MiB.", min=1)] = 60,
) -> None:
    """Pack prepared crops into pieces that travel, about a sixteenth of the size."""
    from train.manifest import load_prepared
    from train.packing import pack as run_pack

    files = run_pack(load_prepared(prepared), out, piece_bytes=piece_mib << 20, splits=[s.value for s in split or []])
    typer.echo(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.0f} MB: {out}")


def unpack(
    packed: Annotated[Path, typer.Option(help="The folder that `pack` wrote.")] = Path("data/packed"),
    out: Annotated[Path, typer.Option(help="Where the prepared crops go.")] = Path("data/prepared"),
) -> None:
    """Make prepared crops of packed ones."""
    from train.packing import unpack as run_unpack

    facts = run_unpack(packed, out)
    typer.echo(f"{facts['pictures']} pictures: {out}")

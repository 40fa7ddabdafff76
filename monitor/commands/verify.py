"""`monitor engine verify`: do all engines that can run here give one answer?"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.errors import CheckFailed, SourceError

if TYPE_CHECKING:
    from engines.contract import U8, Card
    from engines.parity import Parity


def verify(
    bundle: Annotated[str | None, typer.Option(help="A bundle's name or folder; default: the shipped one.")] = None,
    data: Annotated[Path | None, typer.Option(help="A folder of pictures of faces; default: golden ones.")] = None,
    at_most: Annotated[int, typer.Option(help="Faces that are looked at, of DATA.", min=1)] = 400,
    out: Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file, too.")] = None,
) -> None:
    """Ask every runtime and precision about the same faces, and compare with fp32 on the CPU."""
    from engines.bundle import load_bundle
    from engines.parity import compare
    from monitor.files import check_writable, write_whole

    source = load_bundle(bundle)
    if out is not None:
        check_writable(out)
    rgb = _crops(source.card, data, at_most)
    rows = compare(source, rgb, say=lambda line: typer.echo(line, err=True))
    faces = f"{len(rgb)} faces of {data}" if data else f"{len(rgb)} golden crops of two public-domain portraits"
    typer.echo(f"{source.card.name} {source.card.version}, {faces}, against fp32 on the CPU\n\n{table(rows)}", nl=False)
    if out is not None:
        told = {
            "bundle": source.card.name,
            "sha256": source.sha256,
            "faces": len(rgb),
            "rows": [asdict(r) for r in rows],
        }
        write_whole(out, json.dumps(told, indent=1).encode())
    if beyond := [f"{row.runtime} {row.precision}: {'; '.join(row.over)}" for row in rows if row.over]:
        hint = "use --precision fp32, or another --runtime, until the bundle is calibrated or trained anew"
        raise CheckFailed(". ".join(beyond), hint=hint)


def _crops(card: Card, data: Path | None, at_most: int) -> U8:
    from monitor.detect import FaceDetector
    from monitor.golden import crops_of, golden_pictures, pictures_in
    from monitor.settings import DetectorSettings

    with closing(FaceDetector(DetectorSettings())) as detector:
        pictures: Any = pictures_in(data) if data else golden_pictures()
        rgb = crops_of(pictures, detector.detect_all, card, at_most)
    if len(rgb) == 0:
        raise SourceError(f"no face is found in the pictures of {data}", hint="name a folder with pictures of faces")
    return rgb


def table(rows: tuple[Parity, ...]) -> str:
    """Markdown, a line a runtime and precision."""
    lines = [
        "| runtime | precision | same answer | most \N{GREEK CAPITAL LETTER DELTA}p | mean | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.agreement is None:
            lines.append(f"| {row.runtime} | {row.precision} | | | | {row.why_not} |")
        else:
            verdict = "; ".join(row.over) or "within its limits"
            numbers = f"{row.agreement:.1%} | {row.max_dp:.4f} | {row.mean_dp:.5f}"
            lines.append(f"| {row.runtime} | {row.precision} | {numbers} | {verdict} |")
    return "\n".join(lines) + "\n"

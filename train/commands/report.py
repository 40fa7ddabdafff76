"""The body of `monitor train evaluate` for pictures."""

from __future__ import annotations

import json
from pathlib import Path

import typer


def on_pictures(
    prepared: Path, bundle: str | None, split: str, out: Path | None, numbers: Path | None, *,
    precisions: tuple[str, ...], robustness: int, mistakes: int,
) -> None:  # fmt: skip
    """Tables on standard output; report.html, report.json and, where asked for, mistakes.jpg in `out`."""
    from monitor.files import check_writable, told_as_sink_error, write_whole
    from train.evaluation.gather import Asked, gather
    from train.manifest import load_prepared
    from train.report import tables

    data = load_prepared(prepared)
    for file in (numbers, out and out / "report.html"):
        if file is not None:
            check_writable(file)  # refused now rather than after the work
    asked = Asked(bundle, split, precisions, robustness_pictures=robustness if out else 0)
    report, probs = gather(data, asked, say=lambda line: typer.echo(line, err=True))
    typer.echo(tables({p: {**report["about"], "n": report["about"]["pictures"], **row}
                       for p, row in report["precisions"].items()}))  # fmt: skip
    text = json.dumps(report, indent=1).encode()
    if numbers is not None:
        write_whole(numbers, text)
    if out is None:
        return
    from train.evaluation.page import page

    with told_as_sink_error(out, "make the folder"):
        out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "report.json", text)
    write_whole(out / "report.html", page(report).encode())
    typer.echo(f"report: {out / 'report.html'}")
    if mistakes:
        from engines import load_bundle
        from train.evaluation.mistakes import write_mistakes

        margin = load_bundle(bundle).card.crop_margin
        shown = write_mistakes(data, data.where(split), probs, mistakes, margin, out / "mistakes.jpg")
        typer.echo(f"{shown} mistakes: {out / 'mistakes.jpg'} (it shows people; only you can read it)")

"""`monitor engine bench`: how fast the engines of a bundle are on this machine."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.commands.choices import Precision

if TYPE_CHECKING:
    from engines.bench import Bench


def bench(
    bundle: Annotated[str | None, typer.Option(help="A bundle's name or folder; default: the shipped one.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Crops in one call; may be given again.", min=1)] = None,
    precision: Annotated[list[Precision] | None, typer.Option(help="May be given again.")] = None,
    rounds: Annotated[int, typer.Option(help="Calls of each that are timed.", min=3)] = 100,
    threads: Annotated[
        int | None, typer.Option(help="Threads of a CPU engine; default: as many as help.", min=1)
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file, too.")] = None,
) -> None:
    """Time every runtime, precision and size of batch that works here, in turn, against fp32 on the CPU."""
    from engines.bench import bench as measure
    from engines.bundle import load_bundle
    from engines.machine import cpu, nvidia_gpu, usable_threads
    from monitor.files import check_writable, write_whole
    from monitor.versions import own_version

    precisions = [chosen.value for chosen in precision or (Precision.INT8, Precision.FP32)]
    if out is not None:
        check_writable(out)
    source = load_bundle(bundle)
    found = measure(
        source, batches=sorted(set(batch or [1, 8])), precisions=precisions, rounds=rounds, threads=threads, say=_tell
    )
    gpu = nvidia_gpu()
    machine = f"{cpu().name}, {threads or usable_threads()} threads{f', {gpu}' if gpu else ''}"
    typer.echo(f"{source.card.name} {source.card.version}, {rounds} rounds, {machine}\n\n{table(found)}", nl=False)
    if out is not None:
        about = {
            "bundle": source.card.name, "sha256": source.sha256, "machine": machine, "rounds": rounds,
            "program": own_version(), "date": datetime.date.today().isoformat(),
        }  # fmt: skip
        write_whole(out, json.dumps({**about, **asdict(found)}, indent=1).encode())


def table(found: Bench) -> str:
    """Markdown: a line an engine and batch, the peaks, and what was left out."""
    lines = ["| runtime | precision | batch | ms p50 | p95 | p99 | faces/s | times fp32 | of the peak |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for row in found.timings:
        share = "" if row.peak_share is None else f"{row.peak_share:.0%}"
        lines.append(
            f"| {row.runtime} | {row.precision} | {row.batch} | {row.p50_ms:.2f} | {row.p95_ms:.2f} | {row.p99_ms:.2f} "
            f"| {row.faces_per_s:.0f} | {row.times_baseline:.2f} | {share} |"
        )
    lines += [
        "",
        f"A face takes {found.multiplications / 1e9:.2f} thousand million multiplications. The peak is the best rate",
    ]
    rates = (f"{name} {best.per_s / 1e9:.0f} ({best.kernel})" for name, best in found.peaks.items())
    lines.append(f"of any kernel at hand, thousand million a second: {', '.join(rates)}.")
    lines += [f"left out: {why}" for why in found.left_out]
    return "\n".join(lines) + "\n"


def _tell(line: str) -> None:
    typer.echo(line, err=True)

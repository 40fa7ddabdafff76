"""`monitor analyze`: recordings in, tables, videos and reports out."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.analysis_settings import AnalysisSettings
from monitor.commands.run import FLAGS as RUN_FLAGS
from monitor.commands.run import given_options, option_for
from monitor.commands.stop import StopFlag
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.analysis.run import Bars, Run, Workers
    from monitor.settings import Settings

PRESET = "analysis"
FLAGS = {
    "stride": ("--stride", AnalysisSettings, "analysis.stride"),
    "from_s": ("--from", AnalysisSettings, "analysis.from_s"),
    "to_s": ("--to", AnalysisSettings, "analysis.to_s"),
    "every_face": ("--every-face", AnalysisSettings, "analysis.every_face"),
    "start_time": ("--start-time", AnalysisSettings, "analysis.start_time"),
    "video": ("--video", AnalysisSettings, "analysis.video"),
    "anonymize": ("--anonymize", AnalysisSettings, "analysis.anonymize"),
    "thumbnails": ("--thumbnails", AnalysisSettings, "analysis.thumbnails"),
    **{name: RUN_FLAGS[name] for name in ("detector_tiles", "bundle", "runtime", "precision", "require_gpu")},
}
_ENGINE, _RUN = "Detector and engine", "How it is done"


def _option(name: str, metavar: str | None = None, panel: str = "What is looked at") -> Any:
    return option_for(FLAGS[name], metavar, panel)


def analyze(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Files, folders, patterns, pictures, URLs, .txt lists, - for a list."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for the results.")] = Path("out/analysis"),
    stride: Annotated[int | None, _option("stride", "N")] = None,
    from_s: Annotated[float | None, _option("from_s", "S")] = None,
    to_s: Annotated[float | None, _option("to_s", "S")] = None,
    every_face: Annotated[bool | None, _option("every_face")] = None,
    start_time: Annotated[str | None, _option("start_time", "TIME")] = None,
    video: Annotated[bool | None, _option("video", panel="What is written")] = None,
    anonymize: Annotated[str | None, _option("anonymize", "blur|pixelate", "What is written")] = None,
    thumbnails: Annotated[str | None, _option("thumbnails", "blurred|clear", "What is written")] = None,
    detector_tiles: Annotated[str | None, _option("detector_tiles", "auto|off|2x2|3x2", _ENGINE)] = None,
    bundle: Annotated[str | None, _option("bundle", "NAME|DIR", _ENGINE)] = None,
    runtime: Annotated[str | None, _option("runtime", "auto|onnxruntime|tensorrt|tensorrt-rtx", _ENGINE)] = None,
    precision: Annotated[str | None, _option("precision", "int8|fp16|fp32", _ENGINE)] = None,
    require_gpu: Annotated[bool | None, _option("require_gpu", panel=_ENGINE)] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Workers at once; none = one for each core.", rich_help_panel=_RUN)
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="auto|ADDRESS", help="Spread the work over a Ray cluster.", rich_help_panel=_RUN),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite/--resume", help="Make what is there anew, or go on with it.", rich_help_panel=_RUN),
    ] = False,
    config: Annotated[str, typer.Option(help="A preset (`monitor config list`) or a YAML file.")] = PRESET,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Progress and results as lines of JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, and print tracebacks.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> int:
    """Analyse recordings: who was seen when, with which label; tables, a report, annotated videos.

    What was done is kept: the same command goes on where it was stopped.
    """
    given = locals()
    if verbose:
        ctx.obj.be_verbose()
    from monitor.analysis.inputs import items_of
    from monitor.analysis.run import Run, alone
    from monitor.config import load_settings

    settings = load_settings(config, set_ or (), given_options(FLAGS, given))
    _check(settings)
    items = items_of(paths or [], out)
    begins = _beginning(settings, len(items))
    say = _be_silent if quiet or as_json else _say
    if settings.analysis.anonymize != "off" and settings.analysis.stride > 1:
        _say("with --stride a face may be missed between the pictures that are looked at: it is not hidden there")
    stop = StopFlag()
    with ExitStack() as stack:
        stack.enter_context(stop.listening())
        stack.enter_context(alone(out))
        run = Run(items, out, settings, begins=begins, overwrite=overwrite, say=say)
        workers = stack.enter_context(closing(_workers(jobs, ray, say)))
        status = run.go(workers, _bars(stack, len(items), quiet, as_json), stop)
    _tell(run, status, out, quiet, as_json)
    return stop.status(status)


def _check(settings: Settings) -> None:
    wanted = settings.analysis
    if wanted.to_s is not None and wanted.to_s <= wanted.from_s:
        raise UsageError(f"--to {wanted.to_s:g} is not after --from {wanted.from_s:g}", hint="seconds of the recording")
    if wanted.anonymize != "off" and not wanted.video:
        raise UsageError("--anonymize hides faces in the annotated copy", hint="add --video")


def _beginning(settings: Settings, files: int) -> float | None:
    """Seconds since 1970 when the footage begins, where people said so. Raises UsageError."""
    text = settings.analysis.start_time
    if text is None:
        return None
    if files > 1:
        raise UsageError("--start-time is for one file", hint="analyse files with different beginnings apart")
    from monitor.moments import moment

    return moment(text, "--start-time")


def _workers(jobs: int | None, ray: str | None, say: Any) -> Workers:
    if ray is not None:
        from monitor.analysis.cluster import Cluster

        return Cluster(ray, jobs, say=say)
    from engines.machine import usable_threads
    from monitor.analysis.pool import Pool

    return Pool(jobs or usable_threads())


def _bars(stack: ExitStack, files: int, quiet: bool, as_json: bool) -> Bars:
    from monitor.analysis.progress import Lines, RichBars, Silent

    if as_json:
        return Lines(typer.echo)
    if quiet:
        return Silent()
    from rich.console import Console

    return stack.enter_context(RichBars(Console(stderr=True), files))


def _tell(run: Run, status: int, out: Path, quiet: bool, as_json: bool) -> None:
    import json

    from monitor.analysis.run import INTERRUPTED

    index = json.loads((out / "index.json").read_bytes())
    if as_json:
        typer.echo(
            json.dumps({"event": "result", "status": status, "index": str(out / "index.html"), **index["totals"]})
        )
    failed = [job for job in run.jobs if job.failure is not None]
    for job in failed:
        typer.echo(f"error: {job.item.stem}: {' '.join(job.failure.what.split())}", err=True) if job.failure else None
        if job.failure and job.failure.hint:
            typer.echo(f"hint: {' '.join(job.failure.hint.split())}", err=True)
    if status == INTERRUPTED:
        typer.echo("stopped before everything was done; the same command goes on from here", err=True)
    if not quiet and not as_json:
        from rich.console import Console

        from monitor.analysis.progress import summary

        Console().print(summary(index))
        typer.echo(f"the results are in {out / 'index.html'}")


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _be_silent(_text: str) -> None:
    """Nothing is said."""

"""`monitor run`: watch a camera, a file or a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.commands.stop import StopFlag
from monitor.errors import UsageError
from monitor.settings import (
    DetectorSettings,
    EngineSettings,
    OutputSettings,
    ShowSettings,
    SourceSettings,
    meanings,
)

if TYPE_CHECKING:
    from monitor.config import Given

FLAGS = {
    "camera": ("--camera", SourceSettings, "source.camera"),
    "source": ("--source", SourceSettings, "source.uri"),
    "loop": ("--loop", SourceSettings, "source.loop"),
    "pace": ("--pace", SourceSettings, "source.pace_fps"),
    "duration": ("--duration", SourceSettings, "source.duration_s"),
    "max_frames": ("--max-frames", SourceSettings, "source.max_frames"),
    "mirror": ("--mirror/--no-mirror", SourceSettings, "source.mirror"),
    "width": ("--width", SourceSettings, "source.width_px"),
    "height": ("--height", SourceSettings, "source.height_px"),
    "fps": ("--fps", SourceSettings, "source.fps"),
    "detector_tiles": ("--detector-tiles", DetectorSettings, "detector.tiles"),
    "bundle": ("--bundle", EngineSettings, "engine.bundle"),
    "runtime": ("--runtime", EngineSettings, "engine.runtime"),
    "precision": ("--precision", EngineSettings, "engine.precision"),
    "require_gpu": ("--require-gpu/--no-require-gpu", EngineSettings, "engine.require_gpu"),
    "headless": ("--headless", ShowSettings, "show.headless"),
    "record": ("--record", OutputSettings, "output.record"),
    "events": ("--events", OutputSettings, "output.events"),
    "summary": ("--summary", OutputSettings, "output.summary"),
}
"""{parameter: (flag, settings class, key)}: the options that stand for a setting, whose meaning is their help."""


Flag = tuple[str, type, str]


def option_for(flag: Flag, metavar: str | None, panel: str) -> Any:
    """The option that stands for a setting."""
    name, cls, key = flag
    return typer.Option(
        name, help=meanings()[cls][key.rpartition(".")[2]], metavar=metavar, rich_help_panel=panel, show_default=False
    )


def _option(name: str, metavar: str | None = None, panel: str = "Source") -> Any:
    return option_for(FLAGS[name], metavar, panel)


def given_options(flags: Mapping[str, Flag], given: Mapping[str, Any]) -> list[Given]:
    """What was named on the command line, out of a command's parameters."""
    from monitor.config import Given

    return [
        Given(flag.partition("/")[0], key, str(value) if isinstance(value, Path) else value)
        for name, (flag, _, key) in flags.items()
        if (value := given[name]) is not None
    ]


NAME = typer.Option(
    "--name", help="What people call each of several sources: cameras first, then the others, as they were given.",
    metavar="NAME", rich_help_panel="Source", show_default=False,
)  # fmt: skip


def run(
    ctx: typer.Context,
    camera: Annotated[list[str] | None, _option("camera", "N|DEVICE")] = None,
    source: Annotated[list[str] | None, _option("source", "WHAT")] = None,
    name: Annotated[list[str] | None, NAME] = None,
    loop: Annotated[bool | None, _option("loop")] = None,
    pace: Annotated[float | None, _option("pace", "FPS")] = None,
    duration: Annotated[float | None, _option("duration", "S")] = None,
    max_frames: Annotated[int | None, _option("max_frames", "N")] = None,
    mirror: Annotated[bool | None, _option("mirror")] = None,
    width: Annotated[int | None, _option("width", "PX")] = None,
    height: Annotated[int | None, _option("height", "PX")] = None,
    fps: Annotated[float | None, _option("fps", "FPS")] = None,
    detector_tiles: Annotated[str | None, _option("detector_tiles", "auto|off|2x2|3x2", "Detector and engine")] = None,
    bundle: Annotated[str | None, _option("bundle", "NAME|DIR", "Detector and engine")] = None,
    runtime: Annotated[
        str | None, _option("runtime", "auto|onnxruntime|tensorrt|tensorrt-rtx", "Detector and engine")
    ] = None,
    precision: Annotated[str | None, _option("precision", "int8|fp16|fp32", "Detector and engine")] = None,
    require_gpu: Annotated[bool | None, _option("require_gpu", panel="Detector and engine")] = None,
    headless: Annotated[bool | None, _option("headless", panel="Output")] = None,
    record: Annotated[Path | None, _option("record", "FILE", "Output")] = None,
    events: Annotated[Path | None, _option("events", "FILE", "Output")] = None,
    summary: Annotated[Path | None, _option("summary", "FILE", "Output")] = None,
    config: Annotated[str | None, typer.Option(help="A preset (`monitor config list`) or a YAML file.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, and print tracebacks.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> int:
    """Watch a camera, a file or a stream, and label every face.

    Without --camera or --source: the first camera that answers, else the built-in demo scene. Both may be given again
    and again: all are watched at once, in one picture.
    """
    given = {**locals(), "camera": None, "source": None}
    if verbose:
        ctx.obj.be_verbose()
    if ctx.args:
        raise UsageError("a source is named with an option", hint="monitor run --source FILE_OR_URL")
    from monitor.config import Given, load_settings

    options = [*_sources(camera or [], source or [], name or []), *given_options(FLAGS, given)]
    if quiet:
        options.append(Given("--quiet", "show.table", False))
    settings = load_settings(config, set_ or (), options)
    stop = StopFlag()
    with stop.listening():
        if settings.sources:
            from monitor.several import run as run_app
        else:
            from monitor.app import run as run_app
        status = run_app(settings, say=_be_silent if quiet else _say, stopped=stop)
    return stop.status(status)


def _sources(cameras: Sequence[str], others: Sequence[str], names: Sequence[str]) -> list[Given]:
    """What is to be watched; one source is no list of one. Raises UsageError for names that do not fit."""
    from monitor.config import Given

    places = [("camera", place) for place in cameras] + [("uri", place) for place in others]
    if names and (len(names) != len(places) or len(places) == 1):
        what = f"{len(names)} names for {len(places)} source{'s' if len(places) != 1 else ''}"
        raise UsageError(what, hint="give --name once for each of several sources, or not at all")
    if len(places) == 1:
        ((kind, place),) = places
        return [Given("--camera" if kind == "camera" else "--source", f"source.{kind}", place)]
    called: list[str | None] = [*names] or [None] * len(places)
    listed = [{kind: place, "name": name} for (kind, place), name in zip(places, called, strict=True)]
    return [Given("--camera, --source", "sources", listed)] if listed else []


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _be_silent(_text: str) -> None:
    """Nothing is said."""

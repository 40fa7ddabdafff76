"""`monitor bench`: how fast this machine is, in numbers that can be trusted and compared."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.commands.run import FLAGS, given_options, option_for
from monitor.commands.stop import StopFlag
from monitor.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from monitor.bench.baseline import Plain
    from monitor.bench.facts import Report

WHAT, REPORT, ENGINE = "What is measured", "Reports", "Detector and engine"
SETTINGS = {
    name: FLAGS[name] for name in ("bundle", "runtime", "precision", "detector_tiles", "require_gpu", "headless")
}


def _file(name: str, meaning: str) -> Any:
    return typer.Option(name, help=meaning, metavar="FILE", rich_help_panel=REPORT)


def _what(meaning: str, **more: Any) -> Any:
    return typer.Option(help=meaning, rich_help_panel=WHAT, **more)


def _setting(name: str, metavar: str | None = None) -> Any:
    return option_for(SETTINGS[name], metavar, ENGINE)


def bench(
    source: Annotated[str | None, _what("A video file; without it the built-in scene.", metavar="FILE")] = None,
    sweep: Annotated[bool, _what("Also vary faces, sizes, runtimes, precisions and tiles.")] = False,
    baseline: Annotated[
        str | None, _what("Compare with the plain Keras loop in the same run.", metavar="tutorial")
    ] = None,
    stress: Annotated[bool, _what("Find how many faces and cameras this machine holds at 30 fps.")] = False,
    roofline: Annotated[bool, _what("Measure the most this machine can do, and show each stage against it.")] = False,
    duration: Annotated[
        float | None,
        _what("Also play on end for so many seconds: does it slow down as it heats up?", metavar="S", min=1),
    ] = None,
    rounds: Annotated[int, _what("Rounds of each point, in mixed order.", min=1)] = 6,
    seconds: Annotated[float, _what("Seconds of a round, after its warm-up.", min=0.5)] = 3.4,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Measure nothing: take this result.", metavar="FILE", rich_help_panel=WHAT),
    ] = None,
    json_: Annotated[Path | None, _file("--json", "All numbers and where they come from.")] = None,
    markdown: Annotated[Path | None, _file("--markdown", "Tables, to paste somewhere.")] = None,
    plot: Annotated[Path | None, _file("--plot", "A drawing (SVG).")] = None,
    html: Annotated[Path | None, _file("--html", "One page with everything in it, to pass on.")] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Store it here, too, and draw all that is stored.", metavar="FOLDER", rich_help_panel=REPORT),
    ] = None,
    compare: Annotated[
        Path | None, _file("--compare", "Compare with this earlier result; status 6 where it is slower.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Share by which it may be slower.", min=0, max=1, rich_help_panel=REPORT)
    ] = 0.05,
    bundle: Annotated[str | None, _setting("bundle", "NAME|DIR")] = None,
    runtime: Annotated[str | None, _setting("runtime", "auto|onnxruntime|tensorrt|tensorrt-rtx")] = None,
    precision: Annotated[str | None, _setting("precision", "int8|fp16|fp32")] = None,
    detector_tiles: Annotated[str | None, _setting("detector_tiles", "auto|off|2x2|3x2")] = None,
    require_gpu: Annotated[bool | None, _setting("require_gpu")] = None,
    headless: Annotated[bool | None, _setting("headless")] = None,
    config: Annotated[str | None, typer.Option(help="A preset (`monitor config list`) or a YAML file.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the result and errors.")] = False,
) -> int:
    """Measure frames a second, stage by stage: recorded, and live with lost frames and the age of the picture.

    A run takes about two minutes, with --sweep fifteen. Leave the machine alone meanwhile.
    """
    given = locals()
    if baseline not in (None, "tutorial"):
        raise UsageError(f"--baseline {baseline}: there is none of that name", hint="say --baseline tutorial")
    if from_ is not None and (source is not None or sweep or stress or roofline or duration is not None or baseline):
        raise UsageError("--from takes a stored result: nothing is measured", hint="leave --from or the rest away")
    if not all(map(math.isfinite, (seconds, tolerance, duration or 0.0))):
        raise UsageError("a number is none", hint="give --seconds, --duration and --tolerance as plain numbers")
    from monitor.bench.compare import read_report
    from monitor.bench.history import DRAWING

    outputs = [
        (path, kind) for path, kind in ((json_, "json"), (markdown, "md"), (plot, "svg"), (html, "html")) if path
    ]
    _check([path for path, _ in outputs], [Path(path) for path in (source, from_, compare) if path is not None])
    if history is not None:
        _check([history / DRAWING], [])
    old = None if compare is None else read_report(compare)
    stop = StopFlag()
    with stop.listening():
        report = _measure(given, stop, _be_silent if quiet else _say) if from_ is None else read_report(from_)
    if report is None:
        typer.echo("stopped before anything was measured", err=True)
        return stop.status(130 if stop() else 0)
    _write(report, outputs)
    _tell(report)
    if history is not None:
        from monitor.bench.history import store, write_history

        typer.echo(f"stored as {store(report, history)}", err=True)
        for line in write_history(history):
            typer.echo(line, err=True)
    if old is not None:
        _compare(report, old, tolerance)
    return stop.status(130 if stop() else 0)


def _measure(given: dict[str, Any], stopped: StopFlag, say: Callable[[str], None]) -> Report | None:
    from engines.cache import cache_folder
    from monitor.bench.run import Wish, bench
    from monitor.config import load_settings

    settings = load_settings(given["config"], given["set_"] or (), given_options(SETTINGS, given))
    if settings.source.camera is not None:
        raise UsageError("a camera is nothing to measure with", hint="name a video file; record one first")
    wish = Wish(
        given["source"] or settings.source.uri, cache_folder() / "films", rounds=given["rounds"],
        seconds=given["seconds"], sweep=given["sweep"], stress=given["stress"], roofline=given["roofline"],
        baseline=_tutorial(settings.engine.bundle) if given["baseline"] else None, soak_s=given["duration"],
        arguments=tuple(Path(word).name if "/" in word else word for word in sys.argv[1:]),
    )  # fmt: skip
    return bench(wish, settings, say, stopped)


def _tutorial(bundle: str | None) -> Callable[[], Plain]:
    """Makes the plain loop. Raises UsageError where the train extra is missing."""
    if find_spec("keras") is None:
        raise UsageError("the plain loop needs Keras", hint='pip install "face-monitor[train]"')

    def make() -> Plain:
        from train.tutorial import PlainLoop

        return PlainLoop(bundle)

    return make


def _check(outputs: list[Path], inputs: list[Path]) -> None:
    """Refuses now what could not be written in the end. Raises UsageError and SinkError."""
    from monitor.files import check_writable

    for path in outputs:
        if outputs.count(path) > 1:
            raise UsageError(f"{path} is named twice", hint="give every report a file of its own")
        if path.resolve() in {given.resolve() for given in inputs}:
            raise UsageError(f"{path} is read and would be overwritten", hint="name another file")
        check_writable(path)


def _write(report: Report, outputs: list[tuple[Path, str]]) -> None:
    from monitor.bench.history import as_bytes
    from monitor.bench.page import page
    from monitor.bench.plots import svg
    from monitor.bench.tables import markdown
    from monitor.files import write_whole

    make: dict[str, Callable[[Report], bytes]] = {
        "json": as_bytes,
        "md": lambda told: markdown(told).encode(),
        "svg": svg,
        "html": lambda told: page(told).encode(),
    }
    for path, kind in outputs:
        write_whole(path, make[kind](report))


def _tell(report: Report) -> None:
    from rich.console import Console

    from monitor.bench.tables import terminal

    console = Console()
    for part in terminal(report):
        console.print(part)


def _compare(report: Report, old: Report, tolerance: float) -> None:
    """Raises CheckFailed where it is slower than the tolerance allows."""
    from rich.console import Console

    from monitor.bench.compare import compare
    from monitor.bench.tables import compared, rich_table

    found = compare(report, old, tolerance)
    Console().print(rich_table(compared(found)))
    if found.regressed:
        raise CheckFailed(
            f"slower than before by more than {tolerance:.0%}, or more is lost",
            hint="look at the lines marked as a regression, or as failing, above",
        )


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _be_silent(_text: str) -> None:
    """Nothing is said."""

"""`monitor engine`: what was made of a bundle for this machine, or for others: build it, look at it, throw it away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.commands.choices import Precision
from monitor.commands.engine_bench import bench
from monitor.commands.engine_shelf import clean, counts, export, import_engine, inspect, list_engines
from monitor.commands.verify import verify
from monitor.errors import UsageError

if TYPE_CHECKING:
    from engines.artefacts import Artefact
    from engines.trt.plan import Progress

engine_app = typer.Typer(help="Build engines, list them, look into them, throw them away.", no_args_is_help=False)


class BuildRuntime(StrEnum):
    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"
    TENSORRT_RTX = "tensorrt-rtx"


@engine_app.command()
def build(
    runtime: Annotated[BuildRuntime, typer.Option(help="onnxruntime: for this processor.")] = BuildRuntime.ONNXRUNTIME,
    precision: Annotated[Precision, typer.Option(help="Arithmetic of the engine.")] = Precision.INT8,
    bundle: Annotated[str | None, typer.Option(help="A bundle's name or folder; default: the shipped one.")] = None,
    max_batch: Annotated[int, typer.Option(help="Most crops in one run (plans only).", min=1, max=1024)] = 32,
    workspace_mib: Annotated[
        int | None, typer.Option(help="Most scratch memory of a layer (plans only).", min=1)
    ] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="tensorrt-rtx: build for such GPUs only, as SM89; default: the library's.")
    ] = None,
    portable: Annotated[
        bool,
        typer.Option("--portable", help="tensorrt: for later versions and newer GPUs too; larger, slower to start."),
    ] = False,
) -> None:
    """Make an engine of a bundle, and keep it; what is there already is not made again."""
    from engines.artefacts import graph_artefact
    from engines.bundle import load_bundle
    from engines.plans import PLAN_RUNTIMES, plan_artefact
    from engines.trt.plan import PlanOptions

    source = load_bundle(bundle)
    if runtime in PLAN_RUNTIMES:
        options = PlanOptions(max_batch, workspace_mib, tuple(capability or ()), portable)
        with _progress() as progress:
            made = plan_artefact(source, runtime.value, precision.value, options, say=_tell, progress=progress)
    else:
        if capability or portable or workspace_mib:
            raise UsageError("--capability, --portable and --workspace-mib are for plans", hint="name a --runtime")
        from engines.runtimes.ort import VERSION

        made = graph_artefact(source, precision.value, VERSION, say=_tell)
    _print_built(made)


def _print_built(artefact: Artefact) -> None:
    if not artefact.kept:
        typer.echo("onnxruntime runs the bundle's float model as it is: there is nothing to build")
        return
    report, facts = artefact.made.report, artefact.entry.facts
    rtx = facts["runtime"] == "tensorrt-rtx"
    took = f", built in {report['seconds']:.1f} s" if "seconds" in report else ""
    typer.echo(f"{artefact.entry.path}: {len(artefact.made.data) / 1e6:.1f} MB{took}")
    if products := report.get("precision"):
        typer.echo(f"products: {counts(products)}")
        usual = "the GPUs that the library builds for by default" if rtx else facts["gpu"]
        typer.echo(f"for {', '.join(facts['capabilities']) or usual}")
        typer.echo(_not_shown(facts))


def _not_shown(facts: Mapping[str, Any]) -> str:
    """What nobody has seen yet must not be taken for granted."""
    if facts["runtime"] == "tensorrt-rtx" and facts["precision"] == "int8":
        return "built, not shown to run: TensorRT-RTX documents int8 for products of matrices, not for convolutions"
    return f"run it where the GPU is: monitor run --runtime {facts['runtime']} --precision {facts['precision']}"


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal's standard error: builds that look hung are taken for hung."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def progress(phase: str, done: int, steps: int) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(phase)
            bar.update(tasks[phase], completed=done, total=steps)

        yield progress


def _tell(line: str) -> None:
    typer.echo(line, err=True)


engine_app.command("list")(list_engines)
engine_app.command()(inspect)
engine_app.command()(verify)
engine_app.command()(bench)
engine_app.command()(export)
engine_app.command("import")(import_engine)
engine_app.command()(clean)

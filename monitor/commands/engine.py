"""`monitor engine`: what was made of a bundle for this machine, or for others: build it, look at it, throw it away."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.commands.verify import verify
from monitor.errors import UsageError

if TYPE_CHECKING:
    from engines.artefacts import Artefact
    from engines.cache import Stored
    from engines.trt.plan import Progress

engine_app = typer.Typer(help="Build engines, list them, look into them, throw them away.", no_args_is_help=False)


engine_app.command()(verify)


class BuildRuntime(StrEnum):
    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"
    TENSORRT_RTX = "tensorrt-rtx"


class Precision(StrEnum):
    INT8 = "int8"
    FP16 = "fp16"
    FP32 = "fp32"


@engine_app.command()
def build(
    runtime: Annotated[BuildRuntime, typer.Option(help="auto: what `monitor run` uses here.")] = BuildRuntime.AUTO,
    precision: Annotated[Precision, typer.Option(help="Arithmetic of the engine.")] = Precision.INT8,
    bundle: Annotated[str | None, typer.Option(help="A bundle's name or folder; default: the shipped one.")] = None,
    max_batch: Annotated[int, typer.Option(help="Most crops in one run (plans only).", min=1, max=1024)] = 32,
    workspace_mib: Annotated[
        int | None, typer.Option(help="Most scratch memory of a layer (plans only).", min=1)
    ] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="tensorrt-rtx: build for such GPUs only, as SM89; default: all it knows.")
    ] = None,
    portable: Annotated[
        bool,
        typer.Option("--portable", help="tensorrt: for later versions and newer GPUs too; larger, slower to start."),
    ] = False,
) -> None:
    """Make an engine of a bundle, and keep it; what is there already is not made again."""
    from engines.artefacts import PLAN_RUNTIMES, graph_artefact, plan_artefact
    from engines.bundle import load_bundle
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
    took = f", built in {report['seconds']:.1f} s" if "seconds" in report else ""
    typer.echo(f"{artefact.entry.path}: {len(artefact.made.data) / 1e6:.1f} MB{took}")
    if products := report.get("precision"):
        typer.echo(f"products: {_counts(products)}")
        typer.echo(f"for {', '.join(facts['capabilities']) or 'every GPU the library knows'}; here: {facts['gpu']}")
        typer.echo(_not_shown(facts))


def _not_shown(facts: Mapping[str, Any]) -> str:
    """What nobody has seen yet must not be taken for granted."""
    if facts["runtime"] == "tensorrt-rtx" and facts["precision"] == "int8":
        return "built, not shown to run: TensorRT-RTX documents int8 for products of matrices, not for convolutions"
    return f"run it where the GPU is: monitor run --runtime {facts['runtime']} --precision {facts['precision']}"


@engine_app.command("list")
def list_engines(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list instead.")] = False,
) -> None:
    """List what is kept, with its state."""
    from engines.artefacts import engines_folder
    from engines.cache import stored_entries

    found = [_summary(entry) for entry in stored_entries(engines_folder())]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found:
        typer.echo(f"no engine in {engines_folder()} (`monitor engine build` makes one)")
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(Column("name", no_wrap=True, overflow="fold"), "runtime", "precision", "size", "built", "state")
    for row in found:
        built = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["built"])) if row["built"] else ""
        size = f"{row['bytes'] / 1e6:.1f} MB"
        table.add_row(*map(Text, (row["name"], row["runtime"], row["precision"], size, built, row["state"])))
    Console().print(table)


def _summary(entry: Stored) -> dict[str, Any]:
    facts = entry.facts
    there = entry.path.exists()
    return {
        "name": entry.path.name, "runtime": f"{facts.get('runtime', '?')} {facts.get('version', '')}".strip(),
        "precision": str(facts.get("precision", "?")), "bytes": entry.path.stat().st_size if there else 0,
        "built": entry.path.stat().st_mtime if there else None,
        "state": entry.fault or ("ok" if entry.data is not None else "is incomplete"),
    }  # fmt: skip


@engine_app.command()
def inspect(
    name: Annotated[str, typer.Argument(help="As `list` has it, or as much of it as tells it from others.")],
    layers: Annotated[bool, typer.Option("--layers", help="Every layer with its datatypes (plans only).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show what an engine was made from, and in which precision its products run."""
    entry = _chosen(name)
    if as_json:
        whole = {**_summary(entry), "facts": dict(entry.facts), "report": dict(entry.report)}
        typer.echo(json.dumps(whole, indent=2))
        return
    typer.echo(f"{entry.path}: {_summary(entry)['state']}")
    for key, value in entry.facts.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        typer.echo(f"  {key:<14}{'' if shown is None else shown}")
    if products := entry.report.get("precision"):
        typer.echo(f"  {'products':<14}{_counts(products)}, as the library reports them")
    if layers:
        for layer in entry.report.get("layers", []):
            kinds = " -> ".join(",".join(layer[key]) or "-" for key in ("inputs", "constants", "outputs"))
            typer.echo(f"  {layer['kind']:<15}{kinds:<40} {layer['name']}")


def _counts(products: Mapping[str, str]) -> str:
    return ", ".join(f"{n} of {len(products)} in {kind}" for kind, n in Counter(products.values()).most_common())


def _chosen(name: str) -> Stored:
    from engines.artefacts import engines_folder
    from engines.cache import stored_entries

    found = [entry for entry in stored_entries(engines_folder()) if name in entry.path.name]
    exact = [entry for entry in found if entry.path.name == name]
    if len(exact or found) != 1:
        names = ", ".join(entry.path.name for entry in found) or "no engine"
        raise UsageError(f"{name} fits {names}", hint="`monitor engine list` shows the names")
    return (exact or found)[0]


@engine_app.command()
def clean(
    everything: Annotated[bool, typer.Option("--all", help="Sound ones too.")] = False,
    older: Annotated[int | None, typer.Option(help="Sound ones too that were built so many days ago.", min=0)] = None,
) -> None:
    """Delete damaged engines; with --all or --older sound ones too, which are built again when they are needed."""
    from engines.artefacts import engines_folder
    from engines.cache import remove, stored_entries

    gone, freed = 0, 0
    for entry in stored_entries(engines_folder()):
        sound = entry.data is not None
        old = sound and older is not None and time.time() - entry.path.stat().st_mtime >= older * 86400
        if not sound or everything or old:
            freed += remove(entry)
            gone += not entry.path.exists()
    typer.echo(f"deleted {gone}, {freed / 1e6:.1f} MB freed in {engines_folder()}")


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

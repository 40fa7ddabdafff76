"""What is kept of engines: `monitor engine list`, `inspect`, `export`, `import` and `clean`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.errors import SinkError, UsageError

if TYPE_CHECKING:
    from engines.cache import Stored


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
    for row in found:  # names are long: a table would be cut on a terminal
        built = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["built"])) if row["built"] else ""
        typer.echo(row["name"])
        typer.echo(f"  {row['state']}, {row['runtime']}, {row['precision']}, {row['bytes'] / 1e6:.1f} MB, {built}")


def _summary(entry: Stored) -> dict[str, Any]:
    facts = entry.facts
    there = entry.path.exists()
    return {
        "name": entry.path.name, "runtime": f"{facts.get('runtime', '?')} {facts.get('version', '')}".strip(),
        "precision": str(facts.get("precision", "?")), "bytes": entry.path.stat().st_size if there else 0,
        "built": entry.path.stat().st_mtime if there else None,
        "state": entry.fault or ("ok" if entry.data is not None else "is incomplete"),
    }  # fmt: skip


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
        typer.echo(f"  {'products':<14}{counts(products)}, as the library reported when it was built")
        typer.echo(f"  {'on this GPU':<14}{_loaded(entry)}")
    if layers:
        for layer in entry.report.get("layers", []):
            kinds = " -> ".join(",".join(layer[key]) or "-" for key in ("inputs", "constants", "outputs"))
            typer.echo(f"  {layer['kind']:<15}{kinds:<40} {layer['name']}")


def _loaded(plan: Stored) -> str:
    from engines.contract import EngineError
    from engines.plans import precision_loaded

    try:
        return f"{counts(precision_loaded(plan))}, as the inspector of the loaded engine tells"
    except EngineError as error:
        return f"not loaded: {error}"


def counts(products: Mapping[str, str]) -> str:
    return ", ".join(f"{n} of {len(products)} in {kind}" for kind, n in Counter(products.values()).most_common())


def _chosen(name: str) -> Stored:
    from engines.artefacts import engines_folder
    from engines.cache import ENGINES, stored_entries

    entries = [entry for entry in stored_entries(engines_folder()) if entry.path.suffix in ENGINES]
    found = [entry for entry in entries if name in entry.path.name]
    exact = [entry for entry in found if entry.path.name == name]
    if len(exact or found) != 1:
        names = ", ".join(entry.path.name for entry in found) or "no engine"
        raise UsageError(f"{name} fits {names}", hint="`monitor engine list` shows the names")
    return (exact or found)[0]


def export(
    name: Annotated[str, typer.Argument(help="As `list` has it, or as much of it as tells it from others.")],
    out: Annotated[Path, typer.Argument(help="A folder for the engine and what is written beside it.")],
) -> None:
    """Copy an engine for another machine, with its sha256 and what it was made from."""
    from monitor.files import check_writable, told_as_sink_error, write_whole

    entry = _chosen(name)
    if entry.data is None:
        raise UsageError(f"{entry.path.name} {entry.fault or 'is incomplete'}", hint="build it again")
    with told_as_sink_error(out, "make the folder"):
        out.mkdir(parents=True, exist_ok=True)
    for file in (entry.path, entry.path.with_name(f"{entry.path.name}.json")):
        check_writable(out / file.name)
        write_whole(out / file.name, file.read_bytes())
    typer.echo(f"{out / entry.path.name}: there, `monitor engine import` it")


def import_engine(
    file: Annotated[Path, typer.Argument(help="What `export` wrote, its .json beside it.")],
    trust: Annotated[bool, typer.Option("--trust", help="Whoever made it may run code on this machine.")] = False,
) -> None:
    """Put an engine from elsewhere into the cache. A plan holds code: only --trust lets it in."""
    from engines.artefacts import engines_folder
    from engines.cache import Entry, Made, read_stored

    entry = read_stored(file)
    if entry.data is None:
        what = f"{file} {entry.fault}" if entry.fault else f"{file} and {file.name}.json are not both there"
        raise UsageError(what, hint="copy both files that `monitor engine export` wrote")
    if not trust:
        raise UsageError(f"{file} was built elsewhere", hint="--trust, if you know who built it; or build it here")
    bundle = _bundle_of(entry)
    place = Entry(engines_folder(), file.name, entry.facts)
    if place.kept():
        typer.echo(f"{place.path}: one made from the same is there already, and stays; this one is not stored")
        return
    made = Made(entry.data, entry.report)
    place.get(lambda: made, lambda line: typer.echo(line, err=True))
    if not place.kept():
        raise SinkError(f"{place.path} was not stored", hint="make room, or choose another folder with MONITOR_CACHE")
    typer.echo(f"{place.path}: used where the bundle {bundle}, its library version and precision are asked for")


def _bundle_of(entry: Stored) -> str:
    """The name of its bundle's folder. Raises UsageError for an engine of another name than it was built under.

    It is looked for by that name: under another one it would never be found.
    """
    from engines.artefacts import ending_of
    from engines.cache import ENGINES

    ending = ending_of(entry.facts, entry.path.suffix.removeprefix("."))
    bundle = entry.path.name.removesuffix(ending)
    if entry.path.suffix not in ENGINES or bundle in ("", entry.path.name):
        what = f"{entry.path.name} is not the name it was exported under"
        raise UsageError(what, hint=f"name both files as they were: the bundle's name, and then {ending}")
    return bundle


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

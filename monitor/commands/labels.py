"""`monitor labels`: what an analysis got wrong, out to people and back to training."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

labels_app = typer.Typer(
    help="Let people correct the labels of an analysis, and train with what they say.", no_args_is_help=True
)


class Form(StrEnum):
    """What others read and write."""

    COCO = "coco"
    LABEL_STUDIO = "label-studio"


@labels_app.command("export")
def export_labels(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders that `monitor analyze` has written.")
    ],
    to: Annotated[Form, typer.Option("--to", help="For which program.")],
    out: Annotated[Path, typer.Option(help="The folder to be made; it shows people, so only you can read it.")],
    every: Annotated[
        float, typer.Option(metavar="S", min=0.001, help="Of each person one picture in so many seconds.")
    ] = 2.0,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Write the pictures, or only what is said of them.")
    ] = True,
    only_label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Only pictures of somebody with this label.")
    ] = None,
    undecided_first: Annotated[
        bool, typer.Option("--undecided-first", help="The most doubtful first, instead of in the order of time.")
    ] = False,
    most: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many pictures.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that is there.")] = False,
) -> None:
    """Write pictures and the labels they got, to be corrected in other programs."""
    from monitor.corrections.choose import Wish
    from monitor.corrections.export import export

    wish = Wish(every, only_label, undecided_first, most)
    done = export(results, to.value, out, wish, pictures=pictures, overwrite=overwrite)
    what = f"{done.pictures} pictures of people" if pictures else f"the names of {done.pictures} pictures, none of them"
    typer.echo(f"wrote {what} with {done.faces} faces, {done.undecided} of them undecided, to {out}")
    if to is Form.LABEL_STUDIO:
        typer.echo(f"what to do now is in {out / 'README.txt'}")


@labels_app.command("import")
def import_labels(
    file: Annotated[Path, typer.Argument(help="A COCO file, or a JSON export of Label Studio.")],
    pictures: Annotated[Path, typer.Option(help="The folder of the export, where the pictures are.")],
    out: Annotated[Path, typer.Option(metavar="DATA_FOLDER", help="The folder below which training finds its data.")],
    name: Annotated[str, typer.Option(help="What training calls these pictures.")] = "corrections",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an import of the same name.")] = False,
) -> None:
    """Lay corrected faces out for `monitor train prepare`."""
    import shlex

    from monitor.corrections.layout import lay_out

    tally = lay_out(file, pictures, out, name, overwrite=overwrite)
    told = ", ".join(f"{n} {label}" for label, n in tally.faces.items())
    typer.echo(f"wrote {sum(tally.faces.values())} faces of {tally.groups} people to {out / name}: {told}")
    typer.echo(
        f"left out: {tally.undecided} undecided, {tally.deleted} deleted, {tally.not_looked_at} pictures not submitted"
    )
    if tally.unknown:
        typer.echo(f"boxes of nobody known: all of {', '.join(tally.unknown)} counts as one person each", err=True)
    data, spec = shlex.quote(str(out)), shlex.quote(str(out / f"{name}.yaml"))
    typer.echo(f"next: monitor train prepare --data {data} --spec {spec}")
    if missing := [label for label, n in tally.faces.items() if not n]:
        typer.echo(f"it also wants pictures of {', '.join(missing)}: add other sources to the YAML", err=True)

"""From what was named to what is analysed: files, folders, patterns, lists, pictures, URLs of object stores."""

from __future__ import annotations

import glob
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import SourceNotFound, UsageError
from monitor.redact import redact
from monitor.sources.object_stores import is_url, name_of
from monitor.sources.pictures import PICTURES, VIDEOS, is_picture

LISTS = (".txt", ".lst")
FACTS = "analysis.json"


@dataclass(frozen=True, slots=True)
class Item:
    """One recording, or the pictures of one folder."""

    uri: str
    """An absolute path or a URL; the folder of the pictures."""
    stem: str
    """What its results are named after."""
    pictures: tuple[str, ...] = ()


def items_of(named: Sequence[str], out: Path | None = None) -> list[Item]:
    """What there is to analyse, in the order in which it was named; each file once, by whatever name.

    Folders are not searched below `out`, nor where results of ours lie. Raises UsageError where nothing was named,
    SourceNotFound where a name leads to nothing.
    """
    if not named:
        raise UsageError("nothing was named", hint="monitor analyze clip.mp4 --out results")
    found: dict[str, Item] = {}
    loose: list[str] = []
    for name in _unlisted(named):
        for item in _items(name, out):
            if not item.pictures and is_picture(Path(item.uri)) and not is_url(item.uri):
                loose.append(item.uri)
            else:
                found.setdefault(_identity(item.uri), item)
    if loose:
        pictures = tuple({_identity(picture): picture for picture in reversed(loose)}.values())[::-1]
        first, more = Path(pictures[0]), len(pictures) - 1
        stem, uri = ("pictures", f"{first} and {more} more") if more else (first.stem, str(first))
        found.setdefault(uri, Item(uri, stem, pictures))
    return list(found.values())


def _unlisted(named: Sequence[str]) -> Iterator[str]:
    """The names, those in lists too; a list is a text file with one name a line, `-` is the standard input."""
    for name in named:
        path = Path(name)
        if name == "-":
            yield from _lines(sys.stdin.read(), Path.cwd())
        elif path.suffix.lower() in LISTS and path.is_file():
            yield from _lines(path.read_text("utf-8", "replace"), path.parent)
        else:
            yield name


def _lines(text: str, base: Path) -> Iterator[str]:
    for line in text.splitlines():
        name = line.strip()
        if name and not name.startswith("#"):
            yield name if is_url(name) or Path(name).is_absolute() else str(base / name)


def _identity(uri: str) -> str:
    """Equal for two names of one file."""
    return uri if is_url(uri) else os.path.realpath(uri)


def _items(name: str, out: Path | None) -> Iterator[Item]:
    if is_url(name):
        yield Item(name, Path(name_of(name).split("?")[0]).stem or "clip")
        return
    path = Path(name).expanduser()
    if path.is_dir():
        yield from _in_folder(path, out)
    elif path.exists() or not glob.has_magic(name):
        if not path.exists():
            raise SourceNotFound(f"{name} does not exist", hint=f"Look for it: ls '{path.parent}'")
        yield Item(str(path.absolute()), path.stem)
    else:
        hits = sorted(Path(hit) for hit in glob.glob(str(path), recursive=True))  # noqa: PTH207 - may be absolute
        if not hits:
            raise SourceNotFound(f"{name} fits no file", hint="Put the pattern into quotes, and look what is there.")
        for hit in hits:
            yield from _items(str(hit), out)


def _in_folder(folder: Path, out: Path | None) -> Iterator[Item]:
    """Its videos, each by itself, and its pictures together; folders within it likewise, but not our own results."""
    ours = {facts.parent for facts in folder.rglob(FACTS)} | ({out.absolute()} if out is not None else set())
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not _hidden(path, folder) and ours.isdisjoint((*path.parents, *path.absolute().parents))
    )
    videos = [path for path in files if path.suffix.lower() in VIDEOS]
    pictures = [str(path.absolute()) for path in files if path.suffix.lower() in PICTURES]
    if not videos and not pictures:
        raise SourceNotFound(
            f"{folder} holds no video or picture", hint="Name another folder, or the files themselves."
        )
    for video in videos:
        yield Item(str(video.absolute()), video.stem)
    if pictures:
        yield Item(str(folder.absolute()), folder.absolute().name or "pictures", tuple(pictures))


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def folders_of(items: Sequence[Item], out: Path) -> list[Path]:
    """Where the results of each go: OUT/<stem>, with a number where several have one stem.

    A folder that holds another recording's results already belongs to that one.
    """
    taken: set[Path] = set()
    folders = []
    for item in items:
        number = 1
        while (folder := out / (item.stem if number == 1 else f"{item.stem}-{number}")) in taken or (
            (owner := owner_of(folder)) is not None and owner != redact(item.uri)
        ):
            number += 1
        taken.add(folder)
        folders.append(folder)
    return folders


def owner_of(folder: Path) -> str | None:
    """The uri, without credentials, whose results or the beginnings of them are in a folder; None where none are."""
    for file in (folder / FACTS, folder / ".work" / "plan.json"):
        try:
            return str(json.loads(file.read_bytes())["uri"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None

"""Where pictures are and what they show: a small YAML of sources, folders, classes and groups.

```yaml
sources:
  - name: nuaa                       # one per origin; numbers are reported by source
    folders: {real: extra/nuaa/live, fake: extra/nuaa/attack}   # class -> folder(s), below the data folder
    group: '^(\\d+)_'                 # pictures of one group never cross a split; regular expression on the file's name
  - name: dfdc
    folders: {real: [dfdc/real], fake: [dfdc/fake]}
    pairs: dfdc/pairs.csv            # or: columns fake,real; each pair is one group
```
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor import yamlish
from train.errors import DataError, TrainError

CLASSES = ("real", "fake", "mask")
"""In the order of the network's outputs."""

_QUOTES = "numbers that are meant as text stand in quotes; see docs/training.md for the form"
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class SourceSpec:
    name: str
    folders: dict[str, tuple[str, ...]]
    group: str | None = None
    pairs: str | None = None


@dataclass(frozen=True)
class Item:
    """One picture file, before it was opened."""

    path: str
    """Below the data folder, with forward slashes."""
    source: str
    label: str
    group: str


def load_spec(path: Path) -> tuple[SourceSpec, ...]:
    """The sources of a YAML file. Raises TrainError naming the key that does not hold."""
    try:
        data = yamlish.load(path.read_bytes())
    except OSError as error:
        raise TrainError(
            f"cannot read {path}: {error.strerror}", hint="name a YAML file of sources with --spec"
        ) from error
    except ValueError as error:
        raise TrainError(f"{path} is not YAML: {error}", hint="see docs/training.md for the form") from error
    entries = data.get("sources") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise TrainError(f"{path}: 'sources' must be a list with at least one source", hint="see docs/training.md")
    specs = tuple(_source(entry, f"{path}: sources[{i}]") for i, entry in enumerate(entries))
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise TrainError(f"{path}: two sources have the same name", hint="give each source its own name")
    return specs


def _source(entry: Any, where: str) -> SourceSpec:
    known = {"name", "folders", "group", "pairs"}
    both = isinstance(entry, dict) and entry.keys() >= {"group", "pairs"}
    if not isinstance(entry, dict) or not entry.keys() >= {"name", "folders"} or entry.keys() - known or both:
        raise TrainError(
            f"{where}: wants the keys name and folders, may have group or pairs", hint="see docs/training.md"
        )
    folders = entry["folders"]
    if not isinstance(folders, dict) or not folders or set(folders) - set(CLASSES):
        raise TrainError(f"{where}.folders: wants classes out of {', '.join(CLASSES)}", hint="see docs/training.md")
    lists = {label: (value,) if isinstance(value, str) else value for label, value in folders.items()}
    for label, value in lists.items():
        if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
            raise TrainError(f"{where}.folders.{label}: wants a folder or a list of folders", hint=_QUOTES)
    for key in ("group", "pairs"):
        if not isinstance(entry.get(key), str | None):
            raise TrainError(f"{where}.{key}: wants text, got {entry[key]!r}", hint=_QUOTES)
    try:
        re.compile(entry.get("group") or "")
    except re.error as error:
        raise TrainError(f"{where}.group: {error}", hint="group is a regular expression with one group") from error
    tuples = {label: tuple(value) for label, value in lists.items()}
    return SourceSpec(str(entry["name"]), tuples, entry.get("group"), entry.get("pairs"))


def find_items(specs: tuple[SourceSpec, ...], root: Path) -> Iterator[Item]:
    """Every picture file the specs name below `root`, in a fixed order.

    A file that the group expression does not match, or that is in no pair, is a group of its own. Raises DataError for
    an empty folder, for an expression or pairs that match no file at all, and for a picture that is named twice.
    """
    seen: set[str] = set()
    for spec in specs:
        matched = spec.group is None and spec.pairs is None
        groups = _pair_groups(root / spec.pairs) if spec.pairs else {}
        for label, folders in sorted(spec.folders.items(), key=lambda pair: CLASSES.index(pair[0])):
            for folder in folders:
                found = (root / folder).rglob("*")
                files = sorted(p for p in found if p.suffix.lower() in PICTURES and p.is_file())
                if not files:
                    hint = f"check 'folders' of {spec.name}; --only takes some sources, --spec a YAML of yours"
                    raise DataError(f"no pictures in {root / folder}", hint=hint)
                for file in files:
                    path = file.relative_to(root).as_posix()
                    if path in seen:
                        what = f"{path} is in two of the folders: it would be a picture of {spec.name}/{label}, too"
                        raise DataError(what, hint="name folders that do not hold each other")
                    seen.add(path)
                    matched = matched or _fits(spec, file.name, groups)
                    yield Item(path, spec.name, label, f"{spec.name}-{_group(spec, file.name, groups)}")
        if not matched:
            key = "group" if spec.group else "pairs"
            raise DataError(f"'{key}' of source {spec.name} matches no file", hint=f"mend '{key}' in the spec")


def _fits(spec: SourceSpec, name: str, groups: dict[str, str]) -> bool:
    return bool(re.search(spec.group, name)) if spec.group else name in groups


def _group(spec: SourceSpec, name: str, pairs: dict[str, str]) -> str:
    if spec.group:
        match = re.search(spec.group, name)
        return name if match is None else match.group(1) if match.groups() else match.group(0)
    return pairs.get(name, name)


def _pair_groups(path: Path) -> dict[str, str]:
    """File name, without its folders -> name of its pair; chains of pairs that share a file become one group.

    The first row may be titles."""
    groups: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [[Path(cell.strip()).name for cell in row] for row in csv.reader(lines) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}", hint="check 'pairs': UTF-8, two file names a line") from error
    if rows and not any(name.lower().endswith(PICTURES) for name in rows[0]):
        rows = rows[1:]
    for row in rows:
        known = sorted({groups[name] for name in row if name in groups})
        target = known[0] if known else row[0]
        for name, group in list(groups.items()):
            if group in known[1:]:
                groups[name] = target
        groups.update(dict.fromkeys(row, target))
    return groups

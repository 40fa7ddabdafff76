"""A bundle: the folder a model is shipped in. Nothing of it is parsed before its sha256 holds.

model.onnx  card.json  MODEL_CARD.md  LICENSE*   and manifest.json: {"format": 1, "files": {name: {"sha256", "bytes"}}}
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.card import card_from_json, card_to_json
from engines.contract import BundleError, Card
from engines.files import read_bounded, sha256, write_atomic

DEFAULT_BUNDLE = "vgg16-128"
BUNDLES = Path(__file__).parent / "bundles"
REQUIRED = ("model.onnx", "card.json", "MODEL_CARD.md", "LICENSE")
MAX_MODEL_BYTES = 512 << 20
MAX_OTHER_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files were all what its manifest says when it was opened."""

    folder: Path
    card: Card
    sha256: str
    """Of manifest.json, and thereby of everything it lists."""
    files: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def read_model(self) -> bytes:
        """The ONNX model, checked again, so that what is parsed is what was verified. Raises BundleError."""
        return _checked(self.folder, "model.onnx", self.files["model.onnx"])


def shipped_bundles() -> tuple[str, ...]:
    """Names of the bundles that came with the program."""
    return tuple(sorted(path.parent.name for path in BUNDLES.glob("*/manifest.json")))


def load_bundle(name_or_path: str | Path | None = None) -> Bundle:
    """A shipped bundle by its name, any other by its folder; None = the default one. Raises BundleError."""
    wanted = DEFAULT_BUNDLE if name_or_path is None else name_or_path
    shipped = isinstance(wanted, str) and wanted in (DEFAULT_BUNDLE, *shipped_bundles())
    folder = BUNDLES / wanted if shipped else Path(wanted)
    if not (folder / "manifest.json").is_file():
        names = ", ".join(shipped_bundles()) or "none"
        hint = f"give a folder with a manifest.json or the name of a shipped bundle ({names})"
        raise BundleError(f"no bundle at {wanted}", hint=hint)
    manifest = _read(folder / "manifest.json", MAX_OTHER_BYTES)
    files = _manifest_files(manifest, folder)
    contents = {name: _checked(folder, name, entry) for name, entry in files.items()}
    try:
        card = card_from_json(contents["card.json"].decode())
    except UnicodeDecodeError as error:
        raise BundleError(f"{folder.name}/card.json is not UTF-8 text") from error
    return Bundle(folder, card, sha256(manifest), files)


def write_bundle(folder: Path, onnx_bytes: bytes, card: Card, model_card_md: str, licence_text: str) -> Bundle:
    """The bundle written to `folder`, whole or not at all, in place of an older one. Raises BundleError, OSError."""
    contents = {
        "model.onnx": onnx_bytes,
        "card.json": card_to_json(card).encode(),
        "MODEL_CARD.md": model_card_md.encode(),
        "LICENSE": licence_text.encode(),
    }
    card_from_json(contents["card.json"].decode())  # what we could not read again is not written
    files = {name: {"sha256": sha256(data), "bytes": len(data)} for name, data in contents.items()}
    contents["manifest.json"] = (json.dumps({"format": 1, "files": files}, indent=2) + "\n").encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        fresh, old = Path(temporary) / "new", Path(temporary) / "old"
        fresh.mkdir()
        for name, data in contents.items():
            write_atomic(fresh / name, data)
            (fresh / name).chmod(0o644)
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    return load_bundle(folder)


def _manifest_files(manifest: bytes, folder: Path) -> dict[str, dict[str, Any]]:
    """{name: {"sha256", "bytes"}} of a manifest whose form holds. Raises BundleError."""
    try:
        raw = json.loads(manifest)
        files = {name: {"sha256": str(e["sha256"]), "bytes": int(e["bytes"])} for name, e in raw["files"].items()}
        form = raw["format"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BundleError(f"{folder.name}/manifest.json does not hold: {error!r}") from error
    if form != 1:
        raise BundleError(f"{folder.name} is a bundle of format {form!r}, this program knows 1", hint="update monitor")
    for name in files:
        # A manifest must not lead out of its folder.
        if name != Path(name).name or name in ("", ".", "..", "manifest.json") or "\\" in name:
            raise BundleError(f"{folder.name}/manifest.json lists a name that is no plain file: {name!r}")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"{folder.name}/manifest.json does not list {', '.join(missing)}")
    return files


def _checked(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    data = _read(folder / name, MAX_MODEL_BYTES if name == "model.onnx" else MAX_OTHER_BYTES)
    if len(data) != entry["bytes"] or sha256(data) != entry["sha256"]:
        said = f"{len(data)} of {entry['bytes']} bytes" if len(data) != entry["bytes"] else "sha256 differs"
        raise BundleError(f"{folder.name}/{name} is not what its manifest says ({said})", hint=_AGAIN)
    return data


def _read(path: Path, limit: int) -> bytes:
    try:
        return read_bounded(path, limit)
    except (OSError, ValueError) as error:
        raise BundleError(f"{path.parent.name}/{path.name} cannot be read: {error}", hint=_AGAIN) from error


_AGAIN = "get the bundle again: reinstall the program, or copy the folder anew"

"""What the screen says, in the languages asked for: one YAML file each, single words replaceable by the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor import yamlish
from monitor.errors import ConfigError

FOLDER = Path(__file__).with_name("languages")
PATTERN_HINT = f"{FOLDER / 'en.yaml'} shows a right one"


def languages() -> list[str]:
    """Names of the languages that come along."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def load(name: str, folder: Path | None = None) -> dict[str, Any]:
    """{"name", "label", "dir", "words"} of a language; a file of that name in `folder` replaces or completes it.

    Raises ConfigError for an unknown language, and for a file with words missing or unknown.
    """
    hint = f"one of {', '.join(languages())}, or kiosk.screen.language_folder with {name}.yaml"
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", name):
        raise ConfigError(f"{name!r} is no language", hint=hint)
    pattern, shipped = _read(FOLDER / "en.yaml"), FOLDER / f"{name}.yaml"
    own = folder / f"{name}.yaml" if folder is not None else None
    if own is not None and not own.is_file():
        own = None
    if own is None and not shipped.is_file():
        raise ConfigError(f"the screen does not speak {name!r}", hint=hint)
    words = _read(shipped) if shipped.is_file() else {}
    if own is not None:
        words = _merged(words, _read(own))
    _check(words, pattern, own or shipped, "")
    label, direction = words.pop("label"), words.pop("dir")
    if direction not in ("ltr", "rtl"):
        raise ConfigError(f"{own or shipped}: dir is {direction!r}", hint="dir is ltr or rtl")
    return {"name": name, "label": label, "dir": direction, "words": words}


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yamlish.load(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {error}", hint=PATTERN_HINT) from error
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: holds no words", hint=PATTERN_HINT)
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        both[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def _check(words: Mapping[str, Any], pattern: Mapping[str, Any], file: Path, prefix: str) -> None:
    for key, wanted in pattern.items():
        found = words.get(key)
        if isinstance(wanted, dict) and isinstance(found, dict):
            _check(found, wanted, file, f"{prefix}{key}.")
        elif isinstance(wanted, dict):
            raise ConfigError(f"{file}: {prefix}{key} should hold {', '.join(wanted)}", hint=PATTERN_HINT)
        elif not isinstance(found, str):
            raise ConfigError(f"{file}: {prefix}{key} should be text", hint=PATTERN_HINT)
    if unknown := sorted(set(words) - set(pattern)):
        raise ConfigError(f"{file}: unknown {', '.join(prefix + str(key) for key in unknown)}", hint=PATTERN_HINT)

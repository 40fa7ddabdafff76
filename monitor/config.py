"""Settings from YAML files, `--set` and options: later wins, and what is unknown or wrong is refused by name."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from configs import FOLDER
from monitor import yamlish
from monitor.config_shown import show as show  # read and shown: one module for both, to those who use them
from monitor.config_sources import alone, conflicts, settle
from monitor.errors import ConfigError
from monitor.settings import OutputSettings, Settings

HINT = "`monitor config show` lists every setting with its meaning"
_ADAPTER = pydantic.TypeAdapter(Settings)
_WANTED = {
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "string_type": "should be text",
    "string_too_short": "should not be empty",
    "tuple_type": "should be a list",
    "greater_than": "should be more than {gt:g}",
    "greater_than_equal": "should be at least {ge:g}",
    "less_than_equal": "should be at most {le:g}",
}


class Given(NamedTuple):
    """A value from an option of the command line."""

    flag: str
    key: str
    value: object


class _Layer(NamedTuple):
    where: str
    """What people see in front of a complaint."""
    tree: object


def load_settings(
    config: Path | str | None = None, overrides: Sequence[str] = (), options: Sequence[Given] = ()
) -> Settings:
    """The defaults, changed by a preset or file, then by `key=value` overrides, then by options.

    Where a later one names a source, or several, what the file asks of another kind of source is left out: presets
    combine with every source.
    Raises ConfigError naming every setting that is unknown or wrong, with where it was given.
    """
    layers = [_read(config)] if config is not None else []
    layers += [_override(text) for text in overrides]
    layers += [_Layer(flag, _nest({key: value})) for flag, key, value in options]
    problems: list[str] = []
    flat: dict[str, object] = {}
    origin: dict[str, str] = {}
    for layer in layers:
        new = dict(_flatten(layer, Settings, layer.tree, "", problems))
        settle(flat, origin, new)
        flat.update(new)
        origin.update(dict.fromkeys(new, layer.where))
    settings = _validate(flat, origin, problems)
    if settings is None or problems:
        raise ConfigError("; ".join(problems), hint=HINT)
    return alone(dataclasses.replace(settings, output=_at_home(settings.output)))


def _at_home(output: OutputSettings) -> OutputSettings:
    """Names of files that begin with ~ as the shell would have them: it does not see those in YAML and --record=~/x."""
    places = {key: value for key, value in vars(output).items() if isinstance(value, Path)}
    return dataclasses.replace(output, **{key: Path(os.path.expanduser(value)) for key, value in places.items()})  # noqa: PTH111


def presets() -> dict[str, str]:
    """{name: its first comment line} of the shipped presets, by name."""
    files = sorted(FOLDER.glob("*.yaml"))
    return {file.stem: file.read_text("utf-8").partition("\n")[0].lstrip("# ") for file in files}


def _read(config: Path | str) -> _Layer:
    """A preset by its name, else a file."""
    name, known = str(config), presets()
    try:
        return _Layer(name, yamlish.load((FOLDER / f"{name}.yaml" if name in known else Path(config)).read_bytes()))
    except FileNotFoundError as error:
        near = difflib.get_close_matches(name, known, 1)
        what = f"{name}: no such configuration file{f'; did you mean {near[0]}?' if near else ''}"
        raise ConfigError(what, hint=f"name a YAML file or one of the presets {', '.join(known)}") from error
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}", hint="name a YAML file that can be read") from error
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", hint="mend the file; `monitor config show` prints a right one") from error


def _override(text: str) -> _Layer:
    """One `--set key=value`."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError("--set wants key=value", hint="for example `--set decide.memory_s=0.6`")
    try:
        return _Layer("--set", _nest({key.strip(): yamlish.load(value)}))
    except ValueError as error:
        raise ConfigError(f"--set {key.strip()}: {error}", hint="the value is read as YAML: quote it") from error


def _nest(flat: Mapping[str, object]) -> dict[str, Any]:
    """{"a.b": 1} as {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[last] = value
    return tree


def _flatten(layer: _Layer, cls: type, tree: object, prefix: str, problems: list[str]) -> Iterator[tuple[str, object]]:
    """(dotted key, value) of every known setting; complaints about the others go to `problems`."""
    if tree is None:
        return
    if not isinstance(tree, Mapping):
        where = f"{layer.where}: {prefix.rstrip('.')}".removesuffix(": ")
        problems.append(f"{where}: should hold settings (key: value), not {_shown(tree)}")
        return
    hints = typing.get_type_hints(cls)
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if key not in hints:
            near = _guess(key, prefix, hints) if isinstance(key, str) else ""
            problems.append(f"{layer.where}: {dotted}: no such setting{near}")
        elif dataclasses.is_dataclass(hints[key]):
            yield from _flatten(layer, hints[key], value, f"{dotted}.", problems)
        elif isinstance(value, list) and (of := _listed(hints[key])) is not None:
            yield dotted, [_item(layer, of, item, f"{dotted}.{n}.", problems) for n, item in enumerate(value)]
        elif wrong := _no_json(value):
            problems.append(f"{layer.where}: {dotted}: {wrong}")
        elif isinstance(value, int) and not isinstance(value, bool) and str in typing.get_args(hints[key]):
            yield dotted, str(value)  # `camera: 0` is meant as the name "0"
        else:
            yield dotted, value


def _no_json(value: object) -> str:
    """What keeps a value, or one in a list, from being a setting of any kind; or nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"should be a finite number, not {value}"
    if isinstance(value, str) and value != value.encode("utf-8", "ignore").decode():
        return "should be UTF-8 text"
    return next(filter(None, map(_no_json, value)), "") if isinstance(value, list | tuple) else ""


def _item(layer: _Layer, cls: type, tree: object, prefix: str, problems: list[str]) -> dict[str, object]:
    """One of a list of settings."""
    return {name.removeprefix(prefix): value for name, value in _flatten(layer, cls, tree, prefix, problems)}


def _listed(hint: Any) -> type | None:
    """The settings class of which `hint` is a list."""
    of = next(iter(typing.get_args(hint)), None)
    return of if typing.get_origin(hint) is tuple and isinstance(of, type) and dataclasses.is_dataclass(of) else None


def _validate(flat: Mapping[str, object], origin: Mapping[str, str], problems: list[str]) -> Settings | None:
    """Strict as JSON is: no text for numbers or switches. None, and why in `problems`, where a value is wrong."""
    try:
        settings = _ADAPTER.validate_json(yamlish.to_json(_nest(flat)), strict=True)
    except pydantic.ValidationError as error:
        for wrong in error.errors(include_url=False):
            key = _named(wrong["loc"], origin)
            place = key if key != "sources" else ".".join(map(str, wrong["loc"]))
            named = place == key and origin[key].startswith("--") and origin[key] != "--set"
            where = origin[key] if named else f"{origin[key]}: {place}"
            wanted = _WANTED.get(wrong["type"], "").format(**wrong.get("ctx", {}))
            what = wanted or wrong["msg"].removeprefix("Input ")
            problems.append(f"{where}: {what}, not {_shown(wrong['input'])}")
        return None
    problems += [] if problems else conflicts(settings)
    return settings


def _named(place: Sequence[object], origin: Mapping[str, str]) -> str:
    """The setting that holds this place: a wrong corner of a zone is told as the zone's."""
    parts = [str(part) for part in place]
    while len(parts) > 1 and ".".join(parts) not in origin:
        parts.pop()
    return ".".join(parts)


def _guess(key: str, prefix: str, beside: typing.Iterable[str]) -> str:
    """`; did you mean X?` with the nearest right key, first of those that may stand there; or nothing."""
    here = difflib.get_close_matches(key, list(beside), 1, cutoff=0.75)
    keys = list(_keys(Settings, ""))
    near = [f"{prefix}{name}" for name in here] or difflib.get_close_matches(f"{prefix}{key}", keys, 1, cutoff=0.75)
    if not near:
        last = {known.rpartition(".")[2]: known for known in reversed(keys)}
        near = [last[name] for name in difflib.get_close_matches(key, last, 1, cutoff=0.75)]
    return f"; did you mean {near[0]}?" if near else ""


def _keys(cls: type, prefix: str) -> Iterator[str]:
    for name, hint in typing.get_type_hints(cls).items():
        yield f"{prefix}{name}"
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _keys(hint, f"{prefix}{name}.")


def _shown(value: object) -> str:
    """The value as people wrote it, short; never an address, which may hold a password."""
    text = yamlish.scalar(value)
    return "an address" if "://" in text or "@" in text else text if len(text) <= 40 else f"{text[:37]}..."

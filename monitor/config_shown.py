"""Settings as YAML, each key under its meaning."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from monitor import yamlish
from monitor.settings import Settings, meanings


def show(settings: Settings) -> str:
    """YAML that loads back to equal settings, each key under its meaning."""
    return "\n".join(_lines(settings, 0)).lstrip("\n") + "\n"


def _lines(part: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    hints = typing.get_type_hints(type(part))
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if depth == 0:
            yield ""
        yield f"{indent}# {meanings()[type(part)][field.name]}"
        if dataclasses.is_dataclass(value):
            yield f"{indent}{field.name}:"
            yield from _lines(value, depth + 1)
            continue
        if typing.get_origin(hints[field.name]) is typing.Literal:
            yield f"{indent}# One of {', '.join(typing.get_args(hints[field.name]))}."
        if isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            yield f"{indent}{field.name}:"
            yield from _items(value, indent)
            continue
        yield f"{indent}{field.name}: {yamlish.scalar(value)}"


def _items(parts: Sequence[Any], indent: str) -> Iterator[str]:
    """A list of settings, as far as something is said in them."""
    for part in parts:
        said = {name: value for name, value in vars(part).items() if value is not None}
        for n, (name, value) in enumerate(said.items()):
            yield f"{indent}  {' ' if n else '-'} {name}: {yamlish.scalar(value)}"

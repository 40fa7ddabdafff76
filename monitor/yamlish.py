"""YAML as people mean it: `off` and `yes` are words, `1e-3` is a number, a key stands once, nothing is an object."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z0-9_./][\w./-]*")


class _Loader(yaml.SafeLoader):
    """The core types of YAML 1.2; PyYAML's own rules read `off` as false, `1e-3` as text and `12:30` as 750."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key should be a word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave this one out
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not used here", problem_mark=mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf)|\.(?:nan|NaN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def load(text: str | bytes) -> Any:
    """The one document in `text` as dicts, lists and scalars. Raises ValueError saying what is wrong in which line."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}{error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("not a YAML text") from error


def scalar(value: object) -> str:
    """One value as YAML on one line, which `load` reads back to the same."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and _PLAIN.fullmatch(value) and load(value) == value:
        return value
    return to_json(value)


def to_json(value: object) -> str:
    """JSON; what JSON does not know (paths, dates) as its text."""
    return json.dumps(value, ensure_ascii=False, default=str)

"""Recipes as YAML: the defaults of `train.fit.Recipe`, and what a file changes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pydantic
import yaml

from train.errors import TrainError
from train.fit import Recipe


def load_recipe(path: Path | None) -> Recipe:
    """The recipe in a YAML file, or the shipped model's. Raises TrainError naming every key that does not hold."""
    if path is None:
        return Recipe()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise TrainError(f"cannot read the recipe {path}: {error}", hint="see docs/training.md") from error
    known = {field.name for field in fields(Recipe)}
    unknown = sorted(set(values) - known) if isinstance(values, dict) else ["form: a recipe is a list of key: value"]
    if unknown:
        raise TrainError(f"{path}: unknown {', '.join(map(str, unknown))}", hint=f"known: {', '.join(sorted(known))}")
    try:
        return pydantic.TypeAdapter(Recipe).validate_python(values)
    except pydantic.ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise TrainError(f"{path}: {lines}", hint="see docs/training.md for the keys") from error

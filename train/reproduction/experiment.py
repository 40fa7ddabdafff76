"""What an experiment of the paper is made of, and a schedule: read from YAML, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pydantic

from configs import FOLDER
from monitor import yamlish
from train.errors import TrainError
from train.recipe import Recipe, stored_recipe
from train.spec import CLASSES

PLACE = FOLDER / "train/reproduce"


@dataclass(frozen=True)
class Schedule:
    """How long and how large."""

    input_px: int
    learning_rate: float
    epochs: int = 0
    """Over the training pictures, for experiments that `pictures` does not name."""
    pictures: Mapping[str, int] = field(default_factory=dict)
    """Experiment -> pictures seen."""
    bfloat16: bool = True
    network: Mapping[str, Any] = field(default_factory=dict)
    """Keys of Recipe that make the networks smaller, for tries."""


@dataclass(frozen=True)
class Experiment:
    title: str
    classes: Mapping[str, str | tuple[str, ...]]
    """Class -> folder or folders below the data folder."""
    split: tuple[float, float, float]
    """Percent for training, validation and test."""
    recipe: Mapping[str, Any]
    pictures_per_class: int | None = None
    """Larger classes are drawn from, smaller ones grown by changed copies."""
    honest: bool = False
    """Whether there is a twin with duplicates grouped and copies made after the split."""
    paper: Mapping[str, float] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs."""
        return tuple(name for name in CLASSES if name in self.classes)

    def recipe_for(self, name: str, schedule: Schedule, train_pictures: int) -> Recipe:
        """The whole recipe. Raises TrainError for keys that do not hold."""
        values: dict[str, Any] = {"augment": None, **self.recipe, **schedule.network}
        if (seen := schedule.pictures.get(name, schedule.epochs * train_pictures)) < 1:
            raise TrainError(f"the schedule says neither epochs nor pictures for ({name})", hint="mend the schedule")
        try:
            recipe = stored_recipe({**values, "class_shares": None})
        except pydantic.ValidationError as error:
            raise TrainError(f"experiment {name}: {error}", hint="see docs/training.md for the keys") from error
        return replace(
            recipe, pictures=seen, input_px=schedule.input_px, learning_rate=schedule.learning_rate, margin=0.0,
            bfloat16=schedule.bfloat16,
        )  # fmt: skip


def experiments() -> dict[str, Experiment]:
    """Name -> experiment, of the files that come with the program."""
    return {path.stem: _load(path, Experiment) for path in sorted(PLACE.glob("*.yaml"))}


def load_schedule(named: str) -> Schedule:
    """The schedule of this name, or of a YAML file. Raises TrainError."""
    known = {path.stem: path for path in sorted((PLACE / "schedules").glob("*.yaml"))}
    path = known.get(named, Path(named))
    if not path.is_file():
        raise TrainError(f"no schedule {named!r}", hint=f"choose one of {', '.join(known)}, or name a YAML file")
    schedule: Schedule = _load(path, Schedule)
    return schedule


def _load(path: Path, kind: Any) -> Any:
    try:
        values = yamlish.load(path.read_bytes())
        unknown = sorted(set(values) - set(kind.__dataclass_fields__))
        if unknown:
            raise TrainError(f"{path}: unknown {', '.join(unknown)}", hint="see the files in configs/train/reproduce")
        return pydantic.TypeAdapter(kind).validate_python(values)
    except (OSError, ValueError, TypeError) as error:
        raise TrainError(f"{path}: {error}", hint="see the files in configs/train/reproduce") from error

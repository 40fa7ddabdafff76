"""What a run starts from and is guided by, besides pictures and recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.errors import TrainError
from train.recipe import Recipe


@dataclass(frozen=True)
class Start:
    """Weights to begin with, and a teacher's file."""

    weights: str = "none"
    """none, imagenet, a .keras file or a bundle's name or folder."""
    teacher: Path | None = None

    @property
    def named(self) -> str:
        """As a run's state has it."""
        return self.weights if self.teacher is None else f"{self.weights}, guided by {self.teacher.name}"

    def check(self, recipe: Recipe) -> None:
        """Raises TrainError where recipe and start do not go together."""
        if recipe.frozen_blocks and self.weights == "none" and not recipe.imitate:
            raise TrainError("blocks that stay random are of no use", hint="name --weights, or set frozen_blocks: 0")
        if recipe.wants_teacher and self.teacher is None:
            hint = "name its file with --teacher, or set teacher_weight: 0 and imitate: 0"
            raise TrainError("the recipe wants a teacher", hint=hint)
        if self.teacher is not None and not recipe.wants_teacher:
            what = "a teacher is given, but the recipe's teacher_weight and imitate are 0"
            raise TrainError(what, hint="set teacher_weight: 1, or imitate: 5000")

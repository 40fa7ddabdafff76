"""What a run starts from and is guided by, besides pictures and recipe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from train.errors import CheckpointError, TrainError
from train.recipe import Recipe

NOTHING = ("none", "imagenet")
"""What a run may begin with that has seen none of our pictures."""


@dataclass(frozen=True)
class Start:
    """Weights to begin with, and the files of those that teach."""

    weights: str = "none"
    """none, imagenet, a .keras file, an .npz file of ResNet-50, or a bundle's name or folder."""
    teacher: Path | None = None
    """Its features guide: an .npz file of ResNet-50."""
    tutor: Path | None = None
    """Its answers guide: the .keras file of a finished run."""

    @property
    def named(self) -> str:
        """As a run's state has it; a tutor by what is in its file, as all are called final.keras.

        Raises CheckpointError for a tutor that cannot be read.
        """
        guide = "" if self.teacher is None else f", guided by {self.teacher.name}"
        return self.weights + guide + ("" if self.tutor is None else f", with the tutor {_short(self.tutor)}")

    def check(self, recipe: Recipe) -> None:
        """Raises TrainError where recipe and start do not go together."""
        if recipe.frozen_blocks and self.weights == "none" and not recipe.imitate:
            raise TrainError("blocks that stay random are of no use", hint="name --weights, or set frozen_blocks: 0")
        if recipe.wants_teacher and self.teacher is None:
            hint = "name its file with --teacher, or set teacher_weight: 0 and imitate: 0"
            raise TrainError("the recipe wants a teacher", hint=hint)
        if recipe.tutor_weight and self.tutor is None:
            hint = "name a finished run's final.keras with --tutor, or set tutor_weight: 0"
            raise TrainError("the recipe wants a tutor", hint=hint)
        if self.tutor is not None and not recipe.tutor_weight:
            raise TrainError("a tutor is given, but the recipe's tutor_weight is 0", hint="set tutor_weight: 0.7")
        if self.teacher is not None and not recipe.wants_teacher:
            what = "a teacher is given, but the recipe's teacher_weight and imitate are 0"
            raise TrainError(what, hint="set teacher_weight: 1, or imitate: 5000")


def _short(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as error:
        hint = "name the final.keras of a finished run"
        raise CheckpointError(f"cannot read {file}: {error.strerror}", hint=hint) from error

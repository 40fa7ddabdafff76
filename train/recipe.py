"""What a run learns: the recipe, its checks, and its form as YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from configs import FOLDER
from monitor import yamlish
from train.augment import SEE, Augment
from train.errors import TrainError
from train.prepare import CROP_MARGIN

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of each convolution, by block: configuration D of Simonyan & Zisserman 2014."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run learns; stored with its checkpoints. Raises TrainError for what cannot be."""

    arch: str = "vgg16"
    """A name in train.architectures."""
    pictures: int = 110_000
    """Pictures seen, versions counted each."""
    batch: int = 32
    input_px: int = 128
    margin: float = CROP_MARGIN
    class_shares: tuple[float, ...] | None = (0.4, 0.4, 0.2)
    """Of a batch, in the order of the classes: masks are learned from few, fakes are not. Null: drawn evenly."""
    source_weights: dict[str, float] = field(default_factory=dict)
    """How often a source is drawn within its classes, against 1 for those not named: more of what is learned slowly."""
    paired: float = 0.0
    """Share of the real pictures of a batch that come with a fake of their own group (a pair or a person)."""
    learning_rate: float = 8e-4
    warmup: float = 0.03
    """Share of the run in which the rate rises."""
    decay: float = 0.5
    """Share of the run, at its end, in which the rate falls to nothing."""
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    dropout: float = 0.5
    dense: int = 256
    blocks: tuple[tuple[int, ...], ...] = VGG16
    """Of VGG16: filters of each convolution."""
    width: float = 1.0
    """Of MobileNetV2 and ResNet-50: multiplies every layer's channels."""
    frozen_blocks: int = 0
    """Of VGG16: so many first blocks stay as --weights gives them."""
    mixup: float = 0.0
    """Beta(mixup, mixup) draws how two pictures of a batch are mixed (Zhang et al. 2018); 0 = never."""
    average: float = 0.0
    """Decay a step of the exponential moving average of the weights that is exported; 0 = the last weights."""
    imitate: int = 0
    """Pictures with which blocks 3, 4 and 5 of VGG16 each learn a teacher's features before any label; 0 = none."""
    teacher_weight: float = 0.0
    """Of the teacher's features in the loss, beside the labels with 1; 0 = no teacher."""
    tutor_weight: float = 0.0
    """Share of a tutor's answer in what is taught about each picture, beside its label; 0 = no tutor."""
    patience: int = 0
    """Stop after so many reports without a better validation loss, and keep the best; 0 = go on to the end."""
    bfloat16: bool = True
    """Products in bfloat16, weights in float32; where the machine has no units for it, all in float32."""
    seed: int = 1
    augment: Augment | None = field(default_factory=Augment)
    """Null: pictures as the program would cut them."""

    def __post_init__(self) -> None:
        halved, shares = 2 ** len(self.blocks), self.class_shares
        if not 8 <= self.input_px <= 2048 or self.input_px % halved:
            what = f"input_px must be a multiple of {halved} in 8..2048, as {len(self.blocks)} blocks halve it"
            raise TrainError(f"{what}; got {self.input_px}", hint=SEE)
        if shares is not None and (len(shares) < 2 or min(shares) <= 0 or not abs(sum(shares) - 1) < 1e-3):
            what = "class_shares must be shares above 0 with the sum 1, one a class"
            raise TrainError(f"{what}; got {', '.join(map(str, shares))}", hint=SEE)
        if not all(0 < weight < float("inf") for weight in self.source_weights.values()):
            raise TrainError("source_weights must be numbers above 0", hint=SEE)
        if self.source_weights and shares is None:
            raise TrainError("source_weights want class_shares: without, pictures are drawn evenly", hint=SEE)
        if self.frozen_blocks and self.arch != "vgg16":
            raise TrainError(f"frozen_blocks is of vgg16, not {self.arch}", hint="set frozen_blocks: 0")
        if min(self.pictures, self.batch, self.dense) < 1:
            raise TrainError("pictures, batch and dense must be 1 or more", hint=SEE)
        if not (0 <= self.average < 1 and 0 <= self.paired <= 1 and 0 <= self.tutor_weight <= 1):
            raise TrainError("average, paired and tutor_weight must be in 0..1", hint=SEE)
        if min(self.mixup, self.patience, self.teacher_weight, self.imitate, self.margin, self.seed) < 0:
            raise TrainError("mixup, patience, teacher_weight, imitate, margin and seed must be 0 or more", hint=SEE)
        if not (0 <= self.dropout < 1 and 0 <= self.label_smoothing < 1):
            raise TrainError("dropout and label_smoothing must be in 0..1, below 1", hint=SEE)
        if not (0 < self.learning_rate < 10 and 0 < self.width <= 8 and self.weight_decay >= 0):
            raise TrainError("learning_rate and width must be above 0, weight_decay 0 or more", hint=SEE)
        if not (0 <= self.warmup <= 1 and 0 <= self.decay <= 1):
            raise TrainError("warmup and decay must be in 0..1", hint=SEE)
        if self.patience and self.average:
            raise TrainError("patience keeps the best weights, average the mean of the last: choose one", hint=SEE)

    @property
    def wants_teacher(self) -> bool:
        return self.teacher_weight > 0 or self.imitate > 0

    @property
    def steps(self) -> int:
        return max(1, self.pictures // self.batch)


def preset_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that come with the program."""
    return {path.stem: path for path in sorted((FOLDER / "train/recipes").glob("*.yaml"))}


def load_recipe(named: str | Path | None) -> Recipe:
    """The recipe of a preset's name or a YAML file, or the defaults. Raises TrainError naming what does not hold."""
    if named is None:
        return Recipe()
    path = preset_recipes().get(str(named), Path(named))
    values = _read(path)
    known = _keys(asdict(Recipe()))
    if unknown := sorted(key for key in _keys(values) - known if not key.startswith("source_weights.")):
        raise TrainError(f"{path}: unknown {', '.join(unknown)}", hint=f"known: {', '.join(sorted(known))}")
    try:
        return pydantic.TypeAdapter(Recipe).validate_python(values)
    except pydantic.ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise TrainError(f"{path}: {lines}", hint=SEE) from error
    except TrainError as error:
        raise TrainError(f"{path}: {error}", hint=error.hint) from error


def stored_recipe(values: Mapping[str, Any]) -> Recipe:
    """The recipe in a run's state.json; keys that are newer than the run have their defaults. Raises ValueError."""
    return pydantic.TypeAdapter(Recipe).validate_python(dict(values))


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yamlish.load(path.read_bytes())
    except OSError as error:
        what = f"cannot read the recipe {path}: {error.strerror}"
        known = ", ".join(preset_recipes())
        raise TrainError(what, hint=f"name a YAML file with --recipe, or one of: {known}") from error
    except ValueError as error:
        raise TrainError(f"{path} is not YAML: {error}", hint=SEE) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise TrainError(f"{path}: a recipe is a list of key: value", hint=SEE)
    return values


def _keys(values: Mapping[Any, Any]) -> set[str]:
    """All keys; those of a table below with its name and a dot."""
    below = {f"{key}.{inner}" for key, table in values.items() if isinstance(table, dict) for inner in table}
    return below | set(map(str, values))

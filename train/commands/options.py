"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PreparedFolder = Annotated[Path, typer.Option("--prepared", help="The folder that `prepare` wrote.")]
RunFolder = Annotated[Path, typer.Option("--run", help="The folder of the training run.")]
BundleName = Annotated[
    str | None, typer.Option("--bundle", help="A bundle (name or folder); default: the shipped one.")
]


class Split(StrEnum):
    """What `train.manifest.SPLITS` lists."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"

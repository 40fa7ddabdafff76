"""`monitor train ...`, which lives in the package `train` and is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from monitor.errors import UsageError

EXTRA = {"keras", "tensorflow", "torch", "sklearn", "matplotlib"}
"""What `train` imports and the base installation may lack."""


class _LazyTrain(TyperGroup):
    """The group of commands in `train.cli`."""

    def _group(self) -> Any:
        with _extra_named():
            from train.cli import app

            return typer.main.get_command(app)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self._group().list_commands(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._group().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:
        with _extra_named():
            return super().invoke(ctx)


@contextmanager
def _extra_named() -> Iterator[None]:
    """A library of the extra `train` that is missing becomes a UsageError that says how to get it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        what = f"training needs {error.name}, which is not installed"
        raise UsageError(what, hint='pip install "face-monitor[train]"') from error


train_app = typer.Typer(cls=_LazyTrain, help="Train a classifier of your own and make it a bundle.")

"""The folder of a run: checkpoints that are whole or not there, and the state that names the one to go on from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from monitor.errors import SinkError
from monitor.files import told_as_sink_error
from train.errors import CheckpointError
from train.manifest import Prepared
from train.recipe import Recipe

MAY_CHANGE = {"pictures", "decay"}
"""Of a recipe, between one start of a run and the next: a run can be prolonged."""


class RunFolder:
    """Where a run keeps what it needs to go on. Raises SinkError where the folder or a file cannot be written."""

    def __init__(self, folder: Path, recipe: Recipe, data: Prepared, started_from: str) -> None:
        self.folder, self._recipe, self._steps = folder, json.loads(json.dumps(asdict(recipe))), recipe.steps
        self._digest, self._split, self._from = data.digest, data.split_sha256, started_from
        with told_as_sink_error(folder, "make the folder"):
            folder.mkdir(parents=True, exist_ok=True)

    def last(self) -> dict[str, Any] | None:
        """The stored state with its `model` file, or None for a new run.

        Raises CheckpointError for another run's, and for one that has gone further than this one should.
        """
        file = self.folder / "state.json"
        if not file.exists():
            return None
        try:
            state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            before, digest, started_from = state["recipe"], state["manifest_sha256"], state.get("weights", self._from)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{file} cannot be read: {error}", hint="choose another --run folder") from error
        usual = json.loads(json.dumps(asdict(Recipe())))  # what a key that is newer than the run stands for
        differing = [k for k, v in self._recipe.items() if k not in MAY_CHANGE and before.get(k, usual[k]) != v]
        differing += ["the prepared data"] * (digest != self._digest) + ["weights"] * (started_from != self._from)
        if differing:
            what = f"{self.folder} was begun with other settings: {', '.join(differing)}"
            raise CheckpointError(what, hint="choose another --run folder, or the settings it was begun with")
        if int(state.get("step", 0)) > self._steps:
            what = f"{self.folder} has gone {state['step']} steps, more than the {self._steps} of this run"
            raise CheckpointError(what, hint="choose another folder, or as many pictures as it has seen")
        return state

    def finished(self, steps: int) -> Path | None:
        """The model of a run that ended after so many steps. Raises CheckpointError for another run's folder."""
        state, final = self.last(), self.folder / "final.keras"
        return final if state is not None and state.get("finished") == steps and final.is_file() else None

    def finish(self, steps: int) -> Path:
        """Notes in the state that final.keras is what so many steps gave: the same command need not make it again."""
        state = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        self._write({**state, "finished": steps})
        return self.folder / "final.keras"

    def load(self, state: dict[str, Any]) -> keras.Model:
        """The model of a state, with its optimizer. Raises CheckpointError."""
        file = self.folder / str(state["model"])
        try:
            return keras.saving.load_model(file)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot read {file}: {error}", hint="choose another --run folder") from error

    def save(self, model: keras.Model, step: int, **more: Any) -> None:
        """The model under a new name first, then the state that names it: a kill leaves the older pair whole."""
        name = f"step-{step:07d}.keras"
        with self._whole(name) as part:
            model.save(part)
        state = {
            "step": step, "model": name, "recipe": self._recipe, "manifest_sha256": self._digest,
            "split_sha256": self._split, "weights": self._from, "backend": keras.backend.backend(), **more,
        }  # fmt: skip
        self._write(state)
        for old in self.folder.glob("step-*.keras"):
            if old.name != name:
                old.unlink()

    def _write(self, state: dict[str, Any]) -> None:
        with self._whole("state.json") as part:
            part.write_text(json.dumps(state, indent=1), encoding="utf-8")

    def keep(self, model: keras.Model, name: str) -> Path:
        """The model alone, written as `name`.keras."""
        with self._whole(f"{name}.keras") as part:
            model.save(part)
        return self.folder / f"{name}.keras"

    @contextlib.contextmanager
    def _whole(self, name: str) -> Iterator[Path]:
        """A path to write to; renamed to `name` when the block ends well, removed when not. Raises SinkError."""
        part = self.folder / f"part-{name}"  # ends as `name` does: Keras goes by that
        try:
            with told_as_sink_error(self.folder / name):
                yield part
                part.replace(self.folder / name)
        except RuntimeError as error:  # HDF5 tells a full disk in words of its own
            part.unlink(missing_ok=True)
            hint = "free some space; the last checkpoint is whole, and the same command goes on"
            raise SinkError(f"cannot write {self.folder / name}: {error}", hint=hint) from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise

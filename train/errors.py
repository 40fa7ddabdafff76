"""What can go wrong in training, with exit codes in the program's order: 2 usage, 3 data, 4 model."""

from __future__ import annotations


class TrainError(Exception):
    """An error people see as two lines: what happened, and what to do (`hint`)."""

    exit_code = 2

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class DataError(TrainError):
    """Pictures, manifests or splits that are missing, unreadable or do not fit together."""

    exit_code = 3


class CheckpointError(TrainError):
    """A run that cannot be started, resumed or exported."""

    exit_code = 4


class MakersEnded(CheckpointError):
    """Processes that make pictures ended before they were asked to."""

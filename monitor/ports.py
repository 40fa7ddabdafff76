"""What the loop asks of the world. Constructors acquire or raise; `close()` may be called twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitor.types import Box, Face, Frame, Gap, Judgement, Scene, Track


class Source(Protocol):
    """Pictures from somewhere."""

    live: bool
    """True where time goes on without us: frames may be dropped and gaps happen."""
    name: str
    """What people call it; credentials already removed."""

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame; a Gap where a live source has none within `timeout_s`; None at the end."""
        ...

    def close(self) -> None: ...


class Detector(Protocol):
    """Faces in a frame."""

    def detect(self, frame: Frame, near: Sequence[Box] = ()) -> tuple[Face, ...]:
        """All faces found; `near` names places where a face is expected and worth a closer look.

        Raises DetectorError: an error is never an empty answer.
        """
        ...

    def close(self) -> None: ...


class Asked(Protocol):
    """Judgements that were asked for in one frame."""

    asked: tuple[tuple[int, str | None], ...]
    """(track's id, why its crop is not worth a judgement, or None)"""
    cut_s: float
    """Of cutting the crops."""
    took_s: float
    """Of the engine, once there are judgements."""

    @property
    def ready(self) -> bool:
        """`judgements` does not wait."""
        ...

    def judgements(self) -> tuple[Judgement, ...]:
        """One for each that was asked about, in their order; waited for. Raises what the engine raises."""
        ...


class Judge(Protocol):
    """Says what faces are, at once or a little later."""

    def ask(self, frame: Frame, tracks: Sequence[Track]) -> Asked:
        """Asks about these; only one asking at a time is under way. Nothing of the frame is needed afterwards."""
        ...


class Sink(Protocol):
    """Somebody who wants to know what is seen."""

    def write(self, item: Scene | Gap) -> None: ...

    def close(self) -> None: ...

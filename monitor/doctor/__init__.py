"""What works on this machine: each part really tried, each trouble with the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.doctor import machine, parts
from monitor.doctor.check import Check, Finding, Look
from monitor.settings import Settings

__all__ = ["LOOKS", "Check", "Finding", "Look", "examine"]

LOOKS: tuple[tuple[str, Look], ...] = (
    ("versions", machine.look_at_versions),
    ("cameras", machine.look_for_cameras),
    ("display", machine.look_for_display),
    ("gpu", machine.look_for_gpu),
    ("cache", machine.look_at_cache),
    ("disk", machine.look_at_disk),
    ("decoder", parts.look_at_decoder),
    ("privacy", parts.look_at_guard),
    ("detector", parts.look_at_detector),
    ("engine", parts.look_at_engine),
)


def examine(settings: Settings, looks: Sequence[tuple[str, Look]] = LOOKS) -> Iterator[Check]:
    """Every check, each given as it ends; one that raises is a `fail`, and the rest goes on."""
    for name, look in looks:
        try:
            found = look(settings)
        except Exception as error:
            found = _failed(error)
        yield Check(name, found.status, " ".join(found.what.split()), found.cure)


def _failed(error: Exception) -> Finding:
    """An error of ours says what to do; any other is a surprise."""
    hint = getattr(error, "hint", None)
    if hint is None:
        return Finding("fail", f"{type(error).__name__}: {error}", "this is unexpected: please report this line")
    return Finding("fail", str(error), hint)

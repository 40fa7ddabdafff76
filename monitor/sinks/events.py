"""What happens to people and to the source, as JSON lines, written as it happens."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monitor.errors import SinkError
from monitor.files import told_as_sink_error
from monitor.types import Frame, Gap, Scene, Track


class EventLog:
    """One line for each event of a track: `appeared`, `decided`, `changed` or `gone`.

    `decided` is a track's first label, `changed` every other one, also back to undecided (null). The keys are always
    event, t (s; the frame's own for files, since the first frame for live sources), wall, frame, track, label, reason,
    was_fake (see Track), probs ({class: probability}, null before the first judgement). A live source adds `{"event":
    "source", "t", "wall", "frame", "state": "connecting|stalled|lost|live", "why"}` when its state changes; `frame` is
    the last one before, or the one that came; t and frame are null before the first.
    """

    def __init__(
        self, path: Path | str, classes: Sequence[str], *, camera: str | None = None, goes_on: bool = False
    ) -> None:
        """`-` is the standard output. Raises SinkError where the file cannot be written.

        `camera`: who tells, where several logs share a file; each line names it then. `goes_on`: the file was begun.
        """
        self._path, self._classes, self._camera = path, tuple(classes), camera
        self._tracks: dict[int, Track] = {}
        self._ever_decided: set[int] = set()
        self._frame: Frame | None = None
        self._origin_t = 0.0
        self._state = "live"
        with told_as_sink_error(path):
            if str(path) == "-":
                self._fd, self._own = sys.stdout.fileno(), False
            else:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
                flags |= 0 if goes_on else os.O_TRUNC
                self._fd, self._own = os.open(path, flags, 0o644), True
        self._open = True

    def write(self, item: Scene | Gap) -> None:
        """Writes what changed since the last item. Raises SinkError; a line that did not fit is taken back.

        BrokenPipeError where nobody reads the standard output any more: that ends a run, but is no error.
        """
        if isinstance(item, Gap):
            since_t = None if self._frame is None else self._frame.t + item.since_s
            self._source(item.state, since_t, time.time(), self._frame, item.why)
            return
        if self._frame is None and item.frame.wall is not None:
            self._origin_t = item.frame.t
        self._source("live", item.frame.t, item.frame.wall, item.frame, "")
        before, now = self._tracks, {track.id: track for track in item.tracks}
        self._tracks, self._frame = now, item.frame
        for track_id, track in before.items():
            if track_id not in now:
                self._event("gone", item.frame, track)
        for track in item.tracks:
            self._compare(before.get(track.id), track, item.frame)
        self._ever_decided &= now.keys()

    def close(self) -> None:
        """Everybody left is gone with the last frame."""
        if not self._open:
            return
        self._open = False
        try:
            for track in self._tracks.values():
                if self._frame is not None:
                    self._event("gone", self._frame, track)
        finally:
            if self._own:
                os.close(self._fd)

    def _compare(self, old: Track | None, new: Track, frame: Frame) -> None:
        if old is None:
            self._event("appeared", frame, new)
        if new.label == (None if old is None else old.label):
            return
        self._event("changed" if new.id in self._ever_decided else "decided", frame, new)
        self._ever_decided.add(new.id)

    def _source(self, state: str, t: float | None, wall: float | None, frame: Frame | None, why: str) -> None:
        if state == self._state:
            return
        self._state = state
        at = {"t": self._clock(t), "wall": _rounded(wall, 3), "frame": None if frame is None else frame.index}
        self._put({"event": "source", **at, "state": state, "why": why})

    def _clock(self, t: float | None) -> float | None:
        return None if t is None else round(t - self._origin_t, 6)

    def _event(self, event: str, frame: Frame, track: Track) -> None:
        probs = None
        if track.probs is not None:
            probs = {name: round(float(p), 4) for name, p in zip(self._classes, track.probs, strict=True)}
        self._put(
            {
                "event": event,
                "t": self._clock(frame.t),
                "wall": _rounded(frame.wall, 3),
                "frame": frame.index,
                "track": track.id,
                "label": None if track.label is None else self._classes[track.label],
                "reason": track.reason,
                "was_fake": track.was_fake,
                "probs": probs,
            }
        )

    def _put(self, record: dict[str, Any]) -> None:
        """One whole line, straight to the file: what is read is complete, also after a kill."""
        if self._camera is not None:
            record = {"event": record["event"], "camera": self._camera, **record}
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        try:
            with told_as_sink_error(self._path):
                self._write(line)
        except SinkError as error:
            if self._own or not isinstance(error.__cause__, BrokenPipeError):
                raise
            self._open = False  # nobody is left to be told who is gone
            raise error.__cause__ from None

    def _write(self, line: bytes) -> None:
        written = os.write(self._fd, line)
        if written == len(line):
            return
        try:
            os.write(self._fd, line[written:])  # says why the first one fell short
        except OSError:
            if stat.S_ISREG(os.fstat(self._fd).st_mode):
                os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_CUR) - written)
            raise


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

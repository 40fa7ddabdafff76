"""The window: shows scenes and gaps, and listens to keys."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Protocol

import cv2

from monitor.errors import SinkError
from monitor.files import write_whole
from monitor.sinks.display import display_problem
from monitor.types import U8, Gap, Scene

_NOTE_S = 2.5
_FIRST_SIZE_PX = (1280, 800)


class Painter(Protocol):
    """What the window needs of the overlay."""

    details: bool

    def redraw(self, scene: Scene) -> Scene: ...
    def draw_gap(self, gap: Gap, last: Scene | None) -> U8: ...
    def draw_help(self, canvas: U8) -> U8: ...
    def draw_note(self, canvas: U8, text: str) -> U8: ...


class Window:
    """One window. `quit` and `paused` say what the user wants; call `poll` where nothing is written for a while.

    While paused the picture stands still, whatever is written.
    """

    def __init__(self, title: str, overlay: Painter, snapshots: Path = Path("out")) -> None:
        problem = display_problem()
        if problem:
            raise SinkError(problem, hint="run with --headless, and with --record FILE to see the result afterwards")
        self.quit = False
        """Set by q, Esc and the window's close button; never taken back."""
        self.paused = False
        self._title, self._overlay, self._snapshots = title, overlay, snapshots
        self._scene: Scene | None = None
        self._picture: U8 | None = None
        self._help = False
        self._note, self._note_until = "", 0.0
        self._open = False
        self._stale = False

    def write(self, item: Scene | Gap) -> None:
        """Shows `item` unless paused, and looks for keys."""
        if not self.paused and not (isinstance(item, Gap) and item.state == "live"):
            if isinstance(item, Gap):
                self._picture = self._overlay.draw_gap(item, self._scene)
            else:
                self._scene = item
                self._picture = item.frame.bgr if item.canvas is None else item.canvas
            self._show()
        self.poll()

    def poll(self, wait_s: float = 0.0) -> None:
        """Handles the keys pressed by now, waiting up to `wait_s` for the first."""
        key = cv2.waitKeyEx(max(1, round(wait_s * 1e3))) if wait_s else cv2.pollKey()
        while key != -1:
            if (code := key & 0xFFFF) <= 0xFF:  # above are arrows and the like, and above that Shift and its kind
                self._press(chr(code).lower())
            key = cv2.pollKey()
        if self._open and not self._visible():
            self.quit = True
        if self._note and time.monotonic() > self._note_until:
            self._note, self._stale = "", True
        if self._stale and self._open and not self.quit:
            self._show()

    def close(self) -> None:
        """Takes the window away."""
        if self._open:
            self._open = False
            with contextlib.suppress(cv2.error):  # the user closed it already
                cv2.destroyWindow(self._title)
            cv2.pollKey()

    def _press(self, key: str) -> None:
        self._stale = True
        if key in ("q", "\x1b"):
            self.quit = True
        elif key == " ":
            self.paused = not self.paused
        elif key == "h":
            self._help = not self._help
        elif key == "d":
            self._overlay.details = not self._overlay.details
            if self._scene is not None and self.paused:
                self._picture = self._overlay.redraw(self._scene).canvas
        elif key == "s":
            self._save()

    def _save(self) -> None:
        """Stores the picture shown. A failure is told in the window: it is no reason to end a run."""
        if self._picture is None:
            return
        stem, path = time.strftime("snapshot-%Y%m%d-%H%M%S"), Path()
        for n in range(1, 100):
            path = self._snapshots / (f"{stem}.png" if n == 1 else f"{stem}-{n}.png")
            if not path.exists():
                break
        try:
            self._snapshots.mkdir(parents=True, exist_ok=True)
            write_whole(path, cv2.imencode(".png", self._picture)[1].tobytes())
            self._tell(f"saved {path}")
        except (OSError, SinkError) as error:
            self._tell(f"not saved: {error}")

    def _tell(self, text: str) -> None:
        self._note, self._note_until = text, time.monotonic() + _NOTE_S

    def _show(self) -> None:
        self._stale = False
        picture = self._picture
        if picture is None:
            return
        if not self._open:
            self._appear(picture)
        elif not self._visible():  # closed by its button: showing a picture would open it again
            self.quit = True
            return
        if self._help:
            picture = self._overlay.draw_help(picture)
        note = self._note or ("paused - space goes on" if self.paused else "")
        if note:
            picture = self._overlay.draw_note(picture, note)
        cv2.imshow(self._title, picture)

    def _appear(self, picture: U8) -> None:
        """Opens the window as large as the picture, within what most screens have."""
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        height, width = picture.shape[:2]
        scale = min(_FIRST_SIZE_PX[0] / width, _FIRST_SIZE_PX[1] / height, 2.0)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
        self._open = True

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            return False

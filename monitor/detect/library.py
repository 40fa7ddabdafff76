"""MediaPipe as a visitor: it brings no TensorFlow into the process and keeps its chatter to itself."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import IO, Any

UNWANTED = ("tensorflow", "sounddevice")
"""MediaPipe does without them (it asks TensorFlow for one documentation helper: 450 MB resident)."""
CHATTER = re.compile(
    rb"(INFO|WARNING): (\[\w+\.cc:\d+\]|Created TensorFlow Lite|Logging before InitGoogle|All log messages before absl)"
    rb"|[IW]\d{4} \d\d:\d\d:\d\d"
)


class _Later(ModuleType):
    """Stands for a module until somebody uses it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system asks is no use of it
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def import_mediapipe() -> tuple[Any, Any]:
    """(mediapipe, mediapipe.tasks.python), without the libraries that it imports but the detector never uses.

    What is already imported stays; afterwards all of them can be imported as ever.
    """
    stand_ins: dict[str, ModuleType | None] = dict.fromkeys(UNWANTED)  # None in sys.modules: cannot be found
    if "matplotlib" not in sys.modules:
        plots = _Later("matplotlib")
        stand_ins |= {"matplotlib": plots, "matplotlib.pyplot": _Later("matplotlib.pyplot")}
        plots.pyplot = stand_ins["matplotlib.pyplot"]  # type: ignore[attr-defined]
    mine = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules.update(mine)  # type: ignore[arg-type]
    try:
        return importlib.import_module("mediapipe"), importlib.import_module("mediapipe.tasks.python")
    finally:
        for name, stand_in in mine.items():
            if sys.modules.get(name) is stand_in:
                sys.modules.pop(name, None)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keeps the library's information off stderr while it starts or stops; all other lines are written afterwards.

    It has no switch for this: what it writes goes straight to file descriptor 2. Where there is no stderr, or nowhere
    to keep what is said, nothing is caught.
    """
    with ExitStack() as stack:
        catcher = _catcher(stack)
        if catcher is None:
            yield
            return
        caught, stderr = catcher
        sys.stderr.flush()
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            caught.seek(0)
            for line in caught:
                if not CHATTER.match(line):
                    os.write(2, line)


def _catcher(stack: ExitStack) -> tuple[IO[bytes], int] | None:
    """A file to catch in and another descriptor of stderr, both closed by `stack`; None where there is none of one."""
    if sys.stderr is None:
        return None
    try:
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        return stack.enter_context(tempfile.TemporaryFile()), stderr
    except OSError:
        return None

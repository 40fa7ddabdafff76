"""Which of the two libraries is here, and what it says while it works."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from engines.contract import RuntimeMissing

MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
"""Runtime -> its Python module; also the name of our extra, with rtx for the second."""
_EXTRAS = {"tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}
_KEPT = 200
"""Lines of warnings and errors: a build that goes wrong can say thousands."""


@dataclass(frozen=True, slots=True)
class Library:
    """TensorRT or TensorRT-RTX, loaded."""

    runtime: str
    trt: Any
    version: str

    @property
    def is_rtx(self) -> bool:
        return self.runtime == "tensorrt-rtx"


def load_library(runtime: str) -> Library:
    """The library of `runtime`, one of MODULES. Raises RuntimeMissing where it does not load."""
    if runtime not in MODULES:
        raise RuntimeMissing(f"{runtime} builds no plans", hint=f"those do: {', '.join(MODULES)}")
    try:
        trt = import_module(MODULES[runtime])
    except (ImportError, OSError) as error:
        hint = f'pip install "face-monitor[{_EXTRAS[runtime]}]"'
        raise RuntimeMissing(f"{runtime} cannot be loaded: {error}", hint=hint) from error
    return Library(runtime, trt, str(trt.__version__))


class Said:
    """What a library said: the report of layers, and the last warnings and errors.

    It may be told from several threads: each line is one append or one assignment.
    """

    def __init__(self) -> None:
        self.layers = ""
        """The report of a finished build; empty before."""
        self._wrong: deque[str] = deque(maxlen=_KEPT)

    def hear(self, severity: str, line: str) -> None:
        if line.startswith("Layers:"):
            self.layers = line
        elif severity in ("WARNING", "ERROR", "INTERNAL_ERROR"):
            self._wrong.append(line)

    def wrong(self) -> tuple[str, ...]:
        """Warnings and errors, the oldest first."""
        return tuple(self._wrong)

    def last(self, n: int = 2) -> str:
        """The last of them in one line."""
        return "; ".join(line.splitlines()[0] for line in self.wrong()[-n:]) or "it did not say why"


def logger_for(library: Library, said: Said) -> Any:
    """An ILogger of the library that tells `said`; it must outlive everything that is made with it."""
    trt = library.trt

    class Logger(trt.ILogger):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, line: str) -> None:
            said.hear(severity.name, line)

    return Logger()

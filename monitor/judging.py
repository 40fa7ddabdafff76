"""The engine asked on a thread beside the loop."""

from __future__ import annotations

import time
from time import perf_counter

from engines.contract import F32, U8, Engine, InferenceError
from monitor.classify import Pending
from monitor.threads import Answer, Caller

PATIENCE_S = 20.0
"""An engine that needs longer for one call hangs."""


class Beside:
    """Asks the engine on a thread of its own."""

    def __init__(self, engine: Engine, *, yields: bool) -> None:
        """`yields`: where processors are short, frames come first."""
        self._engine = engine
        self._caller = Caller(name="judge", yields=yields)

    def __call__(self, rgb: U8) -> Pending:
        """The answer to crops (N, px, px, 3), which must stay as they are until it is there."""
        return _Coming(self._caller.ask(timed, self._engine, rgb, timeout_s=PATIENCE_S))

    def close(self) -> None:
        """Waits a little for a call that was begun; what is asked afterwards raises RuntimeError."""
        self._caller.close()


class _Coming:
    def __init__(self, answer: Answer[tuple[F32, float]]) -> None:
        self._answer, self._asked_s = answer, time.monotonic()
        self._known: tuple[F32, float] | None = None

    @property
    def ready(self) -> bool:
        """Also where it hangs: `get` says so."""
        return self._known is not None or self._answer.ready or time.monotonic() - self._asked_s > PATIENCE_S

    def get(self) -> tuple[F32, float]:
        if self._known is not None:
            return self._known
        left_s = max(0.0, self._asked_s + PATIENCE_S - time.monotonic())
        try:
            self._known = self._answer.get(left_s)
        except TimeoutError as error:
            raise InferenceError(
                f"the engine did not answer within {PATIENCE_S:g} s",
                hint="the machine may be overloaded; run `monitor doctor`",
            ) from error
        return self._known


def timed(engine: Engine, rgb: U8) -> tuple[F32, float]:
    """Probabilities (N, K), and the seconds the engine took. Raises InferenceError."""
    begun = perf_counter()
    probs = engine.infer(rgb)
    return probs, perf_counter() - begun

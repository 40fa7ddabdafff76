"""Answers that do not end: pictures and states, the newest one each time a reader is ready for more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from monitor.kiosk.shown import Shown
from monitor.kiosk.web.pulse import Pulse

MOST_READERS = 48
"""Of one kind of stream at once."""
BEAT_S = 1.0
"""A state is told at least so often: silence means that the program is gone."""
STATE_FPS = 10.0
BOUNDARY = "monitor-picture"


class Pictures:
    """Each step drawn and encoded at most once, for however many readers; not at all where nobody looks."""

    def __init__(self, pulse: Pulse, draw: Callable[[Shown], bytes | None], most_fps: float) -> None:
        self._pulse, self._draw, self._least_s = pulse, draw, 1 / most_fps
        self._lock = asyncio.Lock()
        self._count, self._jpeg = -1, b""
        self._made_s = 0.0
        self.readers = 0

    async def after(self, count: int) -> tuple[int, bytes] | None:
        """(step, JPEG) later than step `count`; None at the end of the pictures."""
        if self._count > count:  # a reader who comes in does not wait with the others for the next one
            return self._count, self._jpeg
        async with self._lock:
            if self._count > count:
                return self._count, self._jpeg
            clock = asyncio.get_running_loop().time
            await asyncio.sleep(max(0.0, self._made_s + self._least_s - clock()))
            found = await self._pulse.after(max(count, self._count), 3 * BEAT_S)
            if found is None or found[1].camera != "live" or found[1].scene is None:
                return None
            self._made_s = clock()
            made = await run_in_threadpool(self._draw, found[1])
            if made is None:
                return None
            self._count, self._jpeg = found[0], made
            return self._count, self._jpeg

    def stream(self) -> Response:
        """The pictures as multipart/x-mixed-replace, which browsers show in an `img`."""
        if self.readers >= MOST_READERS:
            return too_many()
        return StreamingResponse(self._parts(), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")

    async def _parts(self) -> AsyncIterator[bytes]:
        count = -1
        with _counted(self):
            while (found := await self.after(count)) is not None:
                count, picture = found
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield head.encode() + picture + b"\r\n"


class States:
    """The state as server-sent events: at each change, and at least every BEAT_S."""

    def __init__(self, pulse: Pulse, newest: Callable[[], dict[str, Any]]) -> None:
        self._pulse, self._newest = pulse, newest
        self.readers = 0

    def stream(self) -> Response:
        if self.readers >= MOST_READERS:
            return too_many()
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[bytes]:
        last: Any = None
        last_s = 0.0
        clock = asyncio.get_running_loop().time
        with _counted(self):
            while not self._pulse.closed:
                told = self._newest()
                if (key := _what_matters(told)) != last or clock() - last_s >= BEAT_S:
                    last, last_s = key, clock()
                    yield f"data: {json.dumps(told)}\n\n".encode()
                await asyncio.sleep(1 / STATE_FPS)
                await self._pulse.after(told["seq"], BEAT_S - 1 / STATE_FPS)


def _what_matters(told: dict[str, Any]) -> Any:
    """Two states that are equal in this need not both be told."""
    visitors = [(visitor["person"], visitor["state"]) for visitor in told["visitors"]]
    return told["state"], told["overridden"], told["camera"]["state"], visitors


@contextmanager
def _counted(owner: Any) -> Any:
    owner.readers += 1
    try:
        yield
    finally:
        owner.readers -= 1


def too_many() -> Response:
    return JSONResponse({"error": "too many readers", "hint": "close other screens"}, 503, headers={"Retry-After": "5"})

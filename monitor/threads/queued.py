"""A slow sink off the main thread."""

from __future__ import annotations

from typing import Literal

from monitor.errors import SinkError
from monitor.ports import Sink
from monitor.threads.channel import Channel, finish, start
from monitor.types import Gap, Scene

MOST_BYTES = 128 << 20
"""Of pictures that wait, each with and without the overlay: ten scenes in Full HD."""


def _bytes_of(item: Scene | Gap) -> int:
    """Memory of the pictures an item holds."""
    if isinstance(item, Gap):
        return 0
    return item.frame.bgr.nbytes + (0 if item.canvas is None else item.canvas.nbytes)


class Queued:
    """A slow sink in its own thread, behind a FIFO of at most `depth` items and MOST_BYTES.

    `when_full`: "wait" makes `write` wait (at most `wait_s`, then SinkError), "drop" loses the oldest and counts it.
    """

    def __init__(
        self, sink: Sink, depth: int = 16, when_full: Literal["wait", "drop"] = "wait", *, wait_s: float = 30.0
    ) -> None:
        self.dropped = 0
        self._name = type(sink).__name__
        self._sink = sink
        self._drop = when_full == "drop"
        self._wait_s = wait_s
        self._todo: Channel[Scene | Gap] = Channel(depth, most_bytes=MOST_BYTES, bytes_of=_bytes_of)
        self._raised = self._closed = False
        self._thread = start(lambda: self._todo.serve(sink.write), self._todo.die, f"sink {self._name}")

    def write(self, item: Scene | Gap) -> None:
        """Hand `item` over. Raises what an earlier write raised in the thread, or SinkError where the sink hangs."""
        if not self._todo.stopped:
            if self._drop:
                self.dropped += self._todo.push(item)
                return
            if self._todo.put(item, timeout_s=self._wait_s):
                return
        self._reraise()
        raise SinkError(
            f"{self._name} took nothing for {self._wait_s:.0f} s" if not self._closed else f"{self._name} is closed",
            hint="Look whether the disk or the network it writes to still answers.",
        )

    def close(self) -> None:
        """Let it finish what is queued (at most `wait_s`), then close the sink. Raises an error nobody has seen yet."""
        if self._closed:
            return
        self._closed = True
        self._todo.end()
        finish(self._thread, self._release, self._wait_s)
        if not self._raised:
            self._reraise()

    def _release(self) -> None:
        self._todo.stop()
        self._sink.close()

    def _reraise(self) -> None:
        if self._todo.error is not None:
            self._raised = True
            raise self._todo.error

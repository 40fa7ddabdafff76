"""All cameras in the terminal: a line each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor.timing import Rate
from monitor.types import Gap, Scene

REFRESH_S, LINE_S = 0.25, 5.0
MOST_PEOPLE = 6


class Row:
    """What is known of one camera."""

    def __init__(self, name: str, classes: Sequence[str]) -> None:
        self.name, self._classes = name, tuple(classes)
        self.state, self.why = "connecting", ""
        self.frames = self.dropped = 0
        self.people = ""
        self._rate, self._last_index = Rate(window=60), -1

    def see(self, item: Scene | Gap, now: float) -> None:
        """Counts an item."""
        if isinstance(item, Gap):
            self.state, self.why, self.people = item.state, item.why, ""
            return
        self.state, self.why = "live", ""
        self.frames += 1
        if self._last_index >= 0:
            self.dropped += max(0, item.frame.index - self._last_index - 1)
        self._last_index = item.frame.index
        self._rate.tick(now)
        names = [
            f"#{track.id} {'undecided' if track.label is None else self._classes[track.label]}"
            for track in item.tracks[:MOST_PEOPLE]
        ]
        more = len(item.tracks) - len(names)
        self.people = ", ".join(names) + (f" and {more} more" if more > 0 else "")

    @property
    def told(self) -> str:
        """State, rate and losses in a few words."""
        if self.state != "live":
            return f"{self.state} ({self.why})" if self.why else self.state
        fps = self._rate.per_s
        return f"{f'{fps:.1f}' if fps else '-'} fps, {self.frames} frames, {self.dropped} dropped"


class SeveralTable:
    """A table that renews itself; plain lines every 5 s, and when a camera's state changes, without a terminal."""

    def __init__(
        self, names: Sequence[str], classes: Sequence[str], console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._rows = [Row(name, classes) for name in names]
        self._clock, self._console = clock, console or Console()
        self._shown_t, self._shown_states = float("-inf"), [""] * len(names)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        if self._console.is_terminal:
            self._live.start()

    def see(self, number: int, item: Scene | Gap) -> None:
        """What camera `number` shows."""
        self._rows[number].see(item, self._clock())

    def refresh(self) -> None:
        """Shows it, where it is time to."""
        now, states = self._clock(), [row.state for row in self._rows]
        pause_s = REFRESH_S if self._console.is_terminal else LINE_S
        if now - self._shown_t < pause_s and states == self._shown_states:
            return
        self._shown_t, self._shown_states = now, states
        if self._console.is_terminal:
            self._live.update(self._table(), refresh=True)
            return
        for row in self._rows:
            line = f"{row.name} · {row.told}" + (f" · {row.people}" if row.people else "")
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the last state on the screen."""
        if self._live.is_started:
            self._live.update(self._table(), refresh=True)
            self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("camera", "state", "people"):
            table.add_column(name)
        for row in self._rows:
            style = "" if row.state == "live" else "yellow"
            table.add_row(Text(row.name, style="bold"), Text(row.told, style=style), Text(row.people))
        return table

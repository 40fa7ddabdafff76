"""The live summary in the terminal, for machines without a display."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engines.contract import EngineInfo
from monitor.timing import Rate
from monitor.types import Gap, Scene, Track

_REFRESH_S, _LINE_S = 0.25, 5.0
_MOST_ROWS = 20
_SIGNS = {"real": ("✓", "green"), "fake": ("!", "bold red"), "mask": ("▣", "cyan"), None: ("?", "dim")}


class LiveTable:
    """Source, state, rate and everybody in the picture; a plain line every 5 s where nobody sits at a terminal."""

    def __init__(
        self,
        source: str,
        classes: Sequence[str],
        engine: EngineInfo | None = None,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._classes, self._clock = source, tuple(classes), clock
        self._engine = f"{engine.runtime} {engine.precision}" if engine else ""
        self._console = console or Console()
        self._rate = Rate(window=60)
        self._since: dict[int, float] = {}
        self._frames = self._dropped = 0
        self._last_index: int | None = None
        self._shown_t = float("-inf")
        self._shown_state = ""
        self._last: Scene | Gap | None = None
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        if self._console.is_terminal:
            self._live.start()

    def write(self, item: Scene | Gap) -> None:
        """Counts `item` and shows it, at most four times a second."""
        now = self._clock()
        if isinstance(item, Gap) and item.state == "live":
            return
        if isinstance(item, Scene):
            self._count(item, now)
        self._last = item
        state = item.state if isinstance(item, Gap) else "live"
        pause_s = _REFRESH_S if self._console.is_terminal else _LINE_S
        if now - self._shown_t >= pause_s or state != self._shown_state:
            self._shown_t, self._shown_state = now, state
            self._show(item)

    def close(self) -> None:
        """Leaves the last state on the screen."""
        if self._live.is_started:
            if self._last is not None:
                self._show(self._last)
            self._live.stop()

    def _count(self, scene: Scene, now: float) -> None:
        self._rate.tick(now)
        self._frames += 1
        if self._last_index is not None:
            self._dropped += max(0, scene.frame.index - self._last_index - 1)
        self._last_index = scene.frame.index
        self._since = {track.id: self._since.get(track.id, scene.frame.t) for track in scene.tracks}

    def _show(self, item: Scene | Gap) -> None:
        if self._console.is_terminal:
            self._live.update(self._table(item), refresh=True)
        else:
            self._console.print(self._line(item), highlight=False, markup=False, soft_wrap=True)

    def _state(self, item: Scene | Gap) -> str:
        if isinstance(item, Gap):
            return f"{item.state} for {item.since_s:.0f} s" + (f" ({item.why})" if item.why else "")
        fps = self._rate.per_s
        rate = f"{fps:.1f} fps" if fps else "- fps"
        return f"{rate} · {self._frames} frames · {self._dropped} dropped"

    def _line(self, item: Scene | Gap) -> str:
        tracks = item.tracks if isinstance(item, Scene) else ()
        people = ", ".join(f"#{track.id} {self._name(track)}{self._percent(track)}" for track in tracks[:_MOST_ROWS])
        return f"{self._source} · {self._state(item)}" + (f" · {people}" if people else "")

    def _table(self, item: Scene | Gap) -> Group:
        colour = "yellow" if isinstance(item, Gap) else "dim"
        title = Text.assemble((self._source, "bold"), "  ", (self._state(item), colour), "  ", (self._engine, "dim"))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("id", "label", "confidence", "for", "why"):
            table.add_column(name, justify="right" if name in ("id", "for") else "left")
        if isinstance(item, Scene):
            for track in item.tracks[:_MOST_ROWS]:
                sign, style = _SIGNS.get(self._class(track), ("•", "yellow"))
                held_s = item.frame.t - self._since.get(track.id, item.frame.t)
                table.add_row(
                    f"#{track.id}",
                    Text(f"{sign} {self._name(track)}", style=style),
                    self._bar(track, style),
                    f"{held_s:.0f} s",
                    Text(track.reason or "", style="dim"),
                )
            if len(item.tracks) > _MOST_ROWS:
                table.add_row("", f"and {len(item.tracks) - _MOST_ROWS} more")
        return Group(title, table)

    def _class(self, track: Track) -> str | None:
        return None if track.label is None else self._classes[track.label]

    def _name(self, track: Track) -> str:
        return self._class(track) or "undecided"

    def _percent(self, track: Track) -> str:
        if track.label is None or track.probs is None:
            return ""
        return f" {float(track.probs[track.label]):.0%}"

    def _bar(self, track: Track, style: str) -> Text:
        if track.probs is None:
            return Text("")
        share = float(track.probs.max() if track.label is None else track.probs[track.label])
        full, rest = ("█", "░") if self._console.encoding.lower().startswith("utf") else ("#", ".")
        filled = round(share * 10)
        return Text.assemble((full * filled, style), (rest * (10 - filled), "dim"), f" {share:4.0%}")


def standard_error() -> Console:
    """A console for runs whose standard output carries events."""
    return Console(file=sys.stderr)

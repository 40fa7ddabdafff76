"""What stands on the picture besides labels: the line of numbers, the stages, help, notes and a lost source."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engines.contract import EngineInfo
from monitor.ink import DIM, ORANGE, SKY, SOFT, UNDECIDED, WHITE, Bgr, Block, Ink, Look, Sprite
from monitor.timing import Rate
from monitor.types import Gap, Scene

KEYS = (
    ("q, Esc", "quit"),
    ("space", "pause and go on"),
    ("s", "save the picture shown"),
    ("d", "details"),
    ("h", "this help"),
)
_RUNTIMES = {"onnxruntime": "ONNX Runtime", "tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}
_REFRESH_S = 0.25
"""Numbers that change faster cannot be read."""


def card(ink: Ink, rows: Sequence[Sequence[Sprite]], px: int, columns_px: Sequence[int] = ()) -> Block:
    """A plate with rows of sprites; sprite i of a row starts after the widths of the columns before it."""
    side, row_px = round(px * 0.7), round(px * 1.5)
    placed, widest = [], 0
    for i, row in enumerate(rows):
        x = 0
        for j, sprite in enumerate(row):
            y = i * row_px + (row_px - sprite.height_px) // 2
            placed.append((sprite, side + x, round(px * 0.45) + y))
            widest = max(widest, x + sprite.width_px)
            x += columns_px[j] if j < len(columns_px) else sprite.width_px + round(px * 0.6)
    width, height = widest + 2 * side, len(rows) * row_px + round(px * 0.9)
    plate = ink.plate(width, height, round(px * 0.5), opacity=0.84)
    return Block(width, height, ((plate, 0, 0), *placed))


class Hud:
    """Counts what passes and says it in one line, at most four times a second."""

    def __init__(self, ink: Ink, engine: EngineInfo | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._ink, self._engine, self._clock = ink, engine, clock
        self._rate = Rate(window=60)
        self.dropped = 0
        self._last_index: int | None = None
        self._sums: dict[str, float] = {}
        self._means: dict[str, float] = {}
        self._scenes = 0
        self._shown: tuple[Block | None, Block | None] = (None, None)
        self._shown_t = float("-inf")
        self._shown_for: tuple[int, int, bool] | None = None

    def see(self, scene: Scene) -> None:
        """Counts `scene`: rate, age and dropped frames."""
        now = self._clock()
        self._rate.tick(now)
        if self._last_index is not None:
            self.dropped += max(0, scene.frame.index - self._last_index - 1)
        self._last_index = scene.frame.index
        live = scene.frame.wall is not None
        delay_ms = (now - scene.frame.t) * 1e3 if live else sum(scene.ms.values())
        self._scenes += 1
        for stage, ms in {"": delay_ms, **scene.ms}.items():
            self._sums[stage] = self._sums.get(stage, 0.0) + ms

    def blocks(self, live: bool, width_px: int, px: int, details: bool) -> tuple[Block | None, Block | None]:
        """The line of numbers (None where it does not fit) and, with details, the stages."""
        now, wanted = self._clock(), (width_px, px, details)
        if now - self._shown_t >= _REFRESH_S or wanted != self._shown_for:
            if self._scenes:
                self._means = {stage: ms / self._scenes for stage, ms in self._sums.items()}
                self._sums, self._scenes = {}, 0
            stages = self._stages(px) if details and len(self._means) > 1 else None
            self._shown = (self._numbers(live, width_px, px), stages)
            self._shown_t, self._shown_for = now, wanted
        return self._shown

    def _numbers(self, live: bool, width_px: int, px: int) -> Block | None:
        fps, delay_ms = self._rate.per_s, self._means.get("", 0.0)
        words: list[tuple[str, Bgr, int]] = [(f"{fps:.0f} fps" if fps else "- fps", WHITE, 560)]
        words.append((f"{delay_ms:.0f} ms {'behind' if live else 'a frame'}", SOFT, 420))
        words.append((f"{self.dropped} dropped", ORANGE if self.dropped else SOFT, 420))
        if self._engine:
            runtime = _RUNTIMES.get(self._engine.runtime, self._engine.runtime)
            words.append((f"{runtime} {self._engine.precision}", SOFT, 420))
        line = [self._ink.text(word, px, bgr, weight) for word, bgr, weight in words]
        while line:
            block = _pill(self._ink, line, px)
            if block.width_px + px <= width_px:
                return block
            line.pop()
        return None

    def _stages(self, px: int) -> Block:
        rows = [
            (self._ink.text(stage, px, DIM, 420), self._ink.text(f"{value:.1f} ms", px, SOFT, 420))
            for stage, value in self._means.items()
            if stage
        ]
        return card(self._ink, rows, px, columns_px=(max(row[0].width_px for row in rows) + px,))


def _pill(ink: Ink, words: Sequence[Sprite], px: int) -> Block:
    """Words on one line, a dot between them."""
    dot = ink.text("·", px, DIM, 700)
    gap, side = round(px * 0.28), round(px * 0.6)
    x, y, placed = side, round(px * 0.26), []
    for i, word in enumerate(words):
        if i:
            placed.append((dot, x + gap, y))
            x += dot.width_px + 2 * gap
        placed.append((word, x, y))
        x += word.width_px
    height = round(px * 1.82)
    plate = ink.plate(x + side, height, height // 2, opacity=0.72)
    return Block(x + side, height, ((plate, 0, 0), *placed))


def note_block(ink: Ink, text: str, px: int) -> Block:
    """One line said once: paused, saved."""
    return _pill(ink, [ink.text(text, px, WHITE, 500)], px)


def help_block(ink: Ink, looks: Sequence[Look], px: int) -> Block:
    """The keys and what the signs mean."""
    rows: list[tuple[Sprite, ...]] = [(ink.text(key, px, SKY, 600), ink.text(what, px, WHITE)) for key, what in KEYS]
    first = max(row[0].width_px for row in rows) + px
    rows.append(())
    for look in (*looks, UNDECIDED):
        rows.append((ink.icon(look.icon, round(px * 1.2), look.bgr), ink.text(look.name, px, WHITE, 420)))
    return card(ink, rows, px, columns_px=(first,))


def gap_block(ink: Ink, gap: Gap, px: int) -> Block:
    """Says which kind of gap it is, for how long, and why where that is known."""
    since = _duration(gap.since_s)
    what = {
        "connecting": ("Connecting", f"for {since}" if gap.since_s >= 1 else "one moment"),
        "stalled": ("No new picture", f"for {since}, waiting"),
        "lost": ("Signal lost", f"for {since}, reconnecting"),
    }
    title, rest = what.get(gap.state, (gap.state.capitalize(), f"for {since}"))
    heads = (ink.icon("unsure" if gap.state == "connecting" else "warn", round(px * 1.3), ORANGE),)
    rows: list[tuple[Sprite, ...]] = [(*heads, ink.text(title, px, WHITE, 600), ink.text(rest, px, SOFT, 420))]
    if gap.why:
        why = gap.why if len(gap.why) <= 60 else gap.why[:59] + "…"
        rows.append((ink.text(why, round(px * 0.8), DIM, 420),))
    return card(ink, rows, px)


def _duration(seconds: float) -> str:
    """12 s, 3 min, 2 h 5 min"""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"

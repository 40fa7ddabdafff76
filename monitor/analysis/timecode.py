"""The time on an annotated picture: of the footage, and on the clock where that is known."""

from __future__ import annotations

from datetime import datetime

from monitor.ink import SOFT, WHITE, Bgr, Block, Ink, Sprite

MOST = 0.02
"""Of the picture's area it covers no more."""
_LEAST_PX = 7
"""Smaller digits cannot be read."""


class TimeCode:
    """Plates with the time. One at a time: it keeps its digits."""

    def __init__(self, ink: Ink, begins: float | None) -> None:
        """`begins` is the clock at media time 0, seconds since 1970 UTC."""
        self._ink, self._begins = ink, begins

    def block(self, t: float, text_px: int, width_px: int, height_px: int) -> Block | None:
        """The plate for media time `t` on a picture of this size; None where that is too small for one."""
        words = [(_media_time(t), WHITE)]
        if self._begins is not None:
            words.append((_clock(self._begins + t), SOFT))
        largest = max(_LEAST_PX, round(text_px * 0.8))
        for many in range(len(words), 0, -1):
            for px in range(largest, _LEAST_PX - 1, -1):
                # The clock is rather left out than written so small.
                if many > 1 and px < min(largest, 10):
                    break
                block = self._plate(words[:many], px)
                if block.width_px * block.height_px <= MOST * width_px * height_px and block.width_px < width_px - px:
                    return block
        return None

    def _plate(self, words: list[tuple[str, Bgr]], px: int) -> Block:
        digit_px = max(self._ink.text(digit, px, WHITE, 450).width_px for digit in "0123456789") - 2
        x, y = round(px * 0.6), round(px * 0.26)
        placed: list[tuple[Sprite, int, int]] = []
        for text, bgr in words:
            for sign in text:
                if sign == " ":
                    x += round(px * 0.45)
                    continue
                sprite = self._ink.text(sign, px, bgr, 450)
                # All digits are as wide, so that the time does not twitch.
                wide = digit_px if sign.isdigit() else sprite.width_px - 2
                placed.append((sprite, x + (wide - sprite.width_px) // 2, y))
                x += wide
            x += round(px * 0.75)
        width, height = x - round(px * 0.15), round(px * 1.82)
        plate = self._ink.plate(width, height, height // 2, opacity=0.72)
        return Block(width, height, ((plate, 0, 0), *placed))


def _media_time(t: float) -> str:
    """h:mm:ss.mmm"""
    ms = int(t * 1000 + 0.001)
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _clock(moment: float) -> str:
    """The date and the local time."""
    return datetime.fromtimestamp(int(moment)).astimezone().strftime("%Y-%m-%d %H:%M:%S")

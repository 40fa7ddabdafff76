"""Moments and ages as people write them."""

from __future__ import annotations

import re
import time
from datetime import datetime

from monitor.errors import UsageError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])")


def age_s(text: str) -> float:
    """Seconds, from 90s, 15m, 12h, 30d or 4w. Raises UsageError."""
    found = _AGE.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is no age", hint="a number and s, m, h, d or w: 30d")
    return float(found[1]) * _UNITS_S[found[2]]


def moment(text: str, option: str) -> float:
    """Seconds since 1970 UTC, from a local date, a date with time (and perhaps zone), or an age. Raises UsageError."""
    if _AGE.fullmatch(text.strip().lower()):
        return time.time() - age_s(text)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{option} {text}: this is no moment", hint="2026-11-27, 2026-11-27T08:00 or 3d") from error

"""Tables that people open in a spreadsheet."""

from __future__ import annotations


def harmless(value: object) -> object:
    """Text that a spreadsheet would take for a formula begins with ' instead; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else value

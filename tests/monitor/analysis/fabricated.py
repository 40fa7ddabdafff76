"""Tables of frames made by hand, for what is drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.analysis.schema import Table, frames_schema, table

CLASSES = ("real", "fake", "mask")
Rect = tuple[float, float, float, float]


def row(
    t: float,
    person: int | None,
    box: Rect,
    label: str | None = "real",
    *,
    found: bool = True,
    picture: str | None = None,
) -> dict[str, Any]:
    """A face at `t`; of nobody where `person` is None."""
    known = person is not None
    values = dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))
    probs = {f"p_{name}": (0.9 if name == label else 0.05) if known else None for name in CLASSES}
    told = {"label": label if known else None, "reason": "few judgements" if label == "undecided" and known else None}
    return {"t": t, "frame": 0, "person": person, "score": 0.9, "found": found, "picture": picture,
            "was_fake": False if known else None, **values, **probs, **told}  # fmt: skip


def rows_table(rows: Sequence[dict[str, Any]]) -> Table:
    """By time, then person, as an analysis writes it."""
    ordered = sorted(rows, key=lambda r: (r["t"], r["person"] or 0))
    return table({name: [r[name] for r in ordered] for name in frames_schema(CLASSES).names}, frames_schema(CLASSES))

"""A result as one HTML file with everything in it, to pass on: it loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from pathlib import Path

from monitor.bench.facts import Report
from monitor.bench.plots import svg
from monitor.bench.tables import Grid, facts, grids

_HOLE = re.compile(r"\{\{(\w+)\}\}")


def page(report: Report) -> str:
    """The page: what was measured on what machine, the drawing, and all tables."""
    style = _read("page.css")
    main = report.main
    drawing = svg(report).decode()
    told = "".join(f"<dt>{html.escape(what)}</dt><dd>{html.escape(value)}</dd>" for what, value in facts(report))
    holes = {
        "title": html.escape(f"{main.fps:.1f} frames a second on {report.machine['cpu']}"),
        "fps": f"{main.fps:.1f}", "point": html.escape(main.point.key), "facts": told,
        "policy": f"default-src 'none'; img-src data:; style-src 'sha256-{_sha256(style)}'", "style": style,
        "drawing": f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}",
        "tables": "".join(_table(grid) for grid in grids(report)),
    }  # fmt: skip
    return _HOLE.sub(lambda hole: holes[hole[1]], _read("page.html"))


def _table(grid: Grid) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in grid.head)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>{"".join(f"<td>{html.escape(c)}</td>" for c in row[1:])}</tr>'
        for row in grid.rows
    )
    note = f"<p>{html.escape(grid.note)}</p>" if grid.note else ""
    title = html.escape(grid.title)
    return (
        f'<section><h2>{title}</h2>{note}<div class="wide" role="region" aria-label="{title}" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


@cache
def _read(name: str) -> str:
    return (Path(__file__).parent / "static" / name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

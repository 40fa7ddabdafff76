"""Parts of our self-contained pages: tables and charts that need nothing from outside and suit light and dark."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot

GREY = "#808080"
"""Readable on white and on black."""
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .7rem 0 1.4rem; } caption { text-align: left; color: gray; }
th, td { padding: .15rem .7rem; border-bottom: 1px solid #8885; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } h2 { margin-top: 2.2rem; } code { font-size: .85em; }
figure { margin: 0; } svg { max-width: 100%; height: auto; } .facts { color: gray; overflow-wrap: anywhere; }
"""


def text(value: object) -> str:
    """Escaped for HTML."""
    return html.escape(str(value))


def table(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """An HTML table; cells are escaped."""
    top = "".join(f"<th>{text(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    told = f"<caption>{text(caption)}</caption>" if caption else ""
    return f"<table>{told}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def lines(curves: Mapping[str, Sequence[Sequence[float]]], x: str, y: str, *, unit_square: bool = True) -> str:
    """A chart of named curves, y from 0 to 1, as inline SVG."""

    def draw(axis: Any) -> None:
        for name, points in curves.items():
            if points:
                marker = "" if len(points) > 20 else "."
                axis.plot([p[0] for p in points], [p[1] for p in points], label=name, marker=marker)
        axis.set_xlabel(x)
        axis.set_ylabel(y)
        axis.set_ylim(-0.02, 1.02)
        if unit_square:
            axis.set_xlim(-0.02, 1.02)
        axis.grid(color=GREY, alpha=0.25)
        axis.legend(frameon=False, labelcolor=GREY, fontsize=8)

    return _chart(draw)


def _chart(draw: Callable[[Any], None]) -> str:
    """An inline SVG without a background, in a grey that suits both."""
    colours = {"axes.edgecolor": GREY, "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
               "svg.fonttype": "none", "svg.hashsalt": "report"}  # fmt: skip
    with pyplot.rc_context(colours):
        figure, axis = pyplot.subplots(figsize=(4.6, 3.2), layout="constrained")
        try:
            draw(axis)
            out = io.StringIO()
            figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        finally:
            pyplot.close(figure)
    return "<figure>" + out.getvalue()[out.getvalue().index("<svg") :] + "</figure>"


def whole_page(title: str, parts: Sequence[str]) -> str:
    """The HTML document."""
    head = f'<meta charset="utf-8"><title>{text(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'

"""A result drawn, and results over time; Matplotlib is loaded only for this."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.bench.facts import BESIDE, Measured, Report
from monitor.bench.tables import short_keys

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"
"""Okabe and Ito's: told apart with any kind of colour vision."""
FRAME_MS = 1000 / 30
STYLE = {
    "svg.hashsalt": "monitor", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.titlelocation": "left",
    "axes.titleweight": "bold", "axes.titlesize": 11, "legend.frameon": False,
    "text.parse_math": False,  # a film's name may hold dollars
}  # fmt: skip
KEY_CHARACTERS = 44


def svg(report: Report) -> bytes:
    """A drawing of what was measured: rates, stages of the main point, live points. Equal for equal results."""
    recorded = [one for one in report.points if one.point.mode == "recorded"]
    live = [one for one in report.points if one.point.mode == "live"]
    heights = [0.5 * len(recorded) + 1.3, 0.32 * len(report.stage_ms) + 1.3, 0.5 * len(live) + 1.5]
    panels: list[tuple[Any, Any]] = [(_rates, recorded), (_stages, report), (_live, live)]
    drawn = [(panel, of, height) for (panel, of), height in zip(panels, heights, strict=True) if of]
    with _drawing() as plot:
        figure, axes = plot.subplots(
            len(drawn), figsize=(10, sum(height for *_, height in drawn)), squeeze=False, layout="constrained",
            height_ratios=[height for *_, height in drawn],
        )  # fmt: skip
        for (panel, of, _), ax in zip(drawn, axes[:, 0], strict=True):
            panel(ax, of)
        return _saved(plot, figure)


def history_svg(lines: Mapping[str, Sequence[tuple[str, float, float, float]]], unit: str) -> bytes:
    """{name of a line: (when and what, lowest, median, highest)} over time, oldest first."""
    whens = sorted({when for points in lines.values() for when, *_ in points})
    with _drawing() as plot:
        labels = {name: "\n".join(textwrap.wrap(name, 100)) for name in lines}
        below = 0.17 * sum(label.count("\n") + 1 for label in labels.values())
        figure, ax = plot.subplots(figsize=(max(8.0, 2.5 + 0.9 * len(whens)), 4.5 + below), layout="constrained")
        for number, (name, points) in enumerate(lines.items()):
            x = [whens.index(when) for when, *_ in points]
            middle = [p[2] for p in points]
            apart = [[p[2] - p[1] for p in points], [p[3] - p[2] for p in points]]
            colour, marker = (BLUE, ORANGE, GREEN, GREY)[number % 4], "osD^v"[number // 4 % 5]
            style = {"color": colour, "marker": marker, "markersize": 5, "capsize": 3, "lw": 1.4}
            ax.errorbar(x, middle, apart, label=labels[name], **style)
        ax.set_xticks(range(len(whens)), whens, rotation=30, ha="right")
        ax.set_ylim(bottom=0)
        ax.set_ylabel(unit)
        ax.grid(axis="y", alpha=0.3)
        ax.set_title("Rounds' median, lowest and highest")
        if lines:
            figure.legend(loc="outside lower left", fontsize=8)
        return _saved(plot, figure)


def _drawing() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return _Style(matplotlib, pyplot)


class _Style:
    """Our style, for as long as it is drawn."""

    def __init__(self, matplotlib: Any, pyplot: Any) -> None:
        self._context, self._pyplot = matplotlib.rc_context(STYLE), pyplot

    def __enter__(self) -> Any:
        self._context.__enter__()
        return self._pyplot

    def __exit__(self, *error: Any) -> None:
        self._pyplot.close("all")
        self._context.__exit__(*error)


def _saved(plot: Any, figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "face-monitor"})
    plot.close(figure)
    return file.getvalue()


def _rates(ax: Any, points: Sequence[Measured]) -> None:
    names = _names(points)
    medians = [one.fps for one in points]
    lows = [one.fps - min(s.fps for s in one.rounds) for one in points]
    highs = [max(s.fps for s in one.rounds) - one.fps for one in points]
    colours = [GREY if one.point.program != "monitor" else BLUE for one in points]
    ax.barh(names, medians, xerr=[lows, highs], color=colours, height=0.62, error_kw={"capsize": 3, "lw": 1})
    for y, (value, high) in enumerate(zip(medians, highs, strict=True)):
        _beside(ax, value + high, y, f"{value:.1f}")
    ax.invert_yaxis()
    ax.set_xlabel("frames a second: median of the rounds, lowest and highest")
    ax.set_title(_title("Recorded, as fast as it goes", points))
    ax.grid(axis="x", alpha=0.3)
    ax.margins(x=0.12)


def _stages(ax: Any, report: Report) -> None:
    stages = {name: spread for name, spread in report.stage_ms.items() if name != "read"}
    names = [f"{name} (beside)" if name in BESIDE else name for name in stages]
    p50, p95 = ([getattr(spread, q) for spread in stages.values()] for q in ("p50", "p95"))
    ax.barh(names, p95, color=ORANGE, alpha=0.35, height=0.62, label="p95")
    ax.barh(names, p50, color=ORANGE, height=0.62, label="p50")
    for y, (low, high) in enumerate(zip(p50, p95, strict=True)):
        _beside(ax, high, y, f"{low:.2f} / {high:.2f}")
    ax.invert_yaxis()
    ax.set_xlabel("milliseconds, each time it happens")
    ax.set_title("Stages: " + report.main.point.key)
    ax.grid(axis="x", alpha=0.3)
    ax.margins(x=0.16)
    ax.legend(loc="lower right")


def _live(ax: Any, points: Sequence[Measured]) -> None:
    names = _names(points)
    p50, p95 = ([getattr(one.frame_ms, q) for one in points] for q in ("p50", "p95"))
    ax.barh(names, p95, color=GREEN, alpha=0.35, height=0.62, label="p95")
    ax.barh(names, p50, color=GREEN, height=0.62, label="p50")
    for y, one in enumerate(points):
        _beside(ax, one.frame_ms.p95, y, f"{one.dropped_share:.2%} lost")
    ax.axvline(FRAME_MS, color=GREY, ls="--", lw=1, label="30 frames a second")
    ax.invert_yaxis()
    ax.set_xlabel("milliseconds that a frame keeps the loop")
    ax.set_title(_title("Live, at the frames' own rate", points))
    ax.grid(axis="x", alpha=0.3)
    ax.margins(x=0.14)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22 if len(points) < 5 else -0.12), ncols=3)


def _beside(ax: Any, x: float, y: float, text: str) -> None:
    """Written right of the end of a bar."""
    ax.annotate(text, (x, y), xytext=(7, 0), textcoords="offset points", va="center")


def _names(points: Sequence[Measured]) -> list[str]:
    """Of bars: what tells these points apart."""
    names, _ = short_keys([one.point for one in points])
    return ["\n".join(textwrap.wrap(name, KEY_CHARACTERS)) for name in names]


def _title(what: str, points: Sequence[Measured]) -> str:
    """With what all points share."""
    shared = short_keys([one.point for one in points])[1].removeprefix("recorded").removeprefix(", ")
    return f"{what}: {shared}" if shared else what

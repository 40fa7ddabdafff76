"""A result as tables: for the terminal, for a page, and for pasting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from monitor.bench.compare import Comparison
from monitor.bench.facts import Measured, Point, Report, Spread

NONE = "–"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table, whatever it is shown in; the first column is text, the others are numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def grids(report: Report) -> Iterator[Grid]:
    """The tables of a result, those that have rows."""
    names, shared = short_keys([one.point for one in report.points])
    rows = tuple(_point(one, name, report) for one, name in zip(report.points, names, strict=True))
    ratio = ("× plain loop",) if report.ratio_to_baseline else ()
    head = ("point", "fps", "spread", "p50 ms", "p95", "p99", "lost", "age p95", "judged/s", "cpu", *ratio)
    note = "medians of the rounds; what a frame keeps the loop, and the age of the picture shown, in ms"
    yield Grid("Points" + (f": {shared}" if shared else ""), head, rows, note)
    yield _stages(report.main.point.key, report.stage_ms)
    live = next((one for one in report.points if one.point.mode == "live"), None)
    if live is not None and live is not report.main:
        yield _stages(live.point.key, live.stage_ms)
    yield from _stress(report)
    yield from _roofline(report)
    if report.soak:
        keys = tuple(report.soak[0])
        yield Grid("On end", keys, tuple(tuple(_number(row.get(key)) for key in keys) for row in report.soak))
    if report.left_out:
        yield Grid("Left out", ("point", "why"), report.left_out)


def _stages(key: str, stage_ms: Mapping[str, Spread]) -> Grid:
    rows = tuple((name, *(f"{ms:.2f}" for ms in (s.p50, s.p95, s.p99))) for name, s in stage_ms.items())
    return Grid(f"Stages: {key}", ("stage", "p50 ms", "p95", "p99"), rows)


def compared(found: Comparison) -> Grid:
    """The comparison as a table."""
    rows = tuple(
        (row.key, f"{row.old:.4g}", f"{row.new:.4g} {row.unit}", f"{row.ratio:.3f}", f"± {row.band:.1%}", row.verdict)
        for row in found.rows
    )
    notes = [*found.warnings, *(f"only now: {key}" for key in found.only_new)]
    notes += [f"only then: {key}" for key in found.only_old]
    rows += tuple((key, NONE, NONE, NONE, NONE, f"fails now: {why}") for key, why in found.failed)
    head = ("point", "then", "now", "speed ×", "noise", "verdict")
    return Grid("Compared with the earlier result", head, rows, "; ".join(notes))


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """(what, its value) of the machine, the program and the labels."""
    machine, made = report.machine, report.provenance
    yield "machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB"
    if machine.get("gpu"):
        yield "gpu", str(machine["gpu"].get("name"))
    yield "system", f"{machine['os']}, kernel {machine['kernel']}, Python {machine['python']}"
    yield "power and heat", ", ".join(_power(machine)) or "no sensor tells"
    engine = made["engine"]
    yield "engine", f"{made['bundle']}, {engine['runtime']} {engine['precision']}"
    yield "threads", ", ".join(f"{name} {n}" for name, n in made["threads"].items())
    commit = f" at {made['commit']}" if made["commit"] else ""
    yield "program", f"{made['program']}{commit}, {made['date']}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    agreed = report.label_agreement
    if agreed and agreed["share"] is not None:
        yield (
            "labels",
            (
                f"{agreed['share']:.2%} of {agreed['track_seconds']:.0f} s of people labelled as if all were judged in"
                f" every picture, with {agreed['judgements']} judgements for {agreed['judgements_every_face']}"
            ),
        )
    for note in report.notes:
        yield "note", note


def _power(machine: Mapping[str, Any]) -> Iterator[str]:
    if machine.get("mhz"):
        yield f"{machine['mhz']:.0f} MHz"
    if machine.get("temperature_c"):
        yield f"{machine['temperature_c']:.0f} °C"
    for name in ("governor", "power_mode"):
        if machine.get(name):
            yield f"{name.replace('_', ' ')} {machine[name]}"
    if battery := machine.get("battery"):
        yield "plugged in" if battery["plugged"] else f"on battery, {battery['percent']:.0f} %"
    if machine.get("virtual"):
        yield f"virtual machine ({machine['virtual']})"
    if machine.get("container"):
        yield "in a container"


def terminal(report: Report) -> Iterator[RenderableType]:
    """The result for a terminal."""
    for what, value in facts(report):
        yield Text.assemble((f"{what:<15} ", "dim"), value)
    for grid in grids(report):
        yield rich_table(grid)


def rich_table(grid: Grid) -> RenderableType:
    """A grid for a terminal."""
    caption = Text(grid.note) if grid.note else None
    table = Table(
        title=Text(grid.title, style="bold"), title_justify="left", caption=caption, caption_justify="left",
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    for i, name in enumerate(grid.head):
        table.add_column(
            Text(name), justify="left" if i == 0 else "right", overflow="fold", min_width=14 if i == 0 else 3
        )
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(report: Report) -> str:
    """The result for an issue or a page of notes."""
    lines = [f"- **{what}**: {_cell(value)}" for what, value in facts(report)]
    for grid in grids(report):
        lines += ["", f"### {_cell(grid.title)}", "", *markdown_table(grid)]
    return "\n".join(lines) + "\n"


def markdown_table(grid: Grid) -> list[str]:
    """A grid in Markdown, line by line."""
    lines = [_line(grid.head), _line(["---", *["---:"] * (len(grid.head) - 1)])]
    lines += [_line([_cell(cell) for cell in row]) for row in grid.rows]
    return lines + (["", _cell(grid.note)] if grid.note else [])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def short_keys(points: Sequence[Point]) -> tuple[list[str], str]:
    """The points' keys without what all of them share, and that."""
    keys = [point.key.split(", ") for point in points]
    shared = [part for part in keys[0] if all(part in key for key in keys)] if len(keys) > 1 else []
    names = [", ".join(part for part in key if part not in shared) or key[0] for key in keys]
    return names, ", ".join(shared)


def _point(one: Measured, name: str, report: Report) -> tuple[str, ...]:
    live = one.point.mode == "live"
    ratios = report.ratio_to_baseline
    judged, cpu = (median(getattr(s, name) for s in one.rounds) for name in ("judgements_per_s", "cpu_share"))
    return (
        name, f"{one.fps:.1f}", f"{one.spread:.1%}", f"{one.frame_ms.p50:.1f}", f"{one.frame_ms.p95:.1f}",
        f"{one.frame_ms.p99:.1f}", f"{one.dropped_share:.2%}" if live else NONE,
        NONE if one.age_ms is None else f"{one.age_ms.p95:.1f}", f"{judged:.1f}", f"{cpu:.0%}",
        *([f"{ratios[one.point.key]:.1f}" if one.point.key in ratios else NONE] if ratios else []),
    )  # fmt: skip


def _stress(report: Report) -> Iterator[Grid]:
    stress = report.stress
    for what in ("faces", "cameras") if stress else ():
        tried = stress[what]["tried"]  # type: ignore[index]
        rows = tuple(
            (str(t[what]), f"{t['fps']:.1f}", f"{t['dropped_share']:.2%}", f"{t['frame_p95_ms']:.1f}") for t in tried
        )
        held, rate = stress[what]["held"], stress["rate_fps"]  # type: ignore[index]
        named = what if held != 1 else what.removesuffix("s")
        yield Grid(f"Held at {rate:g} fps: {held} {named}", (what, "fps", "lost", "frame p95 ms"), rows, stress["rule"])  # type: ignore[index]


def _roofline(report: Report) -> Iterator[Grid]:
    roof = report.roofline
    if not roof:
        return
    peaks = f"int8 {roof['int8_gops']:.0f}, fp32 {roof['fp32_gops']:.0f} thousand million operations a second; "
    rows = tuple(
        (s["stage"], f"{s['ms']:.2f}", _number(s["gops"]), _share(s["peak_share"]), _number(s["moved_mb"]),
         _share(s["bandwidth_share"]), s["bound"])
        for s in roof["stages"]
    )  # fmt: skip
    head = ("stage", "ms each time", "Gop", "of the peak", "MB moved", "of the bandwidth", "bound by")
    gpu = roof["gpu"]
    on_gpu = "" if gpu is None else f"; GPU {gpu['precision']} {gpu['gops']:.0f}, {gpu['memory_gbps']:.0f} GB/s"
    note = f"{peaks}memory {roof['memory_gbps']:.1f} GB/s{on_gpu}"
    yield Grid("Against the most this machine can do", head, rows, note)


def _number(value: Any) -> str:
    return NONE if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"

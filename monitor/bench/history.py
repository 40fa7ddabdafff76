"""Results kept beside each other, and drawn over time: did it get slower since spring?"""

from __future__ import annotations

import json
import re
from pathlib import Path

from monitor.bench.compare import read_report
from monitor.bench.facts import Report
from monitor.bench.plots import history_svg
from monitor.errors import UsageError
from monitor.files import told_as_sink_error, write_whole

DRAWING = "bench-history.svg"


def store(report: Report, folder: Path) -> Path:
    """Writes the result as bench-MACHINE-DATE-VERSION.json, with a number where that is there. Raises SinkError."""
    machine = re.sub(r"[^a-z0-9]+", "-", f"{report.machine['cpu']} {report.machine['cores']}".lower()).strip("-")
    stem = f"bench-{machine}-{report.provenance['date'][:10]}-{report.provenance['program']}"
    with told_as_sink_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    names = (folder / (f"{stem}.json" if n == 1 else f"{stem}-{n}.json") for n in range(1, 1000))
    path = next(name for name in names if not name.exists())
    write_whole(path, as_bytes(report))
    return path


def as_bytes(report: Report) -> bytes:
    """The JSON of a result."""
    return (json.dumps(report.as_json(), indent=1, allow_nan=False) + "\n").encode()


def write_history(folder: Path) -> tuple[str, ...]:
    """Draws all results of the folder into bench-history.svg; says which could not be read. Raises SinkError."""
    reports, unread = [], []
    for path in sorted(folder.glob("bench-*.json")):
        try:
            reports.append(read_report(path))
        except UsageError as error:
            unread.append(str(error))
    reports.sort(key=lambda report: str(report.provenance["date"]))
    lines: dict[str, list[tuple[str, float, float, float]]] = {}
    for report in reports:
        date, program = str(report.provenance["date"]), report.provenance["program"]
        for one in report.points:
            if one.point.program == "monitor" and one.point.mode == "recorded":
                rates = [sample.fps for sample in one.rounds]
                name = f"{report.machine['cpu']}, {report.machine['cores']} cores: {one.point.key}"
                when = f"{date[:16].replace('T', ' ')} · {program}"
                lines.setdefault(name, []).append((when, min(rates), one.fps, max(rates)))
    write_whole(folder / DRAWING, history_svg(lines, "frames a second, recorded"))
    return tuple(unread)

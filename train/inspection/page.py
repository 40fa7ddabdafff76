"""The data report as a page. It holds no picture of anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train.html import table, text, whole_page
from train.inspection.facts import SHARP_PX
from train.inspection.probe import FOLDS, LEAST
from train.near_duplicates import FINE_BITS


def page(report: Mapping[str, Any], prepare: Mapping[str, Any]) -> str:
    """HTML of what `train.inspection.inspect` found and `prepare.json` says."""
    rule = prepare.get("split_rule", "")
    facts = f"{report['pictures']} pictures; manifest sha256 <code>{report['manifest_sha256']}</code><br>{text(rule)}"
    lost = f"{prepare.get('unreadable', 0)} unreadable, {prepare.get('missing', 0)} missing (listed beside this page)"
    parts = [
        "<h1>The prepared pictures</h1>", f'<p class="facts">{facts}<br>{text(lost)}</p>', _alarms(report["alarms"]),
        "<h2>By source and class</h2>", *_cells(report["cells"]), *_duplicates(report["duplicates"]),
        *_probe(report["probe"]),
    ]  # fmt: skip
    return whole_page("The prepared pictures", parts)


def _alarms(told: Sequence[str]) -> str:
    items = "".join(f"<li>{text(alarm)}</li>" for alarm in told) or "<li>nothing</li>"
    return f"<h2>To look at before training</h2><ul>{items}</ul>"


def _cells(cells: Mapping[str, Any]) -> list[str]:
    counts = [
        [name, c["pictures"], c["groups"], *(c["split"].get(s, 0) for s in ("train", "val", "test")),
         *(c["face"].get(how, 0) for how in ("whole", "padded", "none"))]
        for name, c in cells.items()
    ]  # fmt: skip
    looks = [
        [name, ", ".join(c["formats"]), *(_spread(c[what]) for what in
         ("longer_side_px", "face_px", "jpeg_quality", "sharpness", "brightness"))]
        for name, c in cells.items()
    ]  # fmt: skip
    first = ["source / class", "pictures", "groups", "train", "val", "test", "face found", "after padding", "not found"]
    then = ["source / class", "format", "longer side, px", "face, px", "JPEG quality", "sharpness", "brightness"]
    told = f"Median, and in brackets the middle 80 %. Sharpness: variance of the Laplacian at {SHARP_PX} px."
    return [table(first, counts), table(then, looks, told)]


def _spread(values: Sequence[float] | None) -> str:
    return "" if values is None else f"{values[2]:g} ({values[1]:g} to {values[3]:g})"


def _duplicates(found: Mapping[str, Any]) -> list[str]:
    rows = [[f"within {source}", n] for source, n in found["within"].items()]
    rows += [[f"across sources: {pair}", n] for pair, n in found["across_sources"].items()]
    rows += [[f"across classes: {pair}", n] for pair, n in found["across_classes"].items()]
    rows += [["in clusters across splits", found["across_splits"]], ["equal files", found["equal_files"]],
             ["groups in more than one split", found["groups_across_splits"]]]  # fmt: skip
    told = f"{found['clusters']} clusters by difference hash, also mirrored, at most {FINE_BITS} of 256 bits apart."
    return ["<h2>Near-duplicates</h2>", table(["where", "pictures"], rows, told)]


def _probe(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return [f"<h2>Source probe</h2><p>It takes two sources of {LEAST} pictures and {FOLDS} groups or more.</p>"]
    rows = [
        [name, f"{row['before']['chance']:.1%}", f"{row['before']['accuracy']:.1%}", f"{row['after']['accuracy']:.1%}"]
        for name, row in found.items()
    ]
    told = (
        "<p>How well a logistic regression on simple features (a small picture, frequency bands, noise, colour) tells "
        "the source of a crop. Whatever it can use, a network can use. Equalised: as training shows it.</p>"
    )
    recalls = []
    for name, row in found.items():
        before, after = row["before"]["recall"], row["after"]["recall"]
        cells = [[source, f"{before[source]:.1%}", f"{after[source]:.1%}"] for source in before]
        recalls.append(table(["source", "as stored", "equalised"], cells, f"{name}, by source"))
    return ["<h2>Source probe</h2>", told, table(["", "chance", "as stored", "equalised"], rows), *recalls]

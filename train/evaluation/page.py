"""The evaluation report as one page: self-contained, offline, in the reader's light or dark colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.html import lines, table, text, whole_page


def page(report: Mapping[str, Any]) -> str:
    """HTML of what `train.evaluation.gather` gathered."""
    about = report["about"]
    title = f"{about['bundle']}, version {about['version']}, on the {about['split']} split"
    parts = [f"<h1>{text(title)}</h1>", _facts(about), _precisions(report), _classes(report), _sources(report),
             _confusion(report), _class_curves(report), _reliability(report), _risk(report)]  # fmt: skip
    if "robustness" in report:
        parts.append(_robustness(report["robustness"]))
    return whole_page(title, parts)


def _facts(about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    facts = (
        f"{about['architecture']}; bundle sha256 <code>{about['sha256']}</code>",
        f"{about['pictures']} pictures of {about['groups']} groups",
        f"manifest sha256 <code>{about['manifest_sha256']}</code>",
        text(about["split_rule"]),
        "Probabilities are for an even mix of classes, before the site's mix is applied.",
        f"{text(about['date'])}, {text(about['machine'])}, {text(versions)}",
    )
    return f'<p class="facts">{"<br>".join(facts)}</p>'


def _range(report: Mapping[str, Any], name: str) -> str:
    found = report["intervals"].get(name)
    return "" if found is None else f"{found[0]:.3f} to {found[1]:.3f}"


def _precisions(report: Mapping[str, Any]) -> str:
    rows = [
        [name, f"{row['accuracy']:.3f}", f"{row['macro_f1']:.3f}", f"{row['ece']:.3f}", f"{row['agreement']:.2%}",
         f"{row['max_dp']:.3f}", f"{row['mean_dp']:.4f}"]
        for name, row in report["precisions"].items()
    ]  # fmt: skip
    rows.append(["95 % interval", *(_range(report, n) for n in ("accuracy", "macro_f1", "ece")), "", "", ""])
    first = next(iter(report["precisions"]))
    head = ["precision", "accuracy", "macro F1", "ECE", f"same answer as {first}", "largest |dp|", "mean |dp|"]
    caption = "Intervals, here and below: bootstrap over groups (a person, a pair, a cluster of near-duplicates)."
    return "<h2>In all</h2>" + table(head, rows, caption)


def _first(report: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    name = next(iter(report["precisions"]))
    return name, report["precisions"][name]


def _classes(report: Mapping[str, Any]) -> str:
    name, found = _first(report)
    rows = [
        [k, row["n"], f"{row['precision']:.3f}", f"{row['recall']:.3f}", f"{row['f1']:.3f}", _range(report, f"f1 {k}"),
         _number(report["curves"][k]["eer"])]
        for k, row in found["by_class"].items()
    ]  # fmt: skip
    head = ["class", "pictures", "precision", "recall", "F1", "95 % interval", "equal error rate"]
    return f"<h2>By class, {name}</h2>" + table(head, rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _sources(report: Mapping[str, Any]) -> str:
    name, found = _first(report)
    cells = [[cell, int(row["n"]), f"{row['recall']:.3f}"] for cell, row in found["by_source"].items()]
    areas = [
        [source, f"{area:.3f}", _range(report, f"auc {source}"), _number(report["fakes"].get(source, {}).get("eer"))]
        for source, area in found["auc"].items()
    ]
    curves = {source: row["roc"] for source, row in report["fakes"].items()}
    chart = lines(curves, "false alarms", "fakes found") if curves else ""
    return (
        f"<h2>By source, {name}</h2>" + table(["source / class", "pictures", "recall"], cells)
        + "<h3>Real against fake within a source</h3>"
        + table(["source", "AUC", "95 % interval", "equal error rate"], areas) + chart
    )  # fmt: skip


def _confusion(report: Mapping[str, Any]) -> str:
    _, found = _first(report)
    names = list(found["by_class"])
    rows = [[name, *row] for name, row in zip(names, found["confusion"], strict=True)]
    return "<h2>Confusion</h2>" + table(["truth \\ answer", *names], rows)


def _class_curves(report: Mapping[str, Any]) -> str:
    roc = {name: row["roc"] for name, row in report["curves"].items()}
    pairs = {name: row["precision_recall"] for name, row in report["curves"].items()}
    return (
        "<h2>Each class against the others</h2>" + lines(roc, "false positive rate", "true positive rate")
        + lines(pairs, "recall", "precision")
    )  # fmt: skip


def _reliability(report: Mapping[str, Any]) -> str:
    curves = {
        f"{when} scaling (ECE {found['ece']:.3f})": [row[:2] for row in found["bins"]]
        for when, found in report["reliability"].items()
    }
    shifted = " after a shift of each class" if report["shift"] else ""
    told = f"One temperature, {report['temperature']:.3f}, fitted on the validation split, divides the logits{shifted}."
    drawn = lines({"ideal": [[0, 0], [1, 1]], **curves}, "confidence", "share right")
    return f"<h2>Calibration</h2><p>{told}</p>" + drawn


def _risk(report: Mapping[str, Any]) -> str:
    curves, rows = {}, []
    for name, found in report["risk_coverage"].items():
        if found is None:
            continue
        split = report["about"]["split"] if name == "here" else name
        curves[split] = found["points"]
        rows.append([split, f"{found['confidence']:.2f}", f"{found['decided']:.1%}", f"{1 - found['decided']:.1%}",
                     "" if found["wrong_of_decided"] is None else f"{found['wrong_of_decided']:.1%}"])  # fmt: skip
    head = ["split", "undecided below", "decided", "undecided", "wrong of the decided"]
    limit = report["limit"][0].upper() + report["limit"][1:]
    told = (
        f"<p>{text(limit)}, among the pictures it was calibrated with and with their classes weighted. "
        "Here every picture counts alike.</p>"
    )
    return "<h2>Undecided</h2>" + told + table(head, rows) + lines(curves, "share decided", "share wrong of those")


def _robustness(found: Mapping[str, Any]) -> str:
    parts = [f"<h2>When pictures get worse</h2><p>{found['pictures']} pictures, {found['precision']}.</p>"]
    for name, kind in found["kinds"].items():
        curves = {
            "macro F1": [[p["at"], p["macro_f1"]] for p in kind["points"]],
            "AUC, mean over sources": [[p["at"], p["mean_auc"]] for p in kind["points"] if p["mean_auc"] is not None],
        }
        parts.append(lines(curves, f"{name} {kind['unit']}".strip(), "", unit_square=False))
    return "".join(parts)

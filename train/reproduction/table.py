"""The results side by side: the paper, its protocol here, the honest twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.reproduction.experiment import Experiment

NOTE = (
    "VGG16 does not leave chance from random weights without normalisation: batch normalisation while training, folded "
    "into the weights before measuring, in every run. As the paper did: copies first, then a split by chance. Honest: "
    "near-duplicates stay together, copies are made of training pictures only, validation and test pictures are "
    "originals. Whole pictures, resized; no face is cut out."
)

Results = Mapping[str, Mapping[str, Any]]
"""Run (`e`, `e-honest`) -> result."""


def summary(experiments: Mapping[str, Experiment], results: Results, schedule: str) -> dict[str, Any]:
    """What reproduce.json holds: {experiment: {schedule, paper, as_paper, honest, ...}}."""
    return {
        name: {
            "schedule": schedule, "paper": dict(experiment.paper) or None, "as_paper": _short(results.get(name)),
            "honest": _short(results.get(f"{name}-honest")),
        }
        for name, experiment in experiments.items() if name in results or f"{name}-honest" in results
    }  # fmt: skip


def _short(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    left_out = {"recipe", "confusion", "by_class"}
    return None if result is None else {k: v for k, v in result.items() if k not in left_out}


def report(experiments: Mapping[str, Experiment], results: Results, schedule: str) -> str:
    """Markdown: the table, then a classification report for every run."""
    first = next(iter(results.values()))
    lines = [f"Schedule `{schedule}`, {first['input_px']} px, weights `{first['weights']}`. {NOTE}", ""]
    lines += ["| | experiment | pictures seen | paper | as the paper did | test pictures with a version in training "
              "| honest |", "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, experiment in experiments.items():
        plain, twin = results.get(name), results.get(f"{name}-honest")
        if plain is None and twin is None:
            continue
        seen, crossing = (plain or twin or {})["pictures"], ""
        if plain is not None:
            crossing = f"{plain['test_pictures_with_a_version_in_training']} of {plain['split']['test']}"
        cells = [name, experiment.title, str(seen), _cell(experiment.paper), _cell(plain), crossing, _cell(twin)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Cells: accuracy / macro F1.", ""]
    for name, result in results.items():
        lines += [f"### {name}", "", *_classes(result), ""]
    return "\n".join(lines)


def _cell(result: Mapping[str, Any] | None) -> str:
    if not result:
        return ""
    f1 = result.get("macro_f1")
    return f"{result['accuracy']:.4f}" + (f" / {f1:.4f}" if f1 is not None else "")


def _classes(result: Mapping[str, Any]) -> list[str]:
    lines = ["| class | precision | recall | F1 | test pictures |", "| --- | --- | --- | --- | --- |"]
    for name, row in result["by_class"].items():
        lines.append(f"| {name} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {row['n']} |")
    lines.append("")
    lines.append(f"Accuracy {result['accuracy']:.4f}, macro F1 {result['macro_f1']:.4f}, balanced accuracy "
                 f"{result['balanced_accuracy']:.4f}; {result['seconds']} s.")  # fmt: skip
    return lines

"""Leave one source out: train without a source, ask about its pictures. What a recipe earns there may generalise.

Numbers within a source mostly say that the source was recognised. A recipe is chosen by the mean over sources that the
network has never seen; their test pictures are not looked at, so that the choice does not use them up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from train.batches import plain
from train.errors import DataError, TrainError
from train.fit import Say, fit, predict
from train.manifest import Prepared
from train.measure import auc_by_source, softmax
from train.recipe import Recipe, load_recipe
from train.start import NOTHING, Start

TUTOR = "tutor"
"""The recipe of tutors."""
LEFT_OUT = "left out"
"""The split of the rows of a source that a run must not see."""


@dataclass(frozen=True)
class LeftOut:
    """What a run that never saw a source says about it."""

    source: str
    auc: float
    """Real against fake, of the source's training and validation pictures."""
    real: int
    fake: int
    seen_auc: float | None
    """The mean over the other sources, of validation pictures: how well the run learned what it was shown."""


def without(data: Prepared, source: str) -> Prepared:
    """The same crops, with the training and validation rows of `source` in the split LEFT_OUT."""
    rows = tuple(
        replace(row, split=LEFT_OUT) if row.source == source and row.split != "test" else row for row in data.rows
    )
    return replace(data, rows=rows, digest=f"{data.digest}, without {source}")


def sources_with_fakes(data: Prepared) -> tuple[str, ...]:
    """Sources with real and fake pictures to train on. Raises DataError where there are fewer than two."""
    cells = {(row.source, row.label) for row in data.rows if row.split != "test"}
    found = tuple(sorted({s for s, label in cells if label == "fake" and (s, "real") in cells}))
    if len(found) < 2:
        what = "leaving one source out takes two or more sources with real and fake pictures"
        raise DataError(f"{what}; there are {len(found)}", hint="prepare more sources")
    return found


def leave_one_out(
    data: Prepared, folder: Path, recipes: Mapping[str, Recipe], *, start: Start, sources: Sequence[str] = (),
    workers: int = 0, say: Say = print, stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | None:  # fmt: skip
    """{recipe: {"sources": [LeftOut as a dict], "mean_auc": x, "pictures": n}}, best first; None where it was stopped.

    Every run has a folder of its own below `folder` and goes on where it was stopped. Raises TrainError for weights
    that have seen the sources, and for a source that is not there.
    """
    if start.weights not in NOTHING:
        what = f"{start.weights} may have seen the source that is left out"
        raise TrainError(what, hint="start from none or imagenet; a --teacher without labels of yours is no harm")
    known = sources_with_fakes(data)
    if unknown := set(sources) - set(known):
        raise TrainError(f"no source {', '.join(sorted(unknown))} with fakes", hint=f"there are: {', '.join(known)}")
    guides = {name: _guide(recipe, start) for name, recipe in recipes.items()}
    found: dict[str, Any] = {}
    for name, recipe in recipes.items():
        results = []
        for source in sources or known:
            say(f"{name}: without {source}")
            part = without(data, source)
            train = partial(fit, part, say=say, workers=workers, stopped=stopped)
            guide, tutor = guides[name], None
            if recipe.tutor_weight:
                tutor = train(folder / name / f"{source}-tutor", _tutor(recipe), start=Start(str(start.teacher)))
                if tutor is None:
                    return None
            rest = _without_source(_without_idle_blocks(recipe, start), source)
            final = train(folder / name / source, rest, start=replace(guide, tutor=tutor))
            if final is None:
                return None
            results.append(_asked(part, source, final, recipe))
            say(f"{name}: AUC on {source}, never seen: {results[-1].auc:.3f}")
        mean = float(np.mean([result.auc for result in results]))
        found[name] = {
            "sources": [asdict(result) for result in results], "mean_auc": mean, "pictures": recipe.pictures,
            "input_px": recipe.input_px, "teacher": recipe.wants_teacher, "tutor": recipe.tutor_weight > 0,
        }  # fmt: skip
    return dict(sorted(found.items(), key=lambda item: -item[1]["mean_auc"]))


def _tutor(recipe: Recipe) -> Recipe:
    """Of a tutor that has not seen the source either, for as many pictures."""
    return replace(load_recipe(TUTOR), pictures=recipe.pictures, input_px=recipe.input_px, margin=recipe.margin)


def _guide(recipe: Recipe, start: Start) -> Start:
    """What a run begins from, but for its tutor. Raises TrainError for what does not fit, before hours of runs."""
    if recipe.tutor_weight and start.teacher is None:
        raise TrainError("a tutor begins from a ResNet-50", hint="name its file with --teacher")
    guide = replace(start, teacher=start.teacher if recipe.wants_teacher else None)
    guide.check(replace(_without_idle_blocks(recipe, start), tutor_weight=0.0))
    return guide


def _without_idle_blocks(recipe: Recipe, start: Start) -> Recipe:
    nothing_to_keep = start.weights == "none" and not recipe.imitate
    return replace(recipe, frozen_blocks=0) if nothing_to_keep else recipe


def _without_source(recipe: Recipe, source: str) -> Recipe:
    weights = {name: weight for name, weight in recipe.source_weights.items() if name != source}
    return replace(recipe, source_weights=weights)


def _asked(data: Prepared, source: str, final: Path, recipe: Recipe) -> LeftOut:
    model = keras.saving.load_model(final, compile=False)

    def areas(split: str) -> dict[str, float]:
        rows = data.where(split)
        rgb = plain(data, rows, input_px=recipe.input_px, margin=recipe.margin)
        sources = [data.rows[i].source for i in rows]
        return auc_by_source(softmax(predict(model, rgb)), data.labels[rows], sources, data.classes)

    labels = [data.rows[i].label for i in data.where(LEFT_OUT)]
    seen = list(areas("val").values())
    return LeftOut(
        source, areas(LEFT_OUT)[source], labels.count("real"), labels.count("fake"),
        float(np.mean(seen)) if seen else None,
    )  # fmt: skip


def table(found: Mapping[str, Any]) -> str:
    """Markdown: a line a recipe, its AUC on each source it never saw, their mean, and the mean on sources it saw."""
    sources = [result["source"] for result in next(iter(found.values()))["sources"]]
    lines = [["recipe", "pictures", *(f"without {s}" for s in sources), "mean, never seen", "mean, seen"]]
    lines.append(["---"] * len(lines[0]))
    for name, row in found.items():
        areas = [f"{result['auc']:.3f}" for result in row["sources"]]
        seen = [result["seen_auc"] for result in row["sources"] if result["seen_auc"] is not None]
        mean_seen = f"{np.mean(seen):.3f}" if seen else ""
        lines.append([name, str(row["pictures"]), *areas, f"{row['mean_auc']:.3f}", mean_seen])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

"""What the architectures cost on this machine: time a face, size, multiplications; VGG16 in fp32 is the baseline.

    python tools/arch_cost.py --out docs/measurements/architectures.json

Weights are random: time does not depend on what a network has learned. Runs are taken in turn, so that what disturbs
one disturbs all.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from engines import open_engine, write_bundle
from engines.calibrate import calibrate
from engines.contract import Card
from monitor.timing import Percentiles
from train.architectures import ARCHITECTURES, architecture
from train.recipe import Recipe

BATCHES, WARM_UP = (1, 8), 5
CLASSES = ("real", "fake", "mask")


def main() -> None:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        engines, facts = {}, {}
        for name in (name for name, found in ARCHITECTURES.items() if found.graph):
            folder, facts[name] = _bundle(name, Path(scratch))
            for precision in ("fp32", "int8"):
                engine = open_engine(folder, runtime="onnxruntime", precision=precision, cache_dir=Path(scratch))
                engines[name, precision] = stack.enter_context(closing(engine))
        times = _times(engines, args.rounds)
    found = {"machine": platform.processor() or platform.machine(), "rounds": args.rounds, "facts": facts, "ms": times}
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(_table(found))


def _bundle(name: str, scratch: Path) -> tuple[Path, dict[str, Any]]:
    recipe, rng = Recipe(arch=name), np.random.default_rng(0)
    model = architecture(name).build(recipe, len(CLASSES))
    graph = architecture(name).deployed(model, recipe, 1.0, np.zeros(len(CLASSES), np.float32)).SerializeToString()
    ranges = calibrate(graph, [rng.integers(0, 256, (4, recipe.input_px, recipe.input_px, 3), np.uint8)])
    card = Card(name, "0", name, CLASSES, recipe.input_px, recipe.margin, (1 / 3,) * 3, 0.6, 24.0, ranges=ranges)
    bundle = write_bundle(scratch / name, graph, card, name, "random weights, for timing")
    return bundle.folder, {"parameters": int(model.count_params()), "bundle_mb": round(len(graph) / 1e6, 1)}


def _times(engines: dict[tuple[str, str], Any], rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    kept = {(key, batch): Percentiles() for key in engines for batch in BATCHES}
    for turn in range(WARM_UP + rounds):
        for (key, batch), values in kept.items():
            px = engines[key].card.input_px
            rgb = rng.integers(0, 256, (batch, px, px, 3), np.uint8)
            began = time.perf_counter()
            engines[key].infer(rgb)
            if turn >= WARM_UP:
                values.add(1e3 * (time.perf_counter() - began) / batch)
    return {
        f"{name} {precision} batch {batch}": {"p50": round(v.at(50), 2), "p95": round(v.at(95), 2)}
        for ((name, precision), batch), v in kept.items()
    }


def _table(found: dict[str, Any]) -> str:
    base = found["ms"]["vgg16 fp32 batch 1"]["p50"]
    lines = ["| | ms a face, p50 | p95 | times VGG16 fp32, batch 1 |", "|---|---|---|---|"]
    lines += [f"| {name} | {ms['p50']} | {ms['p95']} | {ms['p50'] / base:.2f} |" for name, ms in found["ms"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""What an engine saves over the network as Keras runs it: one crop at a time, in turn, medians.

    python tools/keras_cost.py --out docs/measurements/keras-cost.json

`keras.Model.predict` on single crops is how most projects of this kind ask their network.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack, closing
from pathlib import Path

import keras
import numpy as np

from engines import load_bundle, open_engine
from engines.machine import cpu, usable_threads
from train.architectures import architecture
from train.recipe import Recipe
from train.weights import adopt

WARM_UP = 5


def main() -> None:
    """Prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="vgg16-128")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    card = load_bundle(args.bundle).card
    rgb = np.random.default_rng(0).integers(0, 256, (1, card.input_px, card.input_px, 3), np.uint8)
    model = architecture("vgg16").build(Recipe(input_px=card.input_px), len(card.classes))
    adopt(model, args.bundle, np.repeat(rgb, 8, axis=0), print)
    with ExitStack() as stack:
        asked = {"keras.Model.predict": lambda: model.predict(rgb.astype(np.float32), verbose=0)}
        for precision in ("fp32", "int8"):
            engine = open_engine(args.bundle, runtime="onnxruntime", precision=precision)
            stack.enter_context(closing(engine))
            asked[f"onnxruntime {precision}"] = lambda engine=engine: engine.infer(rgb)
        seconds: dict[str, list[float]] = {name: [] for name in asked}
        for turn in range(WARM_UP + args.rounds):
            for name, ask in asked.items():
                begun = time.perf_counter()
                ask()
                if turn >= WARM_UP:
                    seconds[name].append(time.perf_counter() - begun)
    medians = {name: round(float(np.median(found)) * 1e3, 3) for name, found in seconds.items()}
    base = medians["keras.Model.predict"]
    print("| | ms a crop, median | times Keras |\n|---|---|---|")
    for name, ms in medians.items():
        print(f"| {name} | {ms:.2f} | {base / ms:.1f} |")
    if args.out:
        told = {
            "bundle": args.bundle, "machine": f"{cpu().name}, {usable_threads()} threads", "rounds": args.rounds,
            "keras": keras.__version__, "backend": keras.backend.backend(), "ms": medians,
        }  # fmt: skip
        args.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

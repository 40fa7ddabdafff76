"""Do all engines of a bundle give one answer? Every runtime and precision that works here, against fp32 on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.artefacts import PRECISIONS, typed_model
from engines.build import RUNTIMES, open_engine
from engines.bundle import Bundle
from engines.contract import F32, U8, EngineError, EngineInfo, RuntimeMissing
from engines.machine import cpu, usable_threads

LIMITS: Mapping[str, Mapping[str, float]] = {
    "fp16": {"agreement": 0.99, "max_dp": 0.05, "mean_dp": 0.005},
    "int8": {"agreement": 0.97, "max_dp": 0.35, "mean_dp": 0.03},
}
"""For bundles whose card sets none. fp32 elsewhere is bound as fp16 is."""
REHEARSAL = "onnxruntime, with the graph for tensorrt"
"""What a plan will answer in int8, as far as its numbers go, without a GPU."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How near an engine's answers are to those of fp32."""

    runtime: str
    precision: str
    agreement: float | None
    """Share of crops with the same best class; None where the engine could not be opened."""
    max_dp: float | None
    """The largest difference of a probability."""
    mean_dp: float | None
    over: tuple[str, ...]
    """Limits that it is beyond, with numbers; or how it failed."""
    why_not: str = ""
    """Why it has no numbers: it is not here, or it failed."""


def compare(
    bundle: Bundle, rgb: U8, *, cache_dir: Path | None = None, say: Callable[[str], None] | None = None
) -> tuple[Parity, ...]:
    """A row for every runtime and precision, on crops uint8 (N, P, P, 3), N of 1 or more. Raises EngineError.

    The reference is fp32 in ONNX Runtime. What cannot be run here has a row that says why. That is no fault where the
    runtime is not here, or the bundle has no int8: whatever else ends without an answer has failed.
    """
    with closing(open_engine(bundle.folder, runtime="onnxruntime", precision="fp32", cache_dir=cache_dir)) as engine:
        exact = engine.infer(rgb)
    limits = {**LIMITS, **bundle.card.limits}
    rows = []
    for runtime, precision, answer in _answers(bundle, rgb, cache_dir, say):
        if isinstance(answer, EngineError):
            absent = isinstance(answer, RuntimeMissing) or (precision == "int8" and not bundle.card.ranges)
            why = str(answer)
            rows.append(Parity(runtime, precision, None, None, None, () if absent else (why,), why))
        else:
            rows.append(_row(runtime, precision, answer, exact, limits.get(precision, limits["fp16"])))
    return tuple(rows)


def _answers(
    bundle: Bundle, rgb: U8, cache_dir: Path | None, say: Callable[[str], None] | None
) -> Iterator[tuple[str, str, F32 | EngineError]]:
    """(runtime, precision, answers or why there are none)."""
    for runtime in RUNTIMES:
        for precision in PRECISIONS:
            if (runtime, precision) == ("onnxruntime", "fp32"):
                continue
            try:
                opened = open_engine(bundle.folder, runtime=runtime, precision=precision, cache_dir=cache_dir, say=say)
                with closing(opened) as engine:
                    yield runtime, precision, engine.infer(rgb)
            except RuntimeMissing as error:
                yield runtime, "", error
                break  # in any precision
            except EngineError as error:
                yield runtime, precision, error
    if bundle.card.ranges:
        try:
            yield REHEARSAL, "int8", _rehearsed(bundle, rgb)
        except EngineError as error:
            yield REHEARSAL, "int8", error


def _rehearsed(bundle: Bundle, rgb: U8) -> F32:
    from engines.runtimes.ort import OrtEngine

    graph = typed_model(bundle, "int8").SerializeToString()
    info = EngineInfo("onnxruntime", "int8", cpu().name, "a rehearsal", "")
    with closing(OrtEngine(graph, bundle.card, info, threads=usable_threads())) as engine:
        return engine.infer(rgb)


def _row(runtime: str, precision: str, answer: F32, exact: F32, limits: Mapping[str, float]) -> Parity:
    apart = np.abs(answer - exact)
    agreement = float((answer.argmax(axis=1) == exact.argmax(axis=1)).mean())
    worst, mean = float(apart.max()), float(apart.mean())
    over = []
    if agreement < limits["agreement"]:
        over.append(f"agreement {agreement:.1%}, at least {limits['agreement']:.1%}")
    for name, value in (("max_dp", worst), ("mean_dp", mean)):
        if value > limits[name]:
            over.append(f"{name} {value:.3f}, at most {limits[name]:.3f}")
    return Parity(runtime, precision, agreement, worst, mean, tuple(over))

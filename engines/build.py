"""From a bundle to an engine: choose the runtime, and open what was made for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.artefacts import Artefact, Say, graph_artefact, silent
from engines.bundle import Bundle, load_bundle
from engines.contract import BuildError, Engine, EngineError, EngineInfo, RuntimeMissing
from engines.machine import cpu, nvidia_gpu, usable_threads
from engines.plans import PLAN_RUNTIMES, compiled_kernels, plan_artefact, stored_plans
from engines.trt.cuda import open_cuda
from engines.trt.library import load_library
from engines.trt.plan import PlanOptions

RUNTIMES = ("onnxruntime", *PLAN_RUNTIMES)
"""What can be asked for by name."""


def open_engine(
    bundle: str | Path | None = None,
    *,
    runtime: str = "auto",
    precision: str = "int8",
    threads: int | None = None,
    require_gpu: bool = False,
    cache_dir: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Engine:
    """The engine of a bundle (name, folder, or None for the shipped one), built where it is not in the cache yet.

    A runtime asked for by name never falls back; with `require_gpu` neither does auto. `threads` None = as many as
    help; `cache_dir` None = the user's cache folder; `say` gets a line when something is built or mended. Raises
    BundleError, BuildError, RuntimeMissing.
    """
    source, say = load_bundle(bundle), say or silent
    if runtime not in ("auto", *RUNTIMES):
        known = ", ".join(("auto", *RUNTIMES))
        raise RuntimeMissing(f"no runtime {runtime!r} in this version", hint=f"choose one of: {known}")
    if runtime in PLAN_RUNTIMES:
        return _on_gpu(source, runtime, precision, "asked for by name", cache_dir, say)
    why = "asked for by name"
    if runtime == "auto":
        gpu, engine, why = nvidia_gpu(), None, "no NVIDIA GPU found"
        if gpu is not None:
            engine, why = _fastest_on(gpu, source, precision, cache_dir, say)
        if engine is not None:
            return engine
    if require_gpu:
        what = f"a GPU is required, but {why if runtime == 'auto' else f'{runtime} runs on the CPU'}"
        raise RuntimeMissing(what, hint="`monitor doctor` says more; leave --require-gpu away to run on the CPU")
    if runtime == "auto":
        why += ": runs on the CPU"
    return _on_cpu(source, precision, why, threads, cache_dir, say)


def _on_cpu(bundle: Bundle, precision: str, why: str, threads: int | None, cache_dir: Path | None, say: Say) -> Engine:
    from engines.runtimes.ort import VERSION, OrtEngine

    processor = cpu()
    artefact = graph_artefact(bundle, precision, VERSION, cache_dir=cache_dir, say=say)
    if precision == "int8" and processor.reduce_range:
        why += "; weights in 7 bits, as this processor has no VNNI"
    info = EngineInfo("onnxruntime", precision, processor.name, why, artefact.fingerprint)
    return OrtEngine(artefact.made.data, bundle.card, info, threads=threads or usable_threads())


def _on_gpu(bundle: Bundle, runtime: str, precision: str, why: str, cache_dir: Path | None, say: Say) -> Engine:
    """The newest stored plan that the GPU takes, whatever its options, else a new one with the usual ones.

    Raises RuntimeMissing without the library, its bindings or a GPU, BuildError.
    """
    from engines.runtimes.trt import TrtEngine

    library, cuda = load_library(runtime), open_cuda()  # before a build that nothing could run
    gpu = nvidia_gpu() or "GPU"

    def opened(plan: Artefact) -> Engine:
        kernels, facts = compiled_kernels(plan, gpu), plan.entry.facts
        return TrtEngine(
            library, cuda, plan.made.data, bundle.card, EngineInfo(runtime, precision, gpu, why, plan.fingerprint),
            max_batch=facts["max_batch"], portable=bool(facts.get("portable")), say=say,
            compiled=kernels.kept(), keep=lambda data: kernels.keep(data, say),
        )  # fmt: skip

    for plan in stored_plans(bundle, runtime, precision, cache_dir=cache_dir, say=say):
        try:
            return opened(plan)
        except BuildError as error:
            say(f"{plan.entry.path.name} is of no use here: {error}")
    return opened(plan_artefact(bundle, runtime, precision, PlanOptions(), cache_dir=cache_dir, say=say))


def _fastest_on(
    gpu: str, bundle: Bundle, precision: str, cache_dir: Path | None, say: Say
) -> tuple[Engine | None, str]:
    """The first plan runtime that answers here, or None; and why. What fails is no reason to stop, but is said."""
    reasons = []
    for runtime in PLAN_RUNTIMES:
        kind = _RTX_PRECISION.get(precision, precision) if runtime == "tensorrt-rtx" else precision
        why = f"{gpu} found" + ("" if kind == precision else f"; {kind}, as {runtime} is not known to run {precision}")
        try:
            engine = _on_gpu(bundle, runtime, kind, why, cache_dir, say)
            px = bundle.card.input_px
            engine.infer(np.zeros((1, px, px, 3), np.uint8))
        except EngineError as error:
            reasons.append(f"{runtime}: {error}")
            continue
        return engine, why
    return None, f"{gpu} found, but not usable ({'; '.join(reasons)})"


_RTX_PRECISION = {"int8": "fp16"}
"""Its documents know int8 for products of matrices only; plans with convolutions build."""

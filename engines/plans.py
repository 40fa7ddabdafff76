"""Plans: what TensorRT and TensorRT-RTX make of a bundle, kept with the proof of its precision."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engines import halve, quantise
from engines.artefacts import Artefact, Say, check_precision, engines_folder, entry_for, silent, typed_model
from engines.bundle import Bundle
from engines.cache import Entry, Made, Stored, stored_entries
from engines.contract import BuildError
from engines.machine import nvidia_gpu
from engines.trt.cuda import open_cuda
from engines.trt.layers import UNKNOWN, inspected, precision_asked, precision_of
from engines.trt.library import MODULES, Library, load_library
from engines.trt.loaded import LoadedPlan
from engines.trt.plan import PlanOptions, Progress, build_plan, known_capabilities

PLAN_RUNTIMES = tuple(MODULES)


def plan_artefact(
    bundle: Bundle, runtime: str, precision: str, options: PlanOptions, *, cache_dir: Path | None = None,
    say: Say | None = None, progress: Progress | None = None,
) -> Artefact:  # fmt: skip
    """The plan of a bundle for `runtime` (tensorrt or tensorrt-rtx), with the proof of its precision in the report.

    Raises RuntimeMissing, BuildError, also where a product runs in another precision than the graph asks for.
    """
    check_precision(bundle, precision)
    library, say = load_library(runtime), say or silent
    known = known_capabilities(library)
    if unknown := [name for name in options.capabilities if name not in known]:
        hint = f"known: {', '.join(known)}" if known else f"{runtime} builds for the GPU at hand: leave it away"
        raise BuildError(f"{runtime} cannot build for {', '.join(unknown)}", hint=hint)
    facts = {**_source(bundle, library, precision), **_chosen(options)}
    entry, fingerprint = entry_for(bundle, facts, "plan", cache_dir)

    def make() -> Made:
        model, timings = typed_model(bundle, precision), _timings(library, entry.folder)
        plan = build_plan(
            library, model.SerializeToString(), options, input_px=bundle.card.input_px, progress=progress,
            timings=timings.kept(),
        )  # fmt: skip
        if plan.timings:
            timings.keep(plan.timings, say)
        asked = precision_asked(model)
        found = precision_of(plan.layers, asked)
        _check_kept(asked, found, library.runtime, say)
        report = {"layers": [asdict(layer) for layer in plan.layers], "precision": found, "seconds": plan.seconds}
        return Made(plan.data, report)

    return Artefact(entry, entry.get(make, say), fingerprint, kept=True)


def _source(bundle: Bundle, library: Library, precision: str) -> dict[str, Any]:
    """What a plan must follow from to be of use here."""
    return {
        "bundle": bundle.sha256,
        "runtime": library.runtime,
        "version": library.version,
        "precision": precision,
        "gpu": "any that is named" if library.is_rtx else nvidia_gpu() or "none",
        "system": f"{platform.system()} {platform.machine()}",
        "quantiser": halve.VERSION if precision == "fp16" else quantise.VERSION,
    }


def _chosen(options: PlanOptions) -> dict[str, Any]:
    return {**asdict(options), "capabilities": list(options.capabilities)}


def stored_plans(
    bundle: Bundle, runtime: str, precision: str, *, cache_dir: Path | None = None, say: Say | None = None
) -> list[Artefact]:
    """Sound plans of the bundle that are kept for this library and precision, whatever their options; newest first.

    Raises RuntimeMissing.
    """
    source, folder = _source(bundle, load_library(runtime), precision), engines_folder(cache_dir)
    try:
        entries = stored_entries(folder, f"{bundle.folder.name}-{runtime}-{precision}-")
    except OSError as error:
        (say or silent)(f"engine cache not usable: {error}")
        return []
    found = []
    for stored in entries:
        if stored.data is None or not _fits(stored.facts, source):
            continue
        entry, fingerprint = entry_for(bundle, stored.facts, "plan", cache_dir)
        if entry.path == stored.path:  # its name says what it is
            found.append(Artefact(entry, Made(stored.data, stored.report), fingerprint, kept=True))
    return sorted(found, key=lambda artefact: artefact.entry.path.stat().st_mtime, reverse=True)


def _fits(facts: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    batch = facts.get("max_batch")
    return {key: facts.get(key) for key in source} == source and isinstance(batch, int) and batch > 0


def compiled_kernels(plan: Artefact, gpu: str) -> Entry:
    """The place of what TensorRT-RTX compiles for this plan on this GPU."""
    facts = {**plan.entry.facts, "gpu": gpu, "plan": plan.fingerprint}
    return Entry(plan.entry.folder, f"{plan.entry.path.stem}-{_short(gpu)}.kernels", facts)


def precision_loaded(stored: Stored) -> dict[str, str]:
    """{ONNX node: datatype of its kernel} of a stored plan, told by the inspector of the engine it becomes here.

    Raises EngineError where it cannot be loaded.
    """
    library = load_library(str(stored.facts.get("runtime")))
    open_cuda()
    loaded = LoadedPlan(library, stored.data or b"", portable=bool(stored.facts.get("portable")))
    return precision_of(inspected(library, loaded.engine), stored.report.get("precision", {}))


def _timings(library: Library, folder: Path) -> Entry:
    """The place of what TensorRT measured on this GPU; of no use to TensorRT-RTX."""
    gpu = nvidia_gpu() or "none"
    facts = {"runtime": library.runtime, "version": library.version, "gpu": gpu}
    return Entry(folder, f"{library.runtime}-{library.version}-{_short(gpu)}.timings", facts)


def _short(gpu: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in gpu.lower())


def _check_kept(asked: Mapping[str, str], found: Mapping[str, str], runtime: str, say: Say) -> None:
    """Precision that was lost on the way is the commonest reason for a slow engine: it ends the build.

    What the library does not tell is not proven; that is said.
    """
    if untold := list(found.values()).count(UNKNOWN):
        say(f"not proven: {runtime} does not tell the precision of {untold} of {len(asked)} products")
    wrong = {node: kind for node, kind in found.items() if kind not in (asked[node], UNKNOWN)}
    if wrong:
        first, kind = next(iter(wrong.items()))
        what = f"{len(wrong)} of {len(asked)} products do not run as asked: {first} in {kind} instead of {asked[first]}"
        raise BuildError(f"{runtime} changed the precision: {what}", hint="report it with the version of the library")

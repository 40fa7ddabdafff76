"""From a bundle to an engine: choose the runtime, and open what was made for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from engines.artefacts import graph_artefact
from engines.bundle import load_bundle
from engines.contract import Engine, EngineInfo, RuntimeMissing
from engines.machine import cpu, nvidia_gpu, usable_threads

RUNTIMES: Mapping[str, str] = {"onnxruntime": "engines.runtimes.ort"}
"""Name -> module, which offers VERSION and open_graph(graph, card, info, *, threads) -> Engine."""


def open_engine(
    bundle: str | Path | None = None,
    *,
    runtime: str = "auto",
    precision: str = "int8",
    threads: int | None = None,
    cache_dir: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Engine:
    """The engine of a bundle (name, folder, or None for the shipped one), built where it is not in the cache yet.

    A runtime asked for by name never falls back. `threads` None = as many as help; `cache_dir` None = the user's
    cache folder; `say` gets a line when something is built or mended. Raises BundleError, BuildError, RuntimeMissing.
    """
    name, why = _choose(runtime)
    module = import_module(RUNTIMES[name])
    source, processor = load_bundle(bundle), cpu()
    artefact = graph_artefact(source, precision, module.VERSION, cache_dir=cache_dir, say=say)
    if precision == "int8" and processor.reduce_range:
        why += "; weights in 7 bits, as this processor has no VNNI"
    info = EngineInfo(name, precision, processor.name, why, artefact.fingerprint)
    return cast(Engine, module.open_graph(artefact.made.data, source.card, info, threads=threads or usable_threads()))


def _choose(runtime: str) -> tuple[str, str]:
    """(name, why) of the runtime to use. Raises RuntimeMissing for one that does not exist."""
    if runtime == "auto":
        gpu = nvidia_gpu()
        found = f"{gpu} found, but this version has no runtime for it" if gpu else "no NVIDIA GPU found"
        return "onnxruntime", f"{found}: runs on the CPU"
    if runtime not in RUNTIMES:
        known = ", ".join(("auto", *RUNTIMES))
        raise RuntimeMissing(f"no runtime {runtime!r} in this version", hint=f"choose one of: {known}")
    return runtime, "asked for by name"

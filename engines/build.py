"""From a bundle to an engine: choose the runtime, derive its graph once, keep it under its fingerprint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from engines import halve, quantise
from engines.bundle import Bundle, load_bundle
from engines.cache import Entry, cache_folder
from engines.contract import BuildError, Engine, EngineInfo, RuntimeMissing
from engines.files import sha256
from engines.machine import Cpu, cpu, nvidia_gpu, usable_threads

RUNTIMES: Mapping[str, str] = {"onnxruntime": "engines.runtimes.ort"}
"""Name -> module, which offers VERSION and open_graph(graph, card, info, *, threads) -> Engine."""

PRECISIONS = ("int8", "fp16", "fp32")
"""On a CPU fp16 is for measuring what a GPU will answer: it is slower there than fp32."""


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
    if precision not in PRECISIONS:
        raise BuildError(f"no precision {precision!r}", hint=f"choose one of: {', '.join(PRECISIONS)}")
    name, why = _choose(runtime)
    module = import_module(RUNTIMES[name])
    source, processor = load_bundle(bundle), cpu()
    if precision == "int8" and not source.card.ranges:
        raise BuildError(f"{source.card.name} stores no calibration ranges for int8", hint="use --precision fp32")
    facts = _facts(source, name, module.VERSION, precision, processor)
    fingerprint = sha256(json.dumps(facts, sort_keys=True).encode())[:16]
    folder = (cache_folder() if cache_dir is None else cache_dir) / "engines"
    entry = Entry(folder, f"{source.folder.name}-{precision}-{fingerprint}.onnx", facts)
    if precision == "fp32":
        graph = source.read_model()  # runs as it is: nothing to build or keep
    else:
        make = _int8_graph if precision == "int8" else _fp16_graph
        graph = entry.get(lambda: make(source, processor), say or _silent)
    if precision == "int8" and processor.reduce_range:
        why += "; weights in 7 bits, as this processor has no VNNI"
    info = EngineInfo(name, precision, processor.name, why, fingerprint)
    return cast(Engine, module.open_graph(graph, source.card, info, threads=threads or usable_threads()))


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


def _facts(bundle: Bundle, runtime: str, version: str, precision: str, processor: Cpu) -> dict[str, Any]:
    """Everything an engine's content follows from; another value means another engine."""
    return {
        "bundle": bundle.sha256,
        "runtime": runtime,
        "version": version,
        "precision": precision,
        "cpu": [processor.arch, *processor.features],
        "unsigned": processor.unsigned,
        "reduce_range": processor.reduce_range,
        "quantiser": halve.VERSION if precision == "fp16" else quantise.VERSION,
    }


def _int8_graph(bundle: Bundle, processor: Cpu) -> bytes:
    """The bundle's model in 8 bits for this processor, as ONNX. Raises BuildError."""
    made = quantise.qdq_graph(
        _parsed(bundle), bundle.card.ranges, unsigned=processor.unsigned, reduce_range=processor.reduce_range
    )
    return cast(bytes, made.SerializeToString(deterministic=True))


def _fp16_graph(bundle: Bundle, _: Cpu) -> bytes:
    """The bundle's model in half precision, as ONNX. Raises BuildError."""
    return cast(bytes, halve.half_graph(_parsed(bundle)).SerializeToString(deterministic=True))


def _parsed(bundle: Bundle) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

    try:
        return onnx.load_model_from_string(bundle.read_model())
    except DecodeError as error:
        raise BuildError(f"{bundle.folder.name}/model.onnx cannot be parsed: {error}") from error


def _silent(_: str) -> None:
    """For those who do not want to hear."""

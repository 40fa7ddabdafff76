"""What a runtime takes, made from a bundle once and kept: graphs. Plans for NVIDIA GPUs are in `engines.plans`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from engines import halve, quantise
from engines.bundle import Bundle
from engines.cache import Entry, Made, cache_folder
from engines.contract import BuildError
from engines.files import sha256
from engines.machine import Cpu, cpu

if TYPE_CHECKING:
    import onnx

PRECISIONS = ("int8", "fp16", "fp32")
"""On a CPU fp16 is for measuring what a GPU will answer: it is slower there than fp32."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Artefact:
    """What was made, and where it is kept."""

    entry: Entry
    made: Made
    fingerprint: str
    kept: bool
    """Whether the cache has a part in it: the float model of a bundle runs as it is."""


def graph_artefact(
    bundle: Bundle, precision: str, version: str, *, cache_dir: Path | None = None, say: Say | None = None
) -> Artefact:
    """The ONNX graph that ONNX Runtime of this `version` runs on this processor. Raises BuildError."""
    check_precision(bundle, precision)
    processor = cpu()
    facts = {
        "bundle": bundle.sha256,
        "runtime": "onnxruntime",
        "version": version,
        "precision": precision,
        "cpu": [processor.arch, *processor.features],
        "unsigned": processor.unsigned,
        "reduce_range": processor.reduce_range,
        "quantiser": halve.VERSION if precision == "fp16" else quantise.VERSION,
    }
    entry, fingerprint = entry_for(bundle, facts, "onnx", cache_dir)
    if precision == "fp32":
        return Artefact(entry, Made(bundle.read_model()), fingerprint, kept=False)
    make = _int8_graph if precision == "int8" else _fp16_graph
    return Artefact(entry, entry.get(lambda: Made(make(bundle, processor)), say or silent), fingerprint, kept=True)


def check_precision(bundle: Bundle, precision: str) -> None:
    """Raises BuildError for a precision that does not exist, or that the bundle has no ranges for."""
    if precision not in PRECISIONS:
        raise BuildError(f"no precision {precision!r}", hint=f"choose one of: {', '.join(PRECISIONS)}")
    if precision == "int8" and not bundle.card.ranges:
        raise BuildError(f"{bundle.card.name} stores no calibration ranges for int8", hint="use --precision fp32")


def entry_for(bundle: Bundle, facts: Mapping[str, Any], suffix: str, cache_dir: Path | None) -> tuple[Entry, str]:
    """The place of an artefact that follows from `facts`, and its fingerprint."""
    name = f"{bundle.folder.name}{ending_of(facts, suffix)}"
    return Entry(engines_folder(cache_dir), name, facts), _fingerprint(facts)


def ending_of(facts: Mapping[str, Any], suffix: str) -> str:
    """How the name of an artefact of `facts` ends; what stands before is the name of its bundle's folder."""
    runtime = facts.get("runtime")
    kind = "" if runtime == "onnxruntime" else f"{runtime}-"
    return f"-{kind}{facts.get('precision')}-{_fingerprint(facts)}.{suffix}"


def _fingerprint(facts: Mapping[str, Any]) -> str:
    return sha256(json.dumps(facts, sort_keys=True).encode())[:16]


def engines_folder(cache_dir: Path | None = None) -> Path:
    """Where artefacts are kept."""
    return (cache_folder() if cache_dir is None else cache_dir) / "engines"


def typed_model(bundle: Bundle, precision: str) -> onnx.ModelProto:
    """The graph whose tensors are of the types that a strongly typed network shall have."""
    model = parsed(bundle)
    if precision == "int8":
        return quantise.qdq_graph(model, bundle.card.ranges, unsigned=False, reduce_range=False, symmetric=True)
    return halve.half_graph(model) if precision == "fp16" else model


def _int8_graph(bundle: Bundle, processor: Cpu) -> bytes:
    """The bundle's model in 8 bits for this processor, as ONNX. Raises BuildError."""
    made = quantise.qdq_graph(
        parsed(bundle), bundle.card.ranges, unsigned=processor.unsigned, reduce_range=processor.reduce_range
    )
    return cast(bytes, made.SerializeToString(deterministic=True))


def _fp16_graph(bundle: Bundle, _: Cpu) -> bytes:
    """The bundle's model in half precision, as ONNX. Raises BuildError."""
    return cast(bytes, halve.half_graph(parsed(bundle)).SerializeToString(deterministic=True))


def parsed(bundle: Bundle) -> onnx.ModelProto:
    """The bundle's own model. Raises BuildError."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

    try:
        return onnx.load_model_from_string(bundle.read_model())
    except DecodeError as error:
        raise BuildError(f"{bundle.folder.name}/model.onnx cannot be parsed: {error}") from error


def silent(_: str) -> None:
    """For those who do not want to hear."""

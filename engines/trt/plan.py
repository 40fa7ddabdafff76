"""From a typed ONNX graph to a plan: what TensorRT and TensorRT-RTX build, without a GPU where the library can."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engines.contract import BuildError
from engines.trt.layers import Layer, inspected, read_layers
from engines.trt.library import Library, Said, logger_for
from engines.trt.loaded import LoadedPlan

Progress = Callable[[str, int, int], None]
"""Told (phase, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Everything but graph and library that a plan follows from."""

    max_batch: int = 32
    """Crops in one run; the plan is tuned for a quarter of it."""
    workspace_mib: int | None = None
    """Most scratch memory a layer may take on the GPU; None: as the library likes."""
    capabilities: tuple[str, ...] = ()
    """TensorRT-RTX: GPUs the plan is for, as SM75, SM89; () = those the library builds for by default."""
    portable: bool = False
    """TensorRT: for later versions of the library and newer GPUs too; larger, and slower to start."""

    @property
    def usual_batch(self) -> int:
        return max(1, self.max_batch // 4)


@dataclass(frozen=True, slots=True)
class Plan:
    """A serialised engine, and what it is made of."""

    data: bytes
    layers: tuple[Layer, ...]
    seconds: float
    """How long the build took."""
    timings: bytes = b""
    """TensorRT: which kernels were measured how fast; a later build need not measure them again."""


def build_plan(
    library: Library, graph: bytes, options: PlanOptions, *, input_px: int, progress: Progress | None = None,
    timings: bytes = b"",
) -> Plan:  # fmt: skip
    """The plan of an ONNX `graph` with the input rgb uint8 (N, input_px, input_px, 3).

    The network is strongly typed: what a tensor is stands in the graph, and no flag of a builder can change it.
    `timings` are those of an earlier plan. Raises BuildError with what the library said.
    """
    said, begun = Said(), time.monotonic()
    logger = logger_for(library, said)
    trt = library.trt
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        errors = "; ".join(str(parser.get_error(i)).splitlines()[0] for i in range(min(parser.num_errors, 3)))
        raise BuildError(f"{library.runtime} cannot read the graph: {errors}")
    if network.num_outputs == 0:  # what is no graph at all is parsed without a word
        raise BuildError(f"{library.runtime} finds nothing to build in the graph")
    config = _config(library, builder, options, input_px)
    measured = None if library.is_rtx else _timing_cache(config, timings)
    if progress is not None:
        config.progress_monitor = _monitor(trt, progress)
    data = builder.build_serialized_network(network, config)
    if data is None:
        raise BuildError(f"{library.runtime} {library.version} built nothing: {said.last(3)}", hint=_hint(library))
    learned = bytes(measured.serialize()) if measured is not None else b""
    seconds = time.monotonic() - begun
    layers = read_layers(said.layers) or _inspected(library, bytes(data), options)
    return Plan(bytes(data), layers, seconds, learned)


def _inspected(library: Library, plan: bytes, options: PlanOptions) -> tuple[Layer, ...]:
    """For a library that reports no layers while it builds; () where the plan is not taken here."""
    try:
        return inspected(library, LoadedPlan(library, plan, portable=options.portable).engine)
    except BuildError:
        return ()


def _timing_cache(config: Any, timings: bytes) -> Any:
    """Filled with `timings` where they are of this library and GPU. TensorRT-RTX measures nothing and wants none."""
    cache = config.create_timing_cache(timings)
    if not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _hint(library: Library) -> str:
    if library.is_rtx:
        return "run it with --verbose and report what it prints"
    return "TensorRT builds only where an NVIDIA GPU and its driver are; --runtime tensorrt-rtx builds everywhere"


def _config(library: Library, builder: Any, options: PlanOptions, input_px: int) -> Any:
    trt = library.trt
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    profile = builder.create_optimization_profile()
    profile.set_shape("rgb", *((n, input_px, input_px, 3) for n in (1, options.usual_batch, options.max_batch)))
    config.add_optimization_profile(profile)
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.portable and not library.is_rtx:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.capabilities and library.is_rtx:
        _set_capabilities(trt, config, options.capabilities)
    return config


def known_capabilities(library: Library) -> tuple[str, ...]:
    """What TensorRT-RTX can build for ahead of time, as SM75; () for TensorRT, which builds for the GPU at hand."""
    if not library.is_rtx:
        return ()
    names = (name for name in dir(library.trt.ComputeCapability) if name.startswith("SM") and name[2:].isdigit())
    return tuple(sorted(names, key=lambda name: int(name[2:])))


def _set_capabilities(trt: Any, config: Any, capabilities: tuple[str, ...]) -> None:
    config.num_compute_capabilities = len(capabilities)
    for place, name in enumerate(capabilities):
        config.set_compute_capability(getattr(trt.ComputeCapability, name), place)


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:  # noqa: ARG002
            self._steps[phase] = steps
            progress(phase, 0, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(phase, step + 1, self._steps.get(phase, step + 1))
            return True

        def phase_finish(self, phase: str) -> None:
            steps = self._steps.pop(phase, 1)
            progress(phase, steps, steps)

    return Monitor()

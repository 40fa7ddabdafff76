"""Execution contexts of one engine, and what TensorRT-RTX compiles for them, which can be kept for the next start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engines.trt.library import Library
from engines.trt.loaded import LoadedPlan


class Contexts:
    """Makes contexts, one at a time. On TensorRT-RTX their kernels are compiled for this GPU when a context first runs.

    `compiled` is what an earlier run kept of that, in the library's own form, which refuses what belongs to another
    GPU, driver or version.
    """

    def __init__(self, library: Library, plan: LoadedPlan, compiled: bytes, say: Callable[[str], None]) -> None:
        self._library, self._plan = library, plan
        self._cache = self._opened(compiled, say) if library.is_rtx else None
        self._made = self._told = 0

    def _opened(self, compiled: bytes, say: Callable[[str], None]) -> Any:
        cache = self._plan.engine.create_runtime_config().create_runtime_cache()
        if compiled and not cache.deserialize(compiled):
            say("what was compiled before is for another GPU, driver or version: compiled again")
        return cache

    def make(self) -> Any:
        """A new context, or None where the library has no room for it."""
        self._made += 1
        if self._cache is None:
            return self._plan.engine.create_execution_context()
        config = self._plan.engine.create_runtime_config()
        # A context sees one shape only. Lazily, its best kernels would come after its graph was captured.
        config.dynamic_shapes_kernel_specialization_strategy = (
            self._library.trt.DynamicShapesKernelSpecializationStrategy.EAGER
        )
        config.set_runtime_cache(self._cache)
        return self._plan.engine.create_execution_context(config)

    def news(self) -> bytes:
        """All that is compiled, where contexts were made since the last time; else nothing."""
        if self._cache is None or self._told == self._made:
            return b""
        self._told = self._made
        return bytes(self._cache.serialize())

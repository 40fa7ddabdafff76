"""From a plan's bytes to an engine that can make contexts or be inspected."""

from __future__ import annotations

from typing import Any

from engines.contract import BuildError
from engines.trt.library import Library, Said, logger_for

_FOR_RTX = (
    "TensorRT-RTX is for RTX GPUs (compute capability 7.5, 8.x, 12.x): on one, monitor engine clean --all; "
    "on another GPU use --runtime tensorrt or onnxruntime"
)


class LoadedPlan:
    """A deserialised plan, with all that must live as long as it does."""

    def __init__(self, library: Library, plan: bytes, *, portable: bool = False) -> None:
        """`portable`: the plan brings code for the host. Raises BuildError for a plan that is not taken here."""
        said = Said()
        self._logger = logger_for(library, said)
        self._runtime = library.trt.Runtime(self._logger)
        if portable:  # a plan for later versions holds a small runtime of its own
            self._runtime.engine_host_code_allowed = True
        self.engine: Any = self._runtime.deserialize_cuda_engine(plan)
        if self.engine is None:
            what = f"{library.runtime} does not take the plan here: {said.last()}"
            raise BuildError(what, hint=_FOR_RTX if library.is_rtx else "monitor engine clean --all")

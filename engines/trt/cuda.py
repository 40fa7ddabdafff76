"""The few calls of the CUDA runtime that an engine needs; every return code is checked, and means something."""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import numpy as np

from engines.contract import U8, EngineError, InferenceError, RuntimeMissing

_NO_GPU = {
    35: "the driver is too old, or there is none", 100: "there is no GPU", 46: "the GPU is taken",
    804: "the driver does not fit",
}  # fmt: skip
_OUT_OF_MEMORY = {2}
_LOST = {
    214: "uncorrectable memory error", 700: "illegal address", 709: "context destroyed", 710: "assertion",
    719: "launch failure", 999: "unknown error",
}  # fmt: skip
"""cudaError_t, CUDA 13: after these the process cannot use the GPU any more."""


def load_cudart() -> Any:
    """The bindings of the CUDA runtime. Raises RuntimeMissing."""
    try:
        return import_module("cuda.bindings.runtime")
    except (ImportError, OSError, RuntimeError) as error:
        raise RuntimeMissing(
            f"the CUDA bindings cannot be loaded: {error}", hint='pip install "face-monitor[gpu]"'
        ) from error


class Cuda:
    """CUDA with errors instead of return codes. Raises RuntimeMissing where no GPU can be used, else InferenceError."""

    def __init__(self, cudart: Any) -> None:
        self._cudart = cudart
        if not self.call("cudaGetDeviceCount"):
            raise RuntimeMissing("there is no NVIDIA GPU", hint="leave --runtime away: then what is there is used")

    def call(self, name: str, *arguments: Any) -> Any:
        """The answer of the CUDA function `name`: None, one value, or a tuple."""
        code, *answer = getattr(self._cudart, name)(*arguments)
        if int(code) != 0:
            raise _error(name, int(code), self._says(code))
        return answer[0] if len(answer) == 1 else tuple(answer) or None

    def _says(self, code: Any) -> str:
        _, text = self._cudart.cudaGetErrorString(code)
        return text.decode() if isinstance(text, bytes) else str(text)

    def stream(self) -> Any:
        """A stream that does not wait for the default one."""
        return self.call("cudaStreamCreateWithFlags", self._cudart.cudaStreamNonBlocking)

    def pinned(self, n_bytes: int) -> tuple[Any, U8]:
        """(pointer, the same memory as uint8 (n_bytes,)): page-locked, so that copies need no detour."""
        pointer = self.call("cudaMallocHost", n_bytes)
        memory = (ctypes.c_uint8 * n_bytes).from_address(int(pointer))
        return pointer, np.frombuffer(memoryview(memory), np.uint8)

    def upload(self, device: Any, host: Any, n_bytes: int, stream: Any) -> None:
        self._copy(device, host, n_bytes, "cudaMemcpyHostToDevice", stream)

    def download(self, host: Any, device: Any, n_bytes: int, stream: Any) -> None:
        self._copy(host, device, n_bytes, "cudaMemcpyDeviceToHost", stream)

    def move(self, to: Any, source: Any, n_bytes: int, stream: Any) -> None:
        """Within the GPU's memory."""
        self._copy(to, source, n_bytes, "cudaMemcpyDeviceToDevice", stream)

    def _copy(self, to: Any, source: Any, n_bytes: int, kind: str, stream: Any) -> None:
        self.call("cudaMemcpyAsync", to, source, n_bytes, getattr(self._cudart.cudaMemcpyKind, kind), stream)

    def begin_capture(self, stream: Any) -> None:
        mode = self._cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.call("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: Any) -> Any:
        """The captured work, ready to be launched."""
        graph = self.call("cudaStreamEndCapture", stream)
        try:
            return self.call("cudaGraphInstantiate", graph, 0)
        finally:
            self.call("cudaGraphDestroy", graph)


def open_cuda() -> Cuda:
    """Raises RuntimeMissing where no GPU can be used."""
    return Cuda(load_cudart())


def _error(name: str, code: int, text: str) -> EngineError:
    said = f"{name}: {text} ({code})"
    if code in _NO_GPU:
        hint = "install NVIDIA's driver, or leave --runtime away"
        return RuntimeMissing(f"no GPU can be used: {_NO_GPU[code]}; {said}", hint=hint)
    if code in _OUT_OF_MEMORY:
        hint = "build with a smaller --max-batch, or free the GPU"
        return InferenceError(f"the GPU's memory is full; {said}", hint=hint)
    if code in _LOST:
        hint = "start the program again; `dmesg` may say more"
        return InferenceError(f"the GPU is lost ({_LOST[code]}); {said}", hint=hint)
    return InferenceError(f"CUDA failed; {said}", hint="try --runtime onnxruntime")

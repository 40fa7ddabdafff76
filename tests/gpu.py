"""A GPU that is none: the CUDA runtime and the part of TensorRT that runs plans, on the CPU, as tests need them.

Memory is real memory, a stream does at once what it is told, captured work is done again when its graph is launched.
A "plan" is the ONNX graph it would have been built from; ONNX Runtime computes its answers. Every call is written down.
"""

# ruff: noqa: N802, N815 - the names are NVIDIA's

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from engines.trt.layers import precision_asked
from engines.trt.library import Library


class FakeCudart:
    """`cuda.bindings.runtime`, as far as engines.trt.cuda calls it. `fail[name] = code` makes a call fail."""

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self) -> None:
        self.fail: dict[str, int] = {}
        self.calls: list[str] = []
        self.held: dict[int, Any] = {}
        """What is allocated now, by handle."""
        self.capturing: list[Callable[[], None]] | None = None
        self._next = 1

    def __getattr__(self, name: str) -> Callable[..., tuple[Any, ...]]:
        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append(name)
            if code := self.fail.get(name, 0):
                return (code,) if name.startswith(("cudaFree", "cudaMemcpy")) else (code, None)
            if name == "cudaStreamEndCapture" and self.capturing is None:
                return 901, None  # cudaErrorStreamCaptureInvalidated: nothing was being captured
            return (0, *getattr(self, f"_{name}")(*arguments))

        return call

    def do(self, work: Callable[[], None]) -> None:
        """Now, or later where the stream is captured."""
        if self.capturing is None:
            work()
        else:
            self.capturing.append(work)

    def cudaGetErrorString(self, code: int) -> tuple[int, bytes]:
        return 0, f"error {code} of the fake".encode()

    def _hold(self, what: Any) -> tuple[int]:
        handle, self._next = self._next, self._next + 1
        self.held[handle] = what
        return (handle,)

    def _allocate(self, n_bytes: int) -> tuple[int]:
        memory = (ctypes.c_uint8 * n_bytes)()
        self.held[ctypes.addressof(memory)] = memory
        return (ctypes.addressof(memory),)

    def _release(self, handle: int) -> tuple[()]:
        del self.held[handle]
        return ()

    def _nothing(self, *_: Any) -> tuple[()]:
        return ()

    def _cudaGetDeviceCount(self) -> tuple[int]:
        return (1,)

    def _cudaStreamCreateWithFlags(self, _: int) -> tuple[int]:
        return self._hold("stream")

    _cudaMallocHost = _cudaMalloc = _allocate
    _cudaFreeHost = _cudaFree = _cudaStreamDestroy = _cudaGraphDestroy = _cudaGraphExecDestroy = _release
    _cudaStreamSynchronize = _nothing

    def _cudaMemcpyAsync(self, to: int, source: int, n_bytes: int, _kind: int, _stream: int) -> tuple[()]:
        self.do(lambda: ctypes.memmove(to, source, n_bytes) and None)
        return ()

    def _cudaStreamBeginCapture(self, _stream: int, _mode: int) -> tuple[()]:
        self.capturing = []
        return ()

    def _cudaStreamEndCapture(self, _stream: int) -> tuple[int]:
        captured, self.capturing = self.capturing, None
        return self._hold(captured)

    def _cudaGraphInstantiate(self, graph: int, _flags: int) -> tuple[int]:
        return self._hold(list(self.held[graph]))

    def _cudaGraphLaunch(self, graph: int, _stream: int) -> tuple[()]:
        for work in self.held[graph]:
            work()
        return ()


class _Context:
    def __init__(self, session: Any, cudart: FakeCudart) -> None:
        self._session, self._cudart = session, cudart
        self._address: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shape = shape
        return name == "rgb" and shape[1:] == tuple(self._session.get_inputs()[0].shape[1:])

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._address[name] = address
        return name in ("rgb", "probs")

    def execute_async_v3(self, stream: int) -> bool:
        shape, address = self._shape, dict(self._address)
        self._cudart.do(lambda: self._run(shape, address))
        return stream in self._cudart.held

    def _run(self, shape: tuple[int, ...], address: dict[str, int]) -> None:
        rgb = np.ctypeslib.as_array((ctypes.c_uint8 * int(np.prod(shape))).from_address(address["rgb"])).reshape(shape)
        probs = self._session.run(None, {"rgb": rgb})[0].astype(np.float32)
        ctypes.memmove(address["probs"], probs.ctypes.data, probs.nbytes)


class _RuntimeCache:
    """Holds a line for every context that was made with it; takes what begins with the name of its GPU."""

    def __init__(self, gpu: str) -> None:
        self._gpu, self.lines = gpu, [gpu]

    def deserialize(self, data: bytes) -> bool:
        lines = data.decode().splitlines()
        if lines[0] != self._gpu:
            return False
        self.lines = lines
        return True

    def serialize(self) -> bytes:
        return "\n".join(self.lines).encode()


class FakeEngine:
    """A deserialised plan."""

    def __init__(self, plan: bytes, cudart: FakeCudart, gpu: str) -> None:
        self._session = ort.InferenceSession(plan, providers=["CPUExecutionProvider"])
        self._plan, self._cudart, self._gpu = plan, cudart, gpu

    def create_engine_inspector(self) -> Any:
        def get_engine_information(_: Any) -> str:
            asked = precision_asked(onnx.load_model_from_string(self._plan))
            layers = [
                {"Name": n, "Weights": {"Type": kind}, "Metadata": f"[ONNX Layer: {n}]"} for n, kind in asked.items()
            ]
            return json.dumps({"Layers": layers})

        return SimpleNamespace(get_engine_information=get_engine_information)

    def create_runtime_config(self) -> Any:
        def create_runtime_cache() -> _RuntimeCache:
            return _RuntimeCache(self._gpu)

        config = SimpleNamespace(create_runtime_cache=create_runtime_cache, cache=None)
        config.set_runtime_cache = lambda cache: setattr(config, "cache", cache)
        return config

    def create_execution_context(self, config: Any = None) -> _Context:
        if config is not None:
            config.cache.lines.append(config.dynamic_shapes_kernel_specialization_strategy)
        return _Context(self._session, self._cudart)


REFUSAL = (
    "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine cannot run on this GPU, which has "
    "compute capability 9.0. Supported compute capabilities: 8.0 8.6 8.9 12.0 12.1 >12.0.)"
)
"""What TensorRT-RTX 1.7.1 says on an H200 (docs/measurements/gpu.md)."""


def fake_library(
    cudart: FakeCudart, *, takes_plans: bool = True, gpu: str = "a fake GPU", runtime: str = "tensorrt-rtx"
) -> Library:
    """A library that runs ONNX graphs as plans; with `takes_plans` false it refuses them, as another GPU's."""

    class ILogger:
        pass

    class Runtime:
        engine_host_code_allowed = False

        def __init__(self, logger: Any) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            if not takes_plans:
                self._logger.log(SimpleNamespace(name="ERROR"), REFUSAL)
                return None
            return FakeEngine(plan, cudart, gpu)

    trt = SimpleNamespace(
        ILogger=ILogger,
        Runtime=Runtime,
        LayerInformationFormat=SimpleNamespace(JSON="json"),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER="eager"),
    )
    return Library(runtime, trt, "0 of the fake")

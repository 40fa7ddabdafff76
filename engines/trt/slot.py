"""What one thread needs to run a plan: a stream, buffers allocated once, a captured graph for each size of batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.contract import F32, U8, Card, EngineError, InferenceError
from engines.trt.cuda import Cuda

_AGAIN = "build the engine again: monitor engine clean --all"


def bucket_for(n: int, max_batch: int) -> int:
    """The batch that `n` crops run in: the next power of four, at most `max_batch`.

    Every size costs a context and a graph, and empty places cost little on a GPU.
    """
    size = 1
    while size < n:
        size *= 4
    return min(size, max_batch)


@dataclass(frozen=True, slots=True)
class _Bucket:
    """One size of batch. Its context has seen no other shape, so its graph stays true."""

    batch: int
    context: Any
    graph: Any
    """None where it could not be captured."""


class Slot:
    """Not to be shared between threads: an execution context may run once at a time."""

    def __init__(
        self, cuda: Cuda, make_context: Callable[[], Any], card: Card, max_batch: int, say: Callable[[str], None]
    ) -> None:
        """Allocates buffers for `max_batch` crops. Raises EngineError; nothing stays allocated then."""
        self._cuda, self._make_context, self._card = cuda, make_context, card
        self._max_batch, self._say = max_batch, say
        self._crop_bytes, self._row_bytes = card.input_px**2 * 3, 4 * len(card.classes)
        self._buckets: dict[int, _Bucket] = {}
        self._frees: list[tuple[str, Any]] = []
        try:
            self._stream = self._keep("cudaStreamDestroy", cuda.stream())
            pointer, self._host_rgb = cuda.pinned(max_batch * self._crop_bytes)
            self._host_rgb_at = self._keep("cudaFreeHost", pointer)
            pointer, host_probs = cuda.pinned(max_batch * self._row_bytes)
            self._host_probs_at = self._keep("cudaFreeHost", pointer)
            self._host_probs = host_probs.view(np.float32).reshape(max_batch, len(card.classes))
            self._rgb_at = self._keep("cudaFree", cuda.call("cudaMalloc", max_batch * self._crop_bytes))
            self._probs_at = self._keep("cudaFree", cuda.call("cudaMalloc", max_batch * self._row_bytes))
        except BaseException:
            self.close()
            raise

    def _keep(self, free: str, what: Any) -> Any:
        self._frees.append((free, what))
        return what

    def infer(self, rgb: U8) -> F32:
        """Probabilities (N, K) of crops uint8 (N, P, P, 3), N of 1 to max_batch; a new array. Raises InferenceError."""
        n = len(rgb)
        self._host_rgb[: n * self._crop_bytes] = np.ascontiguousarray(rgb).reshape(-1)
        batch = bucket_for(n, self._max_batch)
        if batch not in self._buckets:
            self._buckets[batch] = self._open(batch)
        bucket = self._buckets[batch]
        if bucket.graph is None:
            self._enqueue(bucket.context, batch)
        else:
            self._cuda.call("cudaGraphLaunch", bucket.graph, self._stream)
        self._cuda.call("cudaStreamSynchronize", self._stream)
        return self._host_probs[:n].copy()

    def _open(self, batch: int) -> _Bucket:
        """A context for this size, run once as it is (what is compiled late is compiled now), then captured."""
        context = self._make_context()
        if context is None:
            raise InferenceError("no execution context: is the GPU's memory full?", hint="free the GPU")
        shape = (batch, self._card.input_px, self._card.input_px, 3)
        if not context.set_input_shape("rgb", shape):
            raise InferenceError(f"the plan does not take {shape}", hint=_AGAIN)
        for name, address in (("rgb", self._rgb_at), ("probs", self._probs_at)):
            if not context.set_tensor_address(name, int(address)):
                raise InferenceError(f"the plan has no tensor {name}", hint=_AGAIN)
        self._enqueue(context, batch)
        self._cuda.call("cudaStreamSynchronize", self._stream)
        return _Bucket(batch, context, self._captured(context, batch))

    def _captured(self, context: Any, batch: int) -> Any:
        try:
            self._cuda.begin_capture(self._stream)
            self._enqueue(context, batch)
            graph = self._cuda.end_capture(self._stream)
        except EngineError as error:
            self._say(f"no CUDA graph for batch {batch}, its layers are launched one by one: {error}")
            with contextlib.suppress(EngineError):  # a stream must not stay in capture
                self._cuda.call("cudaGraphExecDestroy", self._cuda.end_capture(self._stream))
            return None
        return self._keep("cudaGraphExecDestroy", graph)

    def _enqueue(self, context: Any, batch: int) -> None:
        """Upload, run, download, on the stream."""
        self._cuda.upload(self._rgb_at, self._host_rgb_at, batch * self._crop_bytes, self._stream)
        if not context.execute_async_v3(int(self._stream)):
            raise InferenceError("the library did not run the plan", hint="try --runtime onnxruntime")
        self._cuda.download(self._host_probs_at, self._probs_at, batch * self._row_bytes, self._stream)

    def close(self) -> None:
        """Frees everything; may be called twice."""
        self._buckets.clear()
        while self._frees:
            free, what = self._frees.pop()
            try:
                self._cuda.call(free, what)
            except EngineError as error:  # a lost GPU frees nothing
                self._say(f"while closing the engine: {error}")

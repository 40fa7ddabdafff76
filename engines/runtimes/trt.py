"""Engines on NVIDIA GPUs: a plan, run by TensorRT or TensorRT-RTX, one execution context for each thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from engines.contract import F32, U8, Card, EngineInfo, InferenceError, check_crops
from engines.trt.contexts import Contexts
from engines.trt.cuda import Cuda
from engines.trt.library import Library
from engines.trt.loaded import LoadedPlan
from engines.trt.slot import Slot


class TrtEngine:
    """A deserialised plan. May be called from several threads, each of which gets buffers and a stream of its own."""

    def __init__(
        self, library: Library, cuda: Cuda, plan: bytes, card: Card, info: EngineInfo, *, max_batch: int,
        say: Callable[[str], None], compiled: bytes = b"", keep: Callable[[bytes], None] = lambda _: None,
        portable: bool = False,
    ) -> None:  # fmt: skip
        """`compiled` is what an earlier engine of this plan gave to `keep`; `portable`: it brings code for the host.

        Raises BuildError for a plan that this GPU does not take.
        """
        self.card, self.info = card, info
        self._cuda, self._max_batch, self._say, self._keep = cuda, max_batch, say, keep
        loaded = LoadedPlan(library, plan, portable=portable)
        self._contexts: Contexts | None = Contexts(library, loaded, compiled, say)
        self._slots: dict[int, Slot] = {}
        self._making = threading.Lock()

    def infer(self, rgb: U8) -> F32:
        """Probabilities float32 (N, K) for uint8 crops (N, H, W, 3); N = 0 gives (0, K). Raises InferenceError."""
        check_crops(rgb, self.card)
        slot = self._slot()
        step = self._max_batch
        parts = [slot.infer(rgb[start : start + step]) for start in range(0, len(rgb), step)]
        self._keep_news()
        answer = np.concatenate(parts) if parts else np.empty((0, len(self.card.classes)), np.float32)
        if not np.isfinite(answer).all():
            raise InferenceError("the engine's answer holds numbers that are not finite", hint="try --precision fp32")
        return answer

    def _slot(self) -> Slot:
        me = threading.get_ident()
        with self._making:
            self._open_contexts()
            if me not in self._slots:
                self._drop_slots_of_ended_threads()
                self._slots[me] = Slot(self._cuda, self._context, self.card, self._max_batch, self._say)
            return self._slots[me]

    def _open_contexts(self) -> Contexts:
        if self._contexts is None:
            raise InferenceError("the engine is closed", hint="open another one with open_engine")
        return self._contexts

    def _context(self) -> Any:
        with self._making:
            return self._open_contexts().make()

    def _keep_news(self) -> None:
        with self._making:
            news = self._open_contexts().news()
        if news:
            self._keep(news)

    def _drop_slots_of_ended_threads(self) -> None:
        living = {thread.ident for thread in threading.enumerate()}
        for ended in self._slots.keys() - living:
            self._slots.pop(ended).close()

    def close(self) -> None:
        """Frees the GPU; may be called twice, and not while another thread is in `infer`."""
        with self._making:
            for slot in self._slots.values():
                slot.close()
            self._slots.clear()
            self._contexts = None  # and with it the plan

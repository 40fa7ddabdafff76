"""Engines on the CPU: ONNX Runtime runs the bundle's graph, or the int8 one derived from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract import F32, U8, BuildError, Card, EngineInfo, InferenceError, RuntimeMissing, check_crops

try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as _errors
except ImportError as error:
    raise RuntimeMissing(f"ONNX Runtime cannot be loaded: {error}", hint="pip install onnxruntime") from error

VERSION: str = onnxruntime.__version__

_VENDOR_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(kind for kind in vars(_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)

_AT_ONCE = 16
"""Crops in one run: more is no faster on a CPU and only takes memory."""


class OrtEngine:
    """An ONNX graph in ONNX Runtime's CPU provider. May be called from several threads."""

    def __init__(self, graph: bytes, card: Card, info: EngineInfo, *, threads: int) -> None:
        """Raises BuildError where the graph does not load or does not answer what the card says."""
        self.card, self.info = card, info
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin between calls would take the cores from decoder and detector (cost: 0.4 ms a call).
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        onnxruntime.disable_telemetry_events()
        try:
            self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except _VENDOR_ERRORS as error:
            raise BuildError(f"ONNX Runtime cannot load the model: {error}", hint="reinstall the program") from error
        (rgb, *_), (probs, *_) = self._session.get_inputs(), self._session.get_outputs()
        if rgb.shape[1:] != [card.input_px, card.input_px, 3] or probs.shape[1:] != [len(card.classes)]:
            raise BuildError(
                f"the model takes {rgb.shape} and answers {probs.shape}, "
                f"its card says {card.input_px} px and {len(card.classes)} classes",
                hint="the bundle was put together wrongly: export it again",
            )
        self._input, self._output = rgb.name, probs.name

    def infer(self, rgb: U8) -> F32:
        """Probabilities float32 (N, K) for uint8 crops (N, H, W, 3); N = 0 gives (0, K). Raises InferenceError."""
        check_crops(rgb, self.card)
        session = self._session
        if session is None:
            raise InferenceError("the engine is closed", hint="open another one with open_engine")
        answer = np.empty((len(rgb), len(self.card.classes)), np.float32)
        try:
            for start in range(0, len(rgb), _AT_ONCE):
                part = np.ascontiguousarray(rgb[start : start + _AT_ONCE])
                answer[start : start + _AT_ONCE] = session.run([self._output], {self._input: part})[0]
        except _VENDOR_ERRORS as error:
            raise InferenceError(f"ONNX Runtime failed: {error}") from error
        if not np.isfinite(answer).all():
            raise InferenceError("the model's answer holds numbers that are not finite", hint="try --precision fp32")
        return answer

    def close(self) -> None:
        """Frees the session; may be called twice."""
        self._session = None

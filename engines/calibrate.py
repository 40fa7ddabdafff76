"""Ranges of activations, measured once when a bundle is made and stored in its card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engines.contract import U8, BuildError

if TYPE_CHECKING:
    import onnx

_ACTIVATIONS = ("Relu", "Clip")
_BINS = 4096
_AT_ONCE = 4
"""Crops in one run; all activations of a run are in memory at the same time (17 MB a crop for VGG16 at 128 px)."""


def calibrate(model_bytes: bytes, batches: Iterable[U8]) -> dict[str, tuple[float, float]]:
    """{tensor: (low, high)} for `engines.quantise.qdq_graph`, from batches of uint8 (N, H, W, 3); a few hundred do.

    The last hidden layer gets no range: it and the logits stay float. Behind a Relu, high is where the squared error
    of 8 bits is least: rare large values may be cut for the sake of all others. Memory does not grow with the number
    of batches. Raises BuildError where no crop comes.
    """
    import onnx
    import onnxruntime as ort

    model = onnx.load_model_from_string(model_bytes)
    names = _measured(model)
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    spreads = {name: _Spread() for name in names}
    for batch in batches:
        for start in range(0, len(batch), _AT_ONCE):
            values = session.run(names, {"rgb": np.ascontiguousarray(batch[start : start + _AT_ONCE])})
            for name, array in zip(names, values, strict=True):
                spreads[name].add(array)
    if not all(spread.seen for spread in spreads.values()):
        raise BuildError("no crops to calibrate with", hint="give at least one batch of crops")
    return {name: spread.range() for name, spread in spreads.items()}


def _measured(model: onnx.ModelProto) -> list[str]:
    """What int8 arithmetic needs the range of.

    That is the first convolution's input, every activation, and sums and convolutions without one; not the last hidden
    dense layer.
    """
    nodes = list(model.graph.node)
    first = next(node.input[0] for node in nodes if node.op_type == "Conv")
    activated = {node.input[0] for node in nodes if node.op_type in _ACTIVATIONS}
    made = {node.output[0]: node.op_type for node in nodes}
    names = [
        node.output[0]
        for node in nodes
        if node.op_type in (*_ACTIVATIONS, "Add") or (node.op_type == "Conv" and node.output[0] not in activated)
    ]
    last = next((node.input[0] for node in nodes if node.output[0] == names[-1]), "")
    return [first, *(names[:-1] if made.get(last) == "Gemm" else names)]


class _Spread:
    """How often which values came: a histogram of those above 0 whose bins grow in pairs, and the extremes."""

    def __init__(self) -> None:
        self.seen = False
        self._low = self._high = 0.0
        self._top = 2.0**-10
        self._counts = np.zeros(_BINS, np.int64)

    def add(self, values: npt.NDArray[Any]) -> None:
        self.seen = True
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        while self._top < self._high:
            self._top *= 2
            self._counts = np.concatenate([self._counts.reshape(-1, 2).sum(axis=1), np.zeros(_BINS // 2, np.int64)])
        bins = np.clip(values.reshape(-1) * (_BINS / self._top), 0, _BINS - 1).astype(np.int32)
        self._counts += np.bincount(bins, minlength=_BINS)

    def range(self) -> tuple[float, float]:
        """(low, high) worth 8 bits."""
        if self._low < 0:  # the picture itself: it fills its range and has no outliers
            return self._low, self._high
        edges = np.arange(1, _BINS + 1) * (self._top / _BINS)
        middles = edges - self._top / _BINS / 2
        counts = self._counts.astype(np.float64)
        counts[0] = 0  # zeros are exact in every grid
        above = [moment.sum() - np.cumsum(moment) for moment in (counts, counts * middles, counts * middles**2)]
        cut = above[2] - 2 * edges * above[1] + edges**2 * above[0]
        rounding = (edges / 255) ** 2 / 12 * np.cumsum(counts)
        best = float(edges[np.argmin(cut + rounding)]) if counts.any() else self._high
        return 0.0, min(best, self._high)

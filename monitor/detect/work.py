"""How much arithmetic the detector's models ask for, read from their files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from monitor.detect.models import FOLDER, Model, load_model

CONV, DEPTHWISE = 3, 4
"""Of BuiltinOperator in TensorFlow Lite's schema."""


def multiplications(model: Model, folder: Path = FOLDER) -> int | None:
    """Multiplications (each with an addition) of all convolutions for one picture; None where they cannot be read.

    Weights stored as sparse count whole: that is what is done with them here. Raises DetectorError.
    """
    schema = _schema()
    if schema is None:
        return None
    graph = schema.Model.GetRootAsModel(load_model(model, folder), 0)
    codes = [graph.OperatorCodes(i) for i in range(graph.OperatorCodesLength())]
    part, total = graph.Subgraphs(0), 0
    for i in range(part.OperatorsLength()):
        node = part.Operators(i)
        kind = max(codes[node.OpcodeIndex()].BuiltinCode(), codes[node.OpcodeIndex()].DeprecatedBuiltinCode())
        if kind not in (CONV, DEPTHWISE):
            continue
        weights = part.Tensors(node.Inputs(1)).ShapeAsNumpy().astype(np.int64)
        places = part.Tensors(node.Outputs(0)).ShapeAsNumpy().astype(np.int64)[1:3]
        total += int(np.prod(places) * np.prod(weights))
    return total


def _schema() -> Any:
    """The reader of such files that comes with MediaPipe, without loading MediaPipe; None where it does not."""
    found = importlib.util.find_spec("mediapipe")
    path = None if found is None or found.origin is None else Path(found.origin).parent / "tasks/metadata"
    if path is None or not (file := path / "schema_py_generated.py").is_file():
        return None
    spec = importlib.util.spec_from_file_location("monitor_tflite_schema", file)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError:  # flatbuffers is missing
        return None
    return module

"""What several commands let choose."""

from enum import StrEnum


class Precision(StrEnum):
    """Arithmetic of an engine, as monitor.settings and engines.artefacts list it."""

    INT8 = "int8"
    FP16 = "fp16"
    FP32 = "fp32"

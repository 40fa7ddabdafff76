"""From a bundle to probabilities: `open_engine().infer(crops)`. Loads no runtime before it is asked to."""

import os

# From 1.29 on ONNX Runtime reports to its maker, on Linux and macOS too: importing it is enough to write a device id
# and to start an uploader, and `disable_telemetry_events` comes too late for that. This must stand before the import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from engines.build import RUNTIMES, open_engine
from engines.bundle import Bundle, load_bundle, shipped_bundles, write_bundle
from engines.contract import (
    BuildError,
    BundleError,
    Card,
    Engine,
    EngineError,
    EngineInfo,
    InferenceError,
    RuntimeMissing,
)

__all__ = [
    "RUNTIMES",
    "BuildError",
    "Bundle",
    "BundleError",
    "Card",
    "Engine",
    "EngineError",
    "EngineInfo",
    "InferenceError",
    "RuntimeMissing",
    "load_bundle",
    "open_engine",
    "shipped_bundles",
    "write_bundle",
]

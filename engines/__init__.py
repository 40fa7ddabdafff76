"""From a bundle to probabilities: `open_engine().infer(crops)`. Loads no runtime before it is asked to."""

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

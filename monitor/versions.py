"""Which versions are at work."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

PARTS = ("numpy", "opencv-contrib-python", "mediapipe", "av", "onnx", "onnxruntime")


def own_version() -> str:
    """The version of this program, also where it runs from a checkout that is not installed."""
    try:
        return metadata.version("face-monitor")
    except metadata.PackageNotFoundError:
        import tomllib

        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
        return str(project["project"]["version"])


def versions() -> dict[str, str]:
    """{part: version} of the program, Python and the libraries whose version changes results."""
    found = {"monitor": own_version(), "python": platform.python_version()}
    return found | {part: metadata.version(part) for part in PARTS}

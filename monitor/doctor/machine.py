"""The machine around the program."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from monitor.doctor.check import Finding
from monitor.settings import Settings

LOW_MB, VERY_LOW_MB = 1000, 50
"""A minute of recorded video is about 20 MB, the cached engines together about 100."""


def look_at_versions(_settings: Settings) -> Finding:
    from monitor.versions import versions

    return Finding("ok", ", ".join(f"{part} {version}" for part, version in versions().items()))


def look_for_cameras(_settings: Settings) -> Finding:
    """Whether there are any, and whether they may be opened."""
    from monitor.sources.camera_list import list_cameras

    cameras = list_cameras()
    if not cameras:
        cure = "plug one in (in a container: --device /dev/video0); without one, `monitor run` plays the demo scene"
        return Finding("warn", "no camera found", cure)
    names = ", ".join(f"{camera.device} ({camera.name})" for camera in cameras)
    if sys.platform == "linux" and not all(os.access(camera.device, os.R_OK | os.W_OK) for camera in cameras):
        return Finding("warn", f"{names}: not all may be opened", "sudo usermod -aG video $USER, then log in again")
    return Finding("ok", names)


def look_for_display(_settings: Settings) -> Finding:
    from monitor.sinks.display import display_problem

    problem = display_problem()
    if problem is None:
        return Finding("ok", "a window can be opened")
    cure = "start it in a desktop session; without one, `monitor run` shows a live summary in the terminal"
    return Finding("warn", problem, cure)


def look_for_gpu(_settings: Settings) -> Finding:
    """Never a fail: everything also runs on the CPU."""
    from engines.machine import nvidia_gpu

    parts = [name for name in ("tensorrt", "tensorrt_rtx") if find_spec(name) is not None]
    libraries = f"{', '.join(parts)} installed" if parts else "TensorRT not found"
    gpu = nvidia_gpu(patience_s=10)
    if gpu is not None:
        return Finding("ok", f"{gpu} found, {libraries}; what runs is in the line of the engine")
    if shutil.which("nvidia-smi") is not None:
        what = f"an NVIDIA driver is installed but names no GPU, {libraries}: the CPU is used"
        return Finding("warn", what, "nvidia-smi (it says what the driver misses)")
    return Finding("ok", f"no NVIDIA GPU found, {libraries}: the CPU is used")


def look_at_cache(_settings: Settings) -> Finding:
    """Writes a file where the built engines are kept."""
    from engines.cache import cache_folder

    folder = cache_folder()
    cure = f"make it writable (sudo chown -R $USER {folder}), or set MONITOR_CACHE to a folder that is"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
            file.flush()
    except OSError as error:
        return Finding("fail", f"{folder} cannot be written: {error.strerror}", cure)
    return Finding("ok", f"{folder} can be written")


def look_at_disk(_settings: Settings) -> Finding:
    """Space where recordings go: the folder we are in."""
    free_mb = shutil.disk_usage(Path.cwd()).free // 2**20
    what = f"{free_mb / 1024:.1f} GiB free in {Path.cwd()}"
    if free_mb >= LOW_MB:
        return Finding("ok", what)
    return Finding("fail" if free_mb < VERY_LOW_MB else "warn", what, "free some space, or record to another disk")

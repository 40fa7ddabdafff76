"""What every test stands on: data by MONITOR_DATA, GPUs by mark, and a cache folder that is not the user's."""

from __future__ import annotations

import ctypes
import os
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ours", deadline=None)  # a busy machine is no failure
settings.load_profile("ours")


@cache
def gpu_here() -> bool:
    """Whether the NVIDIA driver answers and names at least one device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not gpu_here():
        if os.environ.get("REQUIRE_GPU") == "1":
            pytest.fail("REQUIRE_GPU=1, but no GPU answers here")
        pytest.skip("needs a GPU")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of pictures and clips named by MONITOR_DATA."""
    named = os.environ.get("MONITOR_DATA")
    if not named:
        pytest.skip("needs the data folder: set MONITOR_DATA")
    folder = Path(named)
    assert folder.is_dir(), f"MONITOR_DATA={named} is not a folder"
    return folder


# Engines built by tests, and by programs they start, go to a folder of this session. Set here and not in a fixture:
# test modules copy the environment when they are imported.
_cache = tempfile.TemporaryDirectory(prefix="monitor-cache-")
os.environ["MONITOR_CACHE"] = _cache.name


def pytest_unconfigure() -> None:
    _cache.cleanup()

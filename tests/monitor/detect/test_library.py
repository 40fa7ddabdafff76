"""MediaPipe as a visitor: what it does not bring along, and what it may not say."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from monitor.detect.library import without_chatter

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
import numpy as np
from monitor.detect import FaceDetector
from monitor.settings import DetectorSettings
detector = FaceDetector(DetectorSettings())
detector.detect_all(np.full((240, 320, 3), 99, np.uint8))
detector.close()
print(sorted({"tensorflow", "matplotlib", "matplotlib.pyplot", "sounddevice"} & set(sys.modules)))
import tensorflow, matplotlib
print(tensorflow.__file__ == sys.argv[1], hasattr(matplotlib, "get_backend"))
from mediapipe.tasks.python.vision import drawing_utils
print(callable(drawing_utils.plt.figure))
"""


def test_no_tensorflow_no_matplotlib_no_noise_and_all_there_afterwards(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    module = tmp_path / "tensorflow.py"
    module.write_text("")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", PROGRAM, str(module)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "True True", "True"]
    # Where its first tensor lies is chance: one run in hundreds says that it is not aligned only after the start.
    noise = [
        line for line in done.stderr.splitlines(keepends=True) if "aligned" not in line and "InitGoogle" not in line
    ]
    assert noise == []


def test_chatter_is_dropped_and_everything_else_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        os.write(2, b"INFO: [environment.cc:36] Creating LiteRT environment\nWARNING: the camera is hot\n")
        os.write(
            2, b"W0000 00:00:1795487285.108213   11552 runner.cc:1418] not aligned\nE0000 00:00:17.1 1 x.cc:1] no\n"
        )
        os.write(2, b"Traceback (most recent call last):\n")
    os.write(2, b"INFO: [later.cc:1] said later\n")
    assert capfd.readouterr().err.splitlines() == [
        "WARNING: the camera is hot",
        "E0000 00:00:17.1 1 x.cc:1] no",
        "Traceback (most recent call last):",
        "INFO: [later.cc:1] said later",
    ]


def test_what_was_said_before_an_error_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    def breaks() -> None:
        with without_chatter():
            os.write(2, b"ERROR: no such device\n")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        breaks()
    assert capfd.readouterr().err == "ERROR: no such device\n"


QUIET = """
import sys
from monitor.detect.library import without_chatter
with without_chatter():
    print("here")
"""


@pytest.mark.skipif(os.name == "nt", reason="closes stderr as a shell does")
def test_a_closed_stderr_is_no_trouble(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, QUIET],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "here\n")


def test_nowhere_to_keep_what_is_said_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with without_chatter():
        os.write(2, b"INFO: [later.cc:1] said\n")
    assert capfd.readouterr().err == "INFO: [later.cc:1] said\n"

"""`monitor run` as a process: signals, what it loads, what it opens, and that a long run stays flat."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.people import played, walk, walk_video
from tests.system import need_program
from tests.videos import write_video

ROOT = Path(__file__).parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "dumb"}
MOST_RESIDENT_BYTES = 600e6


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walk_video(tmp_path_factory.mktemp("clips") / "clip.mp4", 60)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_written_before_a_signal_is_whole(
    bundle: Path, tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    events, film = tmp_path / "e.jsonl", walk_video(tmp_path / "long.mp4", 600)
    args = ("--source", film, "--bundle", bundle, "--events", events, "--record", "out.mp4", "--summary", "s.json")
    command = [sys.executable, "-m", "monitor", "run", "--headless", *map(str, args)]
    with subprocess.Popen(command, cwd=tmp_path, env=ENV, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        limit = time.monotonic() + 60
        while not (events.exists() and events.stat().st_size) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        process.send_signal(signum)
        assert process.wait(60) == code
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "wrote out.mp4" in said
    told = [json.loads(line) for line in events.read_text().splitlines()]
    frames = json.loads((tmp_path / "s.json").read_text())["frames"]
    assert (told[0]["event"], told[-1]["event"]) == ("appeared", "gone")
    assert told[-1]["frame"] == frames - 1
    assert 0 < len(played(tmp_path / "out.mp4")) == frames < 600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.jsonl", "long.mp4", "out.mp4", "s.json"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")
def test_a_run_is_small_and_brings_no_training_library(bundle: Path, tmp_path: Path) -> None:
    """720p; where TensorFlow is installed, MediaPipe would load it: 450 MB."""
    film = write_video(tmp_path / "720p.mp4", walk(25, size_px=(1280, 720)))
    code = (
        "import json, sys\n"
        "import psutil\n"
        "from monitor.cli import main\n"
        f"sys.argv = ['monitor', 'run', '--headless', '--source', {str(film)!r}, '--bundle', {str(bundle)!r}]\n"
        "status = main()\n"
        "maps = open('/proc/self/maps').read()\n"
        "unwanted = ('tensorflow', 'keras', 'torch', 'jax', 'matplotlib')\n"
        "loaded = [name for name in unwanted if f'/{name}/' in maps or name in sys.modules]\n"
        "print(json.dumps([status, loaded, psutil.Process().memory_info().rss]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    status, loaded, resident = json.loads(done.stdout)
    assert status == 0
    assert loaded == [], f"TensorFlow installed: {importlib.util.find_spec('tensorflow') is not None}"
    assert resident < MOST_RESIDENT_BYTES


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs strace")
def test_no_thread_of_a_run_opens_an_internet_socket(bundle: Path, clip: Path, tmp_path: Path) -> None:
    """Paced, so that the run lasts long enough for a library that would send something home.

    Two would: MediaPipe, and ONNX Runtime, which also writes a device id to the user's cache folder.
    """
    strace = need_program("strace")
    traces, summary, home = tmp_path / "traces", tmp_path / "s.json", tmp_path / "home"
    traces.mkdir()
    home.mkdir()
    env = ENV | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    args = ("--source", clip, "--pace", 15, "--headless", "--bundle", bundle, "--summary", summary, "--record", "o.mp4")
    command = [strace, "-ff", "-e", "trace=network", "-o", traces / "t", sys.executable, "-m", "monitor", "run", *args]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, env=env, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == [], "a run keeps nothing but engines, and those where it was told to"
    assert json.loads(summary.read_text())["tracks_seen"] >= 1
    files = list(traces.iterdir())
    assert len(files) >= 5, "one for each thread: main, capture, detector, recorder, engine ..."
    calls = [line for path in files for line in path.read_text().splitlines()]
    internet = [line for line in calls if line.startswith("socket(AF_INET") and " = -1 " not in line]
    assert internet == []
    assert not [line for line in calls if "sin_addr" in line or "sin6_addr" in line]


def test_a_long_run_stays_flat(bundle: Path, clip: Path, tmp_path: Path) -> None:
    """tools/soak.py itself, on a run so short that what a start still loads counts as growth: kept frames are more."""
    script, out = ROOT / "tools" / "soak.py", tmp_path / "new" / "soak.json"
    args = (clip, "--frames", 400, "--every", 0.1, "--out", out, "--growth-mb", 80, "--", "--bundle", bundle)
    command = [sys.executable, str(script), *map(str, args)]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text())
    assert json.loads(done.stdout) == told
    assert told["frames"] == 400
    assert 20 < told["rss_mb"]["last_third"] <= told["rss_mb"]["max"] < MOST_RESIDENT_BYTES / 1e6
    assert told["threads"]["growth"] <= 1, "a thread is left behind at each round"
    assert told["open_files"]["growth"] <= 1, "a file is opened again at each round"


def test_soak_ends_as_the_run_ends(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "soak.py"), str(tmp_path / "missing.mp4"), "--every", "0.1"]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "missing.mp4 does not exist" in done.stderr

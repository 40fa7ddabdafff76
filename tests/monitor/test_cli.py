"""The command line as people meet it: a process, its exit code, and what it prints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from monitor import cli
from monitor.commands import run as run_module
from monitor.settings import EngineSettings

ROOT = Path(__file__).parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "dumb"}
HEAVY = "numpy cv2 scipy pydantic yaml rich av mediapipe onnx onnxruntime keras tensorflow torch tensorrt matplotlib"


def monitor(
    *args: object, cwd: Path = ROOT, stdout: object = subprocess.PIPE, columns: int = 120
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *map(str, args)]
    return subprocess.run(
        command,
        cwd=cwd,
        env=ENV | {"COLUMNS": str(columns)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        check=False,
    )


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=ENV, capture_output=True, text=True, timeout=60, check=False)


def assert_two_lines(done: subprocess.CompletedProcess[str], code: int, what: str) -> None:
    """Exactly `error:` and `hint:`, the code of its kind, no traceback."""
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], done.stderr
    assert all(len(line) > len("error: ") for line in lines), done.stderr
    assert what in lines[0]
    assert "Traceback" not in done.stderr


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, monitor.cli; print([name for name in '{HEAVY}'.split() if name in sys.modules])"
    assert python(code).stdout.strip() == "[]"


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']; from monitor.cli import main; code = main();"
        f"print(code, [name for name in '{HEAVY}'.split() if name in sys.modules])"
    )
    output = python(code).stdout
    assert output.splitlines()[-1] == "0 []"
    for command in ("run", "cameras", "doctor", "config", "train"):
        assert f"\n  {command} " in output
    assert monitor().stdout.startswith("Usage: monitor")


def test_help_of_run_gives_each_setting_its_meaning() -> None:
    text = " ".join(monitor("run", "--help", columns=400).stdout.replace("│", " ").split())
    for flag, cls, key in run_module.FLAGS.values():
        assert flag.partition("/")[0] in text
        meaning = " ".join(run_module.meanings()[cls][key.rpartition(".")[2]].split())
        assert meaning in text, flag


def test_precisions_are_the_same_everywhere() -> None:
    from engines.artefacts import PRECISIONS
    from monitor.commands.choices import Precision

    setting = get_args(get_type_hints(EngineSettings)["precision"])
    assert set(PRECISIONS) == set(setting) == {chosen.value for chosen in Precision}


def test_version() -> None:
    done = monitor("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("monitor ")


def test_shell_completion() -> None:
    env = ENV | {"_MONITOR_COMPLETE": "complete_bash", "COMP_WORDS": "monitor ru", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "monitor"], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["run"]


def test_config_show_prints_what_config_reads(tmp_path: Path) -> None:
    shown = monitor("config", "show", "--config", "kiosk", "--set", "source.fps=12").stdout
    (tmp_path / "mine.yaml").write_text(shown)
    assert "fps: 12" in shown
    assert monitor("config", "show", "--config", tmp_path / "mine.yaml").stdout == shown


def test_config_show_hides_passwords() -> None:
    webhook = "kiosk.webhook.url=https://me:geheim@hooks.example/door?token=geheim"
    done = monitor("config", "show", "--set", "source.uri=rtsp://me:geheim@camera/1", "--set", webhook)
    assert "camera/1" in done.stdout
    assert "hooks.example/door" in done.stdout
    assert "geheim" not in done.stdout + done.stderr


def test_config_list_names_the_presets() -> None:
    assert [line.split()[0] for line in monitor("config", "list").stdout.splitlines()] == [
        "analysis",
        "bench",
        "kiosk",
        "webcam",
    ]


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("runn",), "runn"),
        (("run", "--nosuch"), "--nosuch"),
        (("run", "film.mp4"), "option"),
        (("run", "--max-frames", "0"), "--max-frames: should be at least 1, not 0"),
        (("run", "--max-frames", "many"), "--max-frames"),
        (("run", "--detector-tiles", "9x9"), "--detector-tiles: should be 'auto', 'off'"),
        (("run", "--camera", "0", "--camera", "0"), "twice"),
        (("run", "--set", "decide.memroy_s=1"), "did you mean decide.memory_s?"),
        (("run", "--set", "decide"), "key=value"),
        (("run", "--config", "webcm"), "did you mean webcam?"),
        (("config", "show", "--set", "show.hud=3\n4"), "show.hud: should be true or false"),
    ],
)
def test_usage_errors(args: tuple[str, ...], what: str) -> None:
    assert_two_lines(monitor(*args), 2, what)


def test_bad_yaml(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("source:\n  fps: [1\n")
    assert_two_lines(monitor("run", "--config", "bad.yaml", cwd=tmp_path), 2, "bad.yaml: line 3")
    (tmp_path / "bad.yaml").write_text("source:\n  fsp: 1\n")
    assert_two_lines(monitor("run", "--config", "bad.yaml", cwd=tmp_path), 2, "did you mean source.fps?")


def test_training_without_its_extra_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('keras', 'tensorflow', 'sklearn')))\n"  # as if not installed
        "sys.argv[1:] = ['train', 'fit']; from monitor.cli import main; sys.exit(main())"
    )
    done = python(code)
    assert_two_lines(done, 2, "keras")
    assert 'pip install "face-monitor[train]"' in done.stderr


def test_train_lists_its_commands() -> None:
    output = monitor("train", "--help").stdout
    assert all(command in output for command in ("prepare", "fit", "export"))


def test_an_unknown_exception_is_our_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("wheels came off")

    monkeypatch.setattr("monitor.config.load_settings", broken)
    monkeypatch.setattr(sys, "argv", ["monitor", "config", "show"])
    assert cli.main() == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: this is a bug of ours: RuntimeError: wheels came off"
    assert "--verbose" in second
    monkeypatch.setattr(sys, "argv", ["monitor", "--verbose", "config", "show"])
    assert cli.main() == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "config", "show"],
        cwd=ROOT,
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        assert_two_lines(monitor("config", "show", stdout=full), 5, "no space left")


def test_cameras_says_so_when_there_is_none_and_lists_them_otherwise() -> None:
    done = monitor("cameras")
    assert done.returncode == 0, done.stderr
    assert "no camera" in done.stdout or "/dev/video" in done.stdout


# --- monitor run, whole ---


def run_tiny(bundle: Path, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return monitor("run", "--headless", "--quiet", "--bundle", bundle, *args, cwd=cwd)


def test_run_watches_the_demo_scene_and_writes_what_was_asked(bundle: Path, tmp_path: Path) -> None:
    done = run_tiny(
        bundle, "--source", "demo:faces", "--max-frames", 40, "--events", "e.jsonl", "--summary", "s.json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "s.json").read_text())["frames"] == 40
    assert all(json.loads(line)["event"] for line in (tmp_path / "e.jsonl").read_text().splitlines())


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_reader_of_the_events_may_stop_reading(bundle: Path, tmp_path: Path) -> None:
    """As in `monitor run --events - | head -1`: the run ends, and that is no error."""
    args = ["run", "--headless", "--quiet", "--source", "demo:faces", "--bundle", bundle, "--events", "-"]
    args += ["--summary", tmp_path / "s.json"]
    command = [sys.executable, "-m", "monitor", *map(str, args)]
    with subprocess.Popen(
        command, cwd=ROOT, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "appeared"
        process.stdout.close()
        assert process.wait(90) == 0
        assert process.stderr.read() == ""
    assert json.loads((tmp_path / "s.json").read_text())["frames"] > 0


@pytest.mark.parametrize("name", ["missing.mp4", "empty.mp4", "text.mp4", "papers", "*.avi"])
def test_run_refuses_what_is_no_source(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no film\n" * 100)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("dear")
    assert_two_lines(monitor("run", "--headless", "--quiet", "--source", name, cwd=tmp_path), 3, name)


@pytest.mark.parametrize("camera", ["97", "/dev/video97"])
def test_run_refuses_a_camera_that_is_not_there(camera: str, tmp_path: Path) -> None:
    assert_two_lines(monitor("run", "--headless", "--quiet", "--camera", camera, cwd=tmp_path), 3, camera)


@pytest.mark.parametrize("flag", ["--record", "--events", "--summary"])
def test_run_refuses_outputs_that_cannot_be_written(flag: str, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_tiny(bundle, "--source", "demo:faces", "--max-frames", 5, flag, "file/below.mp4", cwd=tmp_path)
    assert_two_lines(done, 5, "file/below")


def test_run_refuses_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    assert_two_lines(run_tiny(tmp_path / "none", "--source", "demo:faces", cwd=tmp_path), 4, "none")


def test_run_refuses_a_damaged_bundle(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "bad")
    (tmp_path / "bad" / "model.onnx").write_bytes(b"\x00" * 100)
    assert_two_lines(run_tiny(tmp_path / "bad", "--source", "demo:faces", cwd=tmp_path), 4, "model.onnx")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("live", "signum", "code"),
    [(False, signal.SIGINT, 130), (False, signal.SIGTERM, 143), (True, signal.SIGINT, 0), (True, signal.SIGTERM, 0)],
)
def test_stopping_a_job_is_an_interruption_and_stopping_a_live_run_is_not(
    bundle: Path, tmp_path: Path, live: bool, signum: signal.Signals, code: int
) -> None:
    events = tmp_path / "e.jsonl"
    args = ["run", "--headless", "--quiet", "--source", "demo:faces", "--bundle", bundle]
    args += ["--events", events, "--summary", tmp_path / "s.json"] + ["--pace", "60"] * live
    command = [sys.executable, "-m", "monitor", *map(str, args)]
    with subprocess.Popen(command, cwd=ROOT, env=ENV, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        limit = time.monotonic() + 60
        while not (events.exists() and events.stat().st_size) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        process.send_signal(signum)
        assert process.wait(60) == code
        assert "Traceback" not in process.stderr.read()
    assert json.loads((tmp_path / "s.json").read_text())["frames"] > 0

"""What is in the wheel is what is in the tree, and it works from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("monitor", "engines", "train", "configs")
REST = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")

LOOK = """
import json, importlib.resources as resources
from monitor.sources.demo import DemoFaces
frame = DemoFaces().read(1.0)
print(json.dumps({
    "shape": frame.bgr.shape,
    "configs": sorted(item.name for item in resources.files("configs").iterdir() if item.name.endswith(".yaml")),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline from a copy, so that no build folder is left here or mixed in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    leave = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=leave)
    for name in REST:
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w"]
    done = subprocess.run([*command, out, source], capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_tree_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    tree = {
        str(path.relative_to(ROOT).as_posix())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == tree
    assert {Path(name).name for name in names - packed} >= {"METADATA", "LICENSE", "NOTICE", "entry_points.txt"}


def test_what_runs_without_the_tree_is_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for package, ending, at_least in (
        ("monitor/detect/", ".tflite", 2),
        ("monitor/sources/demo_faces/", ".jpg", 2),
        ("configs/", ".yaml", 1),
        ("engines/bundles/", "/model.onnx", 1),
        ("engines/bundles/", "/card.json", 1),
    ):
        found = [name for name in names if name.startswith(package) and name.endswith(ending)]
        assert len(found) >= at_least, f"{package}*{ending}: {found}"


def test_it_works_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(installed)
    # The isolated flag would hide the folder; so PYTHONPATH is the whole of it, and the tree is not on it.
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", "import sys; sys.path.remove('')\n" + LOOK]
    done = subprocess.run(
        command, cwd=empty, env=environment, capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["shape"] == [720, 1280, 3]
    assert "webcam.yaml" in seen["configs"]
    assert list(empty.iterdir()) == []


def test_only_what_is_ours_is_linted(tmp_path: Path) -> None:
    """As from a tarball: without .git, .gitignore says nothing to ruff."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in (".venv", ".venv-test", ".venv-python3.12", "monitor"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("import os\n")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert [line.split(":")[0] for line in done.stdout.splitlines() if ".py:" in line] == [str(Path("monitor/a.py"))]

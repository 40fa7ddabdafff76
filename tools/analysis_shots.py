"""The picture of a report in the guide, made by the program itself from the built-in scene.

python tools/analysis_shots.py docs/analysis
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from monitor.sources.demo import DemoFaces
from monitor.types import Frame
from tests.browser import chromium
from tools.analysis_results import analyze

SEEN_S = 12.0


def main(folder: Path) -> None:
    """Writes report.png."""
    with tempfile.TemporaryDirectory() as made, chromium() as browser:
        clip = _film(Path(made) / "entrance.mp4")
        analyze(clip, "--out", Path(made) / "out", "--video", "--thumbnails", "clear", "--quiet")
        page = browser.new_page(viewport={"width": 1240, "height": 1180})
        page.goto((Path(made) / "out" / "entrance" / "report.html").as_uri())
        page.evaluate(f"document.querySelector('video').currentTime = {SEEN_S}")
        page.wait_for_timeout(2000)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(folder / "report.png"))


def _film(path: Path) -> Path:
    source = DemoFaces()
    first = source.read(1.0)
    assert isinstance(first, Frame)
    size = f"{first.width_px}x{first.height_px}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", "30", "-i", "-",
               "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path)]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        frame: object = first
        while isinstance(frame, Frame):
            process.stdin.write(frame.bgr.tobytes())
            frame = source.read(1.0)
        process.stdin.close()
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]))

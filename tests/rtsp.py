"""A real RTSP server on loopback that can be killed and started again on its port."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.system_check import SYSTEM_PYTHON


class RtspServer:
    """`tests/rtsp_server.py` in a process of its own."""

    def __init__(self, *args: str, port: int = 0, size_px: tuple[int, int] = (160, 120)) -> None:
        script = Path(__file__).with_name("rtsp_server.py")
        command = [SYSTEM_PYTHON, str(script), str(port), *map(str, size_px), *args]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        assert words[:1] == ["ready"], words
        self.port = int(words[1])

    def url(self, path: str, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{path}"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

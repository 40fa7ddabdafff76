"""What deploy/ tells people to do, and what its files promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.kiosk.web.listening import MOST

DEPLOY = Path(__file__).parent.parent / "deploy"
UNIT = (DEPLOY / "monitor-kiosk.service").read_text("utf-8")


def test_the_unit_is_started_when_its_settings_are_there() -> None:
    """It ends with 2 without them, and is not started again then."""
    head = UNIT[: UNIT.index("[Unit]")]
    settings = re.search(r"--config (\S+)", UNIT)
    assert settings is not None
    assert head.index(settings[1]) < head.index("enable --now")
    assert head.index("useradd") < head.index("enable --now") < head.index("set-password")


def test_the_unit_leaves_files_beside_connections() -> None:
    limit = re.search(r"^LimitNOFILE=(\d+)$", UNIT, re.MULTILINE)
    assert limit is not None
    assert int(limit[1]) >= 4 * MOST


def test_podman_keeps_the_health_check() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    assert re.search(r"^HEALTHCHECK ", text, re.MULTILINE)
    assert re.findall(r"podman build (--format docker)?", text) == ["--format docker"]


@pytest.mark.parametrize("said", ["access_log off;", "error_log /var/log/nginx/error.log crit;"])
def test_the_proxy_writes_no_token_to_its_logs(said: str) -> None:
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    server = text[text.index("server {") :]
    assert said in [line.strip() for line in server.splitlines()]
    assert len(re.findall(r"^\s*(?:access|error)_log ", text, re.MULTILINE)) == 2

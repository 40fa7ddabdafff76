"""Fixtures of a kiosk's store and its deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitor.kiosk.receivers import Receiver


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is to lie."""
    return tmp_path / "kiosk.db"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes what a web hook sends."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr("monitor.kiosk.delivery.worker.FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("monitor.kiosk.delivery.worker.MOST_WAIT_S", 0.05)

"""One analysed film for all tests, and the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor import cli
from tests.monitor.corrections.crowd import rows, write_film, write_results


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of an analysis, with the results of one film in it. Not to be changed."""
    root = tmp_path_factory.mktemp("analysed")
    film = write_film(root / "my clip.mp4")
    write_results(root / "out" / "my clip", film, list(rows()), begins=1_764_252_000.0)
    return root / "out"


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`monitor labels ...`: the exit status, and what was written to stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["monitor", "labels", *map(str, arguments)])
        status = cli.main()
        out, err = capsys.readouterr()
        return status, out, err

    return run

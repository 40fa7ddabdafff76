"""What a run says at its end."""

from __future__ import annotations

from pathlib import Path

from monitor.settings import OutputSettings
from monitor.sinks.summary import Summary
from monitor.told import as_text
from monitor.types import Losses
from tests.monitor.scenes import CLASSES


def test_only_files_that_are_there_were_written(tmp_path: Path) -> None:
    (tmp_path / "s.json").touch()
    output = OutputSettings(record=tmp_path / "none.mp4", events=Path("-"), summary=tmp_path / "s.json")
    text = as_text(Summary(None, CLASSES).result(), output)
    assert [line for line in text.splitlines() if line.startswith("wrote")] == [f"wrote {tmp_path / 's.json'}"]


def test_what_could_not_be_read_is_named() -> None:
    losses = Losses(damaged=7, skipped={Path(f"in/{i}.png"): "broken" for i in range(7)})
    lines = as_text(Summary(None, CLASSES, losses=losses).result(), OutputSettings()).splitlines()
    assert "not read: 0.png, 1.png, 2.png, 3.png, 4.png and 2 more" in lines
    assert "7 damaged packets or pictures in what was read" in lines
    assert len(as_text(Summary(None, CLASSES).result(), OutputSettings()).splitlines()) == 1

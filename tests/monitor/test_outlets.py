"""What a run writes: never over what it reads, never twice to one place, and only where that is possible."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import SinkError, UsageError
from monitor.outlets import Outlets, refuse_overwriting
from monitor.settings import OutputSettings, Settings, ShowSettings, SourceSettings
from monitor.sources import open_source
from monitor.types import Losses
from tests.videos import numbered, write_video


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip, an album of one picture, and links to both; the working directory."""
    write_video(tmp_path / "clip.mp4", [numbered(1), numbered(2)])
    (tmp_path / "album").mkdir()
    cv2.imwrite(str(tmp_path / "album" / "a.png"), np.full((48, 64, 3), 90, np.uint8))
    os.link(tmp_path / "clip.mp4", tmp_path / "linked.mp4")
    (tmp_path / "shelf").symlink_to("album")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(uri: str, **output: str) -> None:
    """Opens the source and all that can be opened before the engine is, and closes it. Raises what that raises."""
    settings = Settings(
        source=SourceSettings(uri=uri),
        show=ShowSettings(headless=True),
        output=OutputSettings(**{name: Path(path) for name, path in output.items()}),
    )
    with ExitStack() as stack:
        source = open_source(settings.source)
        stack.callback(source.close)
        Outlets(settings, source, False, Losses(), stack)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("uri", "output", "words"),
    [
        ("clip.mp4", {"record": "clip.mp4"}, "--record clip.mp4 would overwrite the source"),
        ("clip.mp4", {"record": "album/../clip.mp4"}, "would overwrite the source"),
        ("clip.mp4", {"events": "linked.mp4"}, "--events linked.mp4 would overwrite the source"),
        ("clip.mp4", {"summary": "clip.mp4"}, "--summary clip.mp4 would overwrite the source"),
        ("album/a.png", {"record": "shelf/a.png"}, "would overwrite the source"),
        ("album", {"record": "album"}, "among the source's own files"),
        ("album", {"record": "shelf"}, "among the source's own files"),
        ("shelf/*.png", {"record": "album"}, "among the source's own files"),
        ("album", {"summary": "album/a.png"}, "would overwrite the source"),
        ("clip.mp4", {"events": "new", "summary": "./new"}, "--summary new would overwrite what --events writes"),
        ("clip.mp4", {"record": "new.mp4", "summary": "new.mp4"}, "would overwrite what --record writes"),
        ("demo:faces", {"record": "new.mp4", "events": "new.mp4.part"}, "would overwrite what --record writes"),
        ("clip.mp4", {"summary": "-"}, "--summary -: only --events can go to the standard output"),
        ("clip.mp4", {"record": "-"}, "--record -: only --events"),
    ],
)
def test_nothing_is_written_over_what_is_read_or_written(
    folder: Path, uri: str, output: dict[str, str], words: str
) -> None:
    before = contents(folder)
    with pytest.raises(UsageError, match=words) as caught:
        opened(uri, **output)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert contents(folder) == before


def test_the_rest_of_a_killed_recording_is_not_written_over_either(folder: Path) -> None:
    (folder / "clip.mp4").rename("out.mp4.part")
    before = contents(folder)
    with pytest.raises(UsageError, match="would overwrite the source"):
        opened("out.mp4.part", record="out.mp4")
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("uri", "output"),
    [
        ("clip.mp4", {"record": "out.mp4", "events": "out.jsonl", "summary": "out.json"}),
        ("clip.mp4", {"record": "album"}),
        ("album", {"record": "seen", "events": "album/e.jsonl"}),
        ("album/a.png", {"record": "seen"}),
        ("album/a.png", {"record": "marked.jpg"}),
        ("album", {"record": "album/marked.JPEG"}),
        ("demo:faces", {"record": "clip.mp4", "events": "-", "summary": "s.json"}),
    ],
)
def test_what_harms_nothing_is_allowed_and_nothing_is_written_yet(
    folder: Path, uri: str, output: dict[str, str]
) -> None:
    before = contents(folder)
    opened(uri, **output)
    assert contents(folder) == before


def test_streams_have_no_files_and_events_on_the_standard_output_are_no_file() -> None:
    refuse_overwriting(OutputSettings(events=Path("-"), summary=Path("s.json")), [])


@pytest.mark.parametrize(
    ("uri", "record", "words"),
    [
        ("clip.mp4", "marked.jpg", "one picture, and the source gives many"),
        ("demo:faces", "marked.png", "one picture, and the source gives many"),
        ("album/a.png", "my.folder", "names no video, picture or folder"),
        ("album/a.png", "marked.bmp", "names no video, picture or folder"),
    ],
)
def test_a_name_that_does_not_suit_the_source_is_a_usage_error(folder: Path, uri: str, record: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        opened(uri, record=record)
    assert "folder" in caught.value.hint


def test_a_folder_with_a_dot_that_is_there_is_a_folder(folder: Path) -> None:
    (folder / "my.folder").mkdir()
    opened("album", record="my.folder")


@pytest.mark.parametrize(
    ("kind", "path"),
    [(kind, "clip.mp4/below.mp4") for kind in ("record", "events", "summary")]
    + [("events", "album"), ("summary", "album")],
)
def test_what_cannot_be_written_is_refused_before_any_model_is_loaded(folder: Path, kind: str, path: str) -> None:
    with pytest.raises(SinkError) as caught:
        opened("demo:faces", **{kind: path})
    assert path.partition("/")[0] in str(caught.value)
    assert caught.value.hint

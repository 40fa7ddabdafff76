"""Several sources as YAML files, --set and the options name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from monitor.commands.config import show as show_command
from monitor.commands.run import _sources
from monitor.config import Given, load_settings, show
from monitor.config_sources import source_of
from monitor.errors import ConfigError, UsageError
from monitor.kiosk.run import run as guard
from monitor.settings import Settings, SourceSettings
from monitor.several.sources import named_sources
from monitor.several_settings import OneSource

THREE = """
source: {mirror: true, stall_s: 2}
sources:
  - {name: door, camera: 0}
  - uri: rtsp://user:hunter2@host/yard
    stall_s: 9
  - {uri: clip.mp4, loop: true, pace_fps: 12.5}
"""


def loaded(tmp_path: Path, text: str, *more: Any) -> Settings:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return load_settings(file, *more)


def test_a_list_with_names_and_wishes_of_each(tmp_path: Path) -> None:
    settings = loaded(tmp_path, THREE)
    door, yard, clip = settings.sources
    assert door == OneSource(name="door", camera="0")
    assert yard == OneSource(uri="rtsp://user:hunter2@host/yard", stall_s=9.0)
    assert clip == OneSource(uri="clip.mp4", loop=True, pace_fps=12.5)
    assert source_of(settings.source, door) == SourceSettings(camera="0", mirror=True, stall_s=2.0)
    assert source_of(settings.source, yard) == SourceSettings(uri=yard.uri, stall_s=9.0)
    assert source_of(settings.source, clip) == SourceSettings(uri="clip.mp4", loop=True, pace_fps=12.5, stall_s=2.0)


def test_what_is_shown_loads_back_and_hides_passwords(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = loaded(tmp_path, THREE)
    assert loaded(tmp_path, show(settings)) == settings
    (tmp_path / "three.yaml").write_text(THREE)
    show_command(str(tmp_path / "three.yaml"))
    text = capsys.readouterr().out
    assert "hunter2" not in text
    assert '  - name: door\n    camera: "0"\n  - uri: "rtsp://***@host/yard"\n' in text


def test_the_example_of_the_guide_is_right(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "cameras.md").read_text("utf-8")
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    named = named_sources(loaded(tmp_path, example))
    assert [one.name for one in named] == ["Entrance", "Yard", "Last night"]
    assert [one.settings.stall_s for one in named] == [3, 10, 3]


def test_a_list_of_one_is_one_source(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "sources: [{name: door, camera: 1, mirror: true}]")
    assert settings == Settings(source=SourceSettings(camera="1", mirror=True))


def test_the_last_word_holds(tmp_path: Path) -> None:
    one = [Given("--source", "source.uri", "other.mp4")]
    assert loaded(tmp_path, THREE, [], one) == Settings(source=SourceSettings(uri="other.mp4", stall_s=2.0))
    two = _sources(["0", "1"], [], [])
    settings = loaded(tmp_path, "source: {uri: demo:faces, loop: true}", [], two)
    assert settings.source == SourceSettings()
    assert [item.camera for item in settings.sources] == ["0", "1"]
    assert len(load_settings(None, ["sources=[{camera: 0}, {camera: 1}]"]).sources) == 2
    assert load_settings("webcam", [], two).source.mirror, "a preset for cameras holds for all of them"


def test_options_name_one_or_several() -> None:
    assert _sources([], [], []) == []
    assert _sources(["0"], [], []) == [Given("--camera", "source.camera", "0")]
    assert _sources([], ["a"], []) == [Given("--source", "source.uri", "a")]
    assert load_settings(None, [], _sources(["0"], ["a", "b"], ["x", "y", "z"])).sources == (
        OneSource("x", camera="0"),
        OneSource("y", uri="a"),
        OneSource("z", uri="b"),
    )
    for names in (["x"], ["x", "y", "z"]):
        with pytest.raises(UsageError, match="names for 2 sources"):
            _sources(["0"], ["a"], names)
    with pytest.raises(UsageError, match="names for 1 source"):
        _sources(["0"], [], ["x"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sources: [{camra: 0}, {camera: 1}]", "sources.0.camra: no such setting; did you mean sources.0.camera?"),
        ("sources: [{uri: a}, {uri: b, pace_fps: fast}]", "sources.1.pace_fps: should be a number, not fast"),
        ("sources: [{uri: a, name: ''}, {uri: b}]", "sources.0.name: should not be empty"),
        ("sources: [clip.mp4, {camera: 1}]", "sources.0: should hold settings (key: value), not clip.mp4"),
        ("sources: [rtsp://u:secret@h/x, {camera: 1}]", "not an address"),
        ("sources: 3", "sources: should be a list, not 3"),
        ("sources: [{camera: 0, uri: a}, {uri: b}]", "sources.0: camera and uri are both given"),
        ("sources: [{camera: 0}, {name: b}]", "sources.1: neither camera nor uri is given"),
        ("{source: {uri: a}, sources: [{uri: b}, {uri: c}]}", "source.uri and sources are both given"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_an_entrance_has_one_camera(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one camera"):
        guard(loaded(tmp_path, THREE), say=typer.echo, opened=typer.echo, stopped=lambda: True)

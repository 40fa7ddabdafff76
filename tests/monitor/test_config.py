"""Settings from presets, files, overrides and options."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import FOLDER
from monitor import yamlish
from monitor.commands.config import show as show_command
from monitor.config import Given, load_settings, presets, show
from monitor.errors import ConfigError
from monitor.settings import OutputSettings, Settings, meanings

PRESETS = ("analysis", "bench", "kiosk", "webcam")


def refused(*args: typing.Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(*args)
    assert caught.value.hint
    return str(caught.value)


def test_nothing_given_is_the_defaults() -> None:
    assert load_settings() == Settings()


def test_every_setting_says_what_it_means() -> None:
    def undocumented(cls: type) -> list[str]:
        hints = typing.get_type_hints(cls)
        missing = [f"{cls.__name__}.{name}" for name in hints if not meanings()[cls].get(name)]
        return missing + [
            key for hint in hints.values() if dataclasses.is_dataclass(hint) for key in undocumented(hint)
        ]

    assert undocumented(Settings) == []


def test_shown_settings_hold_every_key_under_a_comment_and_load_back(tmp_path: Path) -> None:
    for config in (None, *PRESETS):
        settings = load_settings(config, ["output.record=a folder/off.mp4", "engine.bundle=off", "source.camera='08'"])
        text = show(settings)
        file = tmp_path / "shown.yaml"
        file.write_text(text, "utf-8")
        assert load_settings(file) == settings
    lines = text.splitlines()
    keys = [at for at, line in enumerate(lines) if line and not line.lstrip().startswith("#")]
    assert len(keys) == sum(len(fields) for fields in meanings().values())
    assert all(lines[at - 1].lstrip().startswith("# ") for at in keys)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load_each_key_commented_and_different_from_the_default(name: str) -> None:
    assert load_settings(name) != Settings()
    lines = (FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    for above, line in itertools.pairwise(lines):
        if ": " in line and not line.lstrip().startswith("#"):
            assert above.lstrip().startswith("# "), f"{name}: {line} has no comment"

    def same(tree: dict[str, typing.Any], default: object) -> list[str]:
        found = []
        for key, value in tree.items():
            usual = getattr(default, key)
            found += same(value, usual) if isinstance(value, dict) else [key] * (value == usual)
        return found

    assert same(yamlish.load("\n".join(lines)), Settings()) == [], "a preset repeats a default"


def test_presets_are_listed_with_their_first_line() -> None:
    assert tuple(presets()) == PRESETS
    assert all(len(meaning) > 20 for meaning in presets().values())


def test_what_is_given_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("source: {fps: 10, width_px: 320, height_px: 240}\n")
    settings = load_settings(
        file, ["source.width_px=640", "source.height_px=480"], [Given("--height", "source.height_px", 720)]
    )
    assert (settings.source.fps, settings.source.width_px, settings.source.height_px) == (10, 640, 720)


def test_naming_one_source_replaces_the_other_kind() -> None:
    assert load_settings("bench").source.uri == "demo:faces"
    source = load_settings("bench", [], [Given("--camera", "source.camera", "1")]).source
    assert (source.camera, source.uri) == ("1", None)


def test_presets_combine_with_every_source() -> None:
    kiosk = load_settings("kiosk").source
    for uri in ("clip.mp4", "demo:faces", "rtsp://cam/1"):
        source = load_settings("kiosk", [], [Given("--source", "source.uri", uri)]).source
        assert source == Settings().source.__class__(uri=uri, stall_s=kiosk.stall_s)
    camera = load_settings("kiosk", [], [Given("--camera", "source.camera", "1")]).source
    assert camera == dataclasses.replace(kiosk, camera="1")
    bench = load_settings("bench").source
    assert load_settings("bench", ["source.uri=clip.mp4"]).source == dataclasses.replace(bench, uri="clip.mp4")
    for override in ("source.uri=rtsp://cam/1", "source.camera=0"):
        assert not load_settings("bench", [override]).source.loop


def test_what_the_command_line_asks_of_another_kind_stays_to_be_refused() -> None:
    given = [Given("--source", "source.uri", "clip.mp4"), Given("--mirror", "source.mirror", True)]
    assert load_settings("webcam", ["source.fps=10"], given).source.mirror
    assert load_settings("webcam", ["source.fps=10"], given).source.fps == 10


def test_two_sources_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "both.yaml"
    file.write_text("source: {camera: 0, uri: demo:faces}")
    assert "both given" in refused(file)


def test_a_camera_number_is_its_name() -> None:
    assert load_settings(None, ["source.camera=0"]).source.camera == "0"


@pytest.mark.parametrize(
    ("override", "guess"),
    [
        ("decide.memroy_s=1", "did you mean decide.memory_s?"),
        ("memory_s=1", "did you mean decide.memory_s?"),
        ("source.width=1", "did you mean source.width_px?"),
        ("sorce={fps: 3}", "did you mean source?"),
        ("decide.priors.reel=1", "did you mean decide.priors.real?"),
        ("xyzzy=1", "xyzzy: no such setting"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_right_one(override: str, guess: str) -> None:
    assert guess in refused(None, [override])


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("decide.memory_s=soon", "decide.memory_s: should be a number, not soon"),
        ("decide.memory_s=0", "decide.memory_s: should be more than 0, not 0"),
        ("decide.release=2", "decide.release: should be at most 1, not 2"),
        ("source.max_frames=1.5", "source.max_frames: should be a whole number, not 1.5"),
        ("source.max_frames='3'", "source.max_frames: should be a whole number, not"),
        ("source.loop=yes", "source.loop: should be true or false, not yes"),
        ("source.duration_s=.inf", "source.duration_s: should be a finite number"),
        ("source.duration_s=1:30", "source.duration_s: should be a number, not"),
        ("source.uri=[a]", "source.uri: should be text"),
        ("output.record=true", "output.record: should be text, not true"),
        ("detector.tiles=4x4", "detector.tiles: should be 'auto', 'off', '2x2' or '3x2', not 4x4"),
        ("source=3", "source: should hold settings"),
        ("show.hud=null", "show.hud: should be true or false, not null"),
    ],
)
def test_wrong_types_are_refused_by_path(override: str, complaint: str) -> None:
    assert complaint in refused(None, [override])


def test_off_is_a_word_and_powers_of_ten_are_numbers() -> None:
    settings = load_settings(None, ["detector.tiles=off", "decide.release=1e-1"])
    assert (settings.detector.tiles, settings.decide.release) == ("off", 0.1)


def test_all_complaints_come_at_once_with_where_they_were_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("decide: {hold_s: x}\nsuorce: {}\n")
    message = refused(file, ["show.hud=1"], [Given("--max-frames", "source.max_frames", 0)])
    assert f"{file}: decide.hold_s: " in message
    assert f"{file}: suorce: no such setting; did you mean source?" in message
    assert "--set: show.hud: " in message
    assert "--max-frames: should be at least 1, not 0" in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("source: [1, 2\n", "line 2"),
        ("a: b: c\n", "line 1"),
        ("source:\n  fps: 1\n  fps: 2\n", "line 3: fps stands twice"),
        ("- source\n", "should hold settings"),
        ("source: &a {fps: 1}\nshow: *a\n", "line 2: aliases"),
        ("source: !!python/object/apply:os.getcwd []\n", "line 1: could not determine a constructor"),
        ("\x00", "not a YAML text"),
        ("[" * 5000, "not a YAML text"),
        ("{a: 1}: 2", "a key should be a word"),
        ("1: 2", "1: no such setting"),
        ("source: {true: 2}", "source.True: no such setting"),
        ("kiosk: {screen: {languages: [de, .inf]}}", "kiosk.screen.languages: should be a finite number, not inf"),
        ("kiosk: {policy: {zone: [[0, .nan]]}}", "kiosk.policy.zone: should be a finite number, not nan"),
    ],
)
def test_bad_yaml_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    message = refused(file)
    assert message.startswith(str(file))
    assert complaint in message


def test_files_that_are_not_there_or_no_files(tmp_path: Path) -> None:
    assert "webcam" in refused("webcm")
    assert "no such configuration file" in refused(tmp_path / "none.yaml")
    assert "directory" in refused(tmp_path).lower()
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"source: {uri: \xfc\xff.mp4}")
    assert "not a YAML text" in refused(latin)


def test_an_empty_file_or_section_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    for text in ("", "# only words\n", "source:\ndecide:\n"):
        file.write_text(text)
        assert load_settings(file) == Settings()


def test_what_options_bring_that_is_no_utf_8_is_refused_in_lists_too() -> None:
    for value in ("\udcff", ["de", "\udcff"]):
        with pytest.raises(ConfigError, match=r"--language: .*should be UTF-8 text"):
            load_settings(None, (), [Given("--language", "kiosk.screen.languages", value)])


def test_outputs_at_home_are_written_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = load_settings(None, ["output.record=~/a.mp4", "output.events='-'"])
    assert found.output == OutputSettings(record=tmp_path / "a.mp4", events=Path("-"))


def test_shown_settings_hide_the_secrets_of_addresses_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    address = "rtsp://me:s3cret@cam/1"
    for override in (
        f"source.camera={address}",
        "source.uri=rtsp:/me:s3cret@cam/1",
        f"sources=[{{camera: '{address}'}}]",
    ):
        show_command(set_=[override])
        told = capsys.readouterr().out
        assert "cam/1" in told
        assert "s3cret" not in told


def test_complaints_never_show_an_address() -> None:
    addresses = ("rtsp://me:secret@cam/1", "rtsp:/me:secret@cam/1")
    for override in ("source.uri=[rtsp://me:secret@cam/1]", *(f"source.fps={address}" for address in addresses)):
        assert "secret" not in refused(None, [override])


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
)
def test_scalars_are_read_as_they_were_written(value: object) -> None:
    back = yamlish.load(f"key: {yamlish.scalar(value)}")["key"]
    assert (back, type(back)) == (value, type(value))

"""The languages of the screen: each says everything, in its own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import monitor.kiosk
from monitor.kiosk.facts import State

FOLDER = Path(monitor.kiosk.__file__).parent / "languages"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
SAID = (*State, "no_contact")
SCRIPTS = {
    "ar": r"[\u0600-\u06ff]",
    "he": r"[\u0590-\u05ff]",
    "ja": r"[\u3040-\u30ff]",
    "uk": r"[\u0400-\u04ff]",
    "zh": r"[\u4e00-\u9fff]",
}
LONGEST = {"title": 40, "hint": 100}


def words_of(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def texts_of(words: dict[str, Any]) -> dict[str, str]:
    """Everything that is translated, by its path."""
    texts = {f"{said}.{part}": words[said][part] for said in SAID for part in ("title", "hint")}
    return texts | {key: words[key] for key in ("notice", "picture")}


def test_the_languages_are_there() -> None:
    assert set(NAMES) >= {"ar", "de", "en", "es", "fr", "he", "it", "ja", "nl", "pl", "pt", "tr", "uk", "zh"}


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_there_and_a_text(name: str) -> None:
    words = words_of(name)
    assert list(words) == ["label", "dir", *SAID, "notice", "picture"] == list(words_of("en"))
    for said in SAID:
        assert list(words[said]) == ["title", "hint"], said
    for key, text in (texts_of(words) | {"label": words["label"]}).items():
        assert isinstance(text, str), key
        assert text == text.strip() != "", key
        assert not re.search(r"[<>{}&]|\.\.|  ", text), key


@pytest.mark.parametrize("name", NAMES)
def test_the_direction_is_the_one_of_the_script(name: str) -> None:
    assert words_of(name)["dir"] == ("rtl" if name in ("ar", "he") else "ltr")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "en"])
def test_nothing_is_left_in_english(name: str) -> None:
    english, own = texts_of(words_of("en")), texts_of(words_of(name))
    assert [key for key, text in own.items() if text == english[key]] == []
    if name in SCRIPTS:
        assert [key for key, text in own.items() if not re.search(SCRIPTS[name], text)] == []
        assert [key for key, text in own.items() if re.search(r"[A-Za-z]{3}", text)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_from_afar_is_short(name: str) -> None:
    words = words_of(name)
    for said in SAID:
        for part, most in LONGEST.items():
            assert len(words[said][part]) <= most, f"{said}.{part}"


@pytest.mark.parametrize("name", NAMES)
def test_different_requests_have_different_words(name: str) -> None:
    titles = [
        words_of(name)[said]["title"] for said in ("idle", "closer", "welcome", "look", "put_on", "take_off", "staff")
    ]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", NAMES)
def test_every_text_stands_in_quotes(name: str) -> None:
    for line in (FOLDER / f"{name}.yaml").read_text("utf-8").splitlines():
        if line and not line.startswith("#") and not re.fullmatch(r"\w+:", line):
            assert re.fullmatch(r' *\w+: ".*"', line), line

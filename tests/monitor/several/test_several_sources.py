"""Sources that come and go by themselves, and what they are called."""

import time
from contextlib import closing

import pytest

from monitor.errors import CameraError, SourceError, UsageError
from monitor.settings import Settings, SourceSettings
from monitor.several import sources
from monitor.several.sources import Reviving, named_sources
from monitor.several_settings import OneSource
from monitor.threads import Bell
from monitor.types import Gap
from tests.fakes import frame


class Flaky:
    """A source of two frames, then an error."""

    live, name = True, "flaky"

    def __init__(self, count=2):
        self.left, self.closed = count, False

    def read(self, _timeout_s):
        if self.closed:
            return None
        if self.left == 0:
            raise CameraError("it was unplugged")
        self.left -= 1
        return frame(self.left)

    def close(self):
        self.closed = True


def read_until(source, wanted, patience_s=10.0):
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        item = source.read(0.02)
        if wanted(item):
            return item
    raise AssertionError("it did not come")


def test_what_is_not_there_yet_is_a_gap_with_the_reason_and_comes_by_itself(monkeypatch):
    monkeypatch.setattr(sources.Pauses, "FIRST_S", 0.01)
    tries = []

    def opener():
        tries.append(1)
        if len(tries) < 3:
            raise CameraError("rtsp://user:secret@door is not there")
        return Flaky()

    source = Reviving("door", opener)
    gap = source.read(0.01)
    assert isinstance(gap, Gap)
    assert gap.state == "lost"
    assert "is not there" in gap.why
    assert "secret" not in gap.why
    assert not source.answered
    assert isinstance(source.error, SourceError)
    assert read_until(source, lambda item: not isinstance(item, Gap)).index == 1
    assert source.answered
    assert source.error is None


def test_what_dies_is_opened_again_and_closed_first(monkeypatch):
    monkeypatch.setattr(sources.Pauses, "FIRST_S", 0.01)
    made = []

    def opener():
        made.append(Flaky())
        return made[-1]

    source = Reviving("door", opener)
    seen = [read_until(source, lambda item: not isinstance(item, Gap)).index for _ in range(5)]
    assert seen == [1, 0, 1, 0, 1]
    assert [one.closed for one in made] == [True, True, False]
    source.close()
    assert made[-1].closed
    assert source.read(0.01) is None


def test_it_is_tried_more_and_more_rarely(monkeypatch):
    monkeypatch.setattr(sources.Pauses, "FIRST_S", 0.05)
    tries = []

    def opener():
        tries.append(time.monotonic())
        raise CameraError("no")

    source = Reviving("door", opener)
    end_s = time.monotonic() + 0.6
    while time.monotonic() < end_s:
        source.read(0.02)
    assert 3 <= len(tries) <= 5


def test_a_recording_that_fails_once_it_has_begun_has_ended():
    made = []

    def opener():
        made.append(Flaky())
        return made[-1]

    source = Reviving("film", opener, recorded=True)
    assert [source.read(0.01).index for _ in range(2)] == [1, 0]
    assert source.read(0.01) is None
    assert "unplugged" in str(source.error), "why is known afterwards"
    assert len(made) == 1
    assert made[0].closed


def test_who_is_lost_says_so_at_once_also_behind_a_thread():
    source = Reviving("door", lambda: (_ for _ in ()).throw(CameraError("it is busy")))
    bell = Bell()
    with closing(sources.watched(source, bell, stall_s=60)) as freshest:
        gap = read_until(freshest, lambda item: item.state == "lost")
    assert gap.why == "it is busy"


def several(*named, **common):
    return Settings(source=SourceSettings(**common), sources=tuple(OneSource(**one) for one in named))


def test_names_and_wishes_of_each():
    asked = several(
        {"camera": "0"}, {"camera": "1", "mirror": False}, {"uri": "rtsp://u:p@cam/1"}, {"uri": "clip.mp4"},
        mirror=True, pace_fps=25, loop=True,
    )  # fmt: skip
    first, second, stream, film = named_sources(asked)
    assert [one.name for one in (first, second, stream, film)] == [
        "camera 0",
        "camera 1",
        "rtsp://***@cam/1",
        "clip.mp4",
    ]
    assert [one.recorded for one in (first, second, stream, film)] == [False, False, False, True]
    assert (first.settings.camera, first.settings.mirror, first.settings.loop) == ("0", True, False)
    assert not second.settings.mirror
    assert (stream.settings.uri, stream.settings.mirror, stream.settings.pace_fps) == ("rtsp://u:p@cam/1", False, None)
    assert (film.settings.uri, film.settings.loop, film.settings.pace_fps) == ("clip.mp4", True, 25)
    named = named_sources(several({"uri": "a/clip.mp4"}, {"uri": "b/clip.mp4"}))
    assert [one.name for one in named] == ["clip.mp4 (1)", "clip.mp4 (2)"]
    called = named_sources(several({"uri": "a.mp4", "name": "door"}, {"uri": "b.mp4"}))
    assert [one.name for one in called] == ["door", "b.mp4"]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (several({"uri": "a.mp4"}, {"uri": "b.mp4"}, {"uri": "a.mp4"}), "a.mp4 is named twice"),
        (several({"uri": "a.mp4"}, {"uri": "x/../a.mp4"}), "twice"),
        (several({"camera": "0"}, {"camera": "/dev/video0"}), "twice"),
        (several({"uri": "rtsp://u:p@h/x"}, {"uri": "rtsp://u:p@h/x"}), r"rtsp://\*\*\*@h/x is named twice"),
        (several({"uri": "a.mp4", "name": "door"}, {"uri": "b.mp4", "name": "door"}), "two sources are called door"),
        (several(*({"camera": str(n)} for n in range(80))), "too many"),
        (several({"uri": "a.mp4"}, {"uri": "b.mp4"}, mirror=True, fps=5), "mirror, fps is for cameras"),
        (several({"camera": "0"}, {"uri": "rtsp://h/x"}, loop=True), "loop is for files"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, what):
    with pytest.raises(UsageError, match=what):
        named_sources(wrong)

"""Damaged packets are told of once, whoever reads what beside, before and after the piece they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from monitor.analysis.facts import Segment, segments_of
from monitor.analysis.rows import unpacked
from monitor.analysis.tasks import Analyse, Tools
from monitor.config import load_settings
from monitor.settings import Settings
from monitor.sources.recordings import Recording, scan
from monitor.types import Losses, Span
from tests.people import walk
from tests.videos import write_video

BAD = (40, 117, 118, 119, 121, 131)
"""Pictures, two a second, that are damaged: three shortly before the cut at 60 s, which is picture 120."""


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with closing(Tools()) as opened:
        yield opened


@pytest.fixture
def settings(bundle: Path) -> Settings:
    return load_settings("analysis", [f"engine.bundle={bundle}"])


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A video of 70 s, two pictures a second, of which some packets are no picture."""
    times_s = [i / 2 for i in range(140)]
    path = write_video(tmp_path / "a.mp4", walk(140), times_s=times_s, codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in BAD:
        at, size = packets[number].pos, packets[number].size
        assert at is not None
        data[at + 8 : at + size] = b"\xa5" * (size - 8)
    path.write_bytes(data)
    return path


def told(media: Any, segments: tuple[Segment, ...], settings: Settings, tools: Tools) -> dict[int, int]:
    """{segment: damages} of one reading."""
    found: dict[int, int] = {}

    def tell(kind: str, value: Any) -> None:
        if kind == "segment":
            found[value[0]] = unpacked(value[1])[2]["damaged"]

    Analyse(media, segments, settings).perform(tools, tell)
    return found


def test_those_of_a_run_in_belong_to_the_segment_before(film: Path, settings: Settings, tools: Tools) -> None:
    media = scan(str(film))
    assert media.splittable
    first, second = segments_of(Span(0, media.length_s))
    assert told(media, (first,), settings, tools) == {0: 4}
    assert told(media, (second,), settings, tools) == {1: 2}


def test_a_reading_that_goes_on_tells_what_one_in_one_go_tells(film: Path, settings: Settings, tools: Tools) -> None:
    media = replace(scan(str(film)), splittable=False)
    losses = Losses()
    with closing(Recording(media, Span(0, media.length_s), losses)) as source:
        while source.read(1) is not None:
            pass
    segments = segments_of(Span(0, media.length_s))
    once = told(media, segments, settings, tools)
    assert sum(once.values()) == losses.damaged == len(BAD)
    assert told(media, segments[1:], settings, tools) == {1: once[1]}

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from monitor.sources.moments import frames_at, groups_of
from monitor.sources.recordings import scan
from monitor.types import Media
from tests.videos import numbered, write_video

TIMES_S = [0.0, 0.04, 8.007, 16.0, 27.0, 30.0]


@dataclass(frozen=True)
class Wanted:
    name: str
    t: float


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return scan(str(write_video(tmp_path / "film.mp4", [numbered(i) for i in range(6)], times_s=TIMES_S)))


def test_moments_close_to_the_one_before_are_one_group(media: Media) -> None:
    wanted = [Wanted("", t) for t in reversed(TIMES_S)]
    groups = list(groups_of(media, wanted))
    assert [[one.t for one in group] for _, group in groups] == [TIMES_S[:4], TIMES_S[4:]]
    assert all(span.from_s < group[0].t < group[-1].t < span.to_s for span, group in groups)
    whole = replace(media, splittable=False)
    assert [len(group) for _, group in groups_of(whole, wanted)] == [6], "it can only be read from its start"
    assert list(groups_of(media, [])) == []


def test_each_gets_its_very_frame_and_who_has_none_is_left_out(media: Media) -> None:
    wanted = [Wanted("c", 8.007), Wanted("a", 0.04), Wanted("none", 8.006), Wanted("b", 0.04), Wanted("late", 30.0)]
    (span, group), (_, late) = groups_of(media, wanted)
    assert [one.name for one in late] == ["late"]
    found = list(frames_at(media, span, group, 60.0))
    assert [(one.name, frame.t) for one, frame in found] == [("a", 0.04), ("b", 0.04), ("c", 8.007)]
    assert found[0][1] is found[1][1], "decoded once"

"""A segment, watched with the real detector and a real engine: judged in blocks is as good as judged at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import open_engine
from engines.contract import Engine
from monitor.analysis.facts import Segment
from monitor.analysis.rows import unpacked
from monitor.analysis.watch import Watch
from monitor.app import thinking
from monitor.config import load_settings
from monitor.detect import FaceDetector
from monitor.loop import scenes
from monitor.settings import AnalysisSettings, Settings
from monitor.threads import Caller
from monitor.types import Frame, Scene
from tests.bundles import colour_bundle
from tests.people import COLLINS, person, walk

FPS = 10


@pytest.fixture(scope="module")
def settings() -> Settings:
    usual = load_settings("analysis")
    return replace(usual, decide=replace(usual.decide, min_sharpness=0.0, min_face_px=10.0))


@pytest.fixture(scope="module")
def tools(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> Iterator[tuple[Engine, FaceDetector, Caller]]:
    bundle = colour_bundle(tmp_path_factory.mktemp("bundles") / "colours")
    with ExitStack() as stack:
        engine = stack.enter_context(closing(open_engine(bundle.folder)))
        detector = stack.enter_context(closing(FaceDetector(settings.detector)))
        yield engine, detector, stack.enter_context(closing(Caller(depth=2)))


@pytest.fixture(scope="module")
def film() -> list[Frame]:
    """5 s: somebody walks, and turns green after 3 s, which the engine takes for a mask."""
    frames = []
    for i, bgr in enumerate(walk(5 * FPS)):
        if i >= 3 * FPS:
            bgr[..., 1] = np.clip(bgr[..., 1].astype(int) + 110, 0, 255)
        frames.append(Frame(i, i / FPS, None, bgr))
    return frames


def watched(tools: Any, settings: Settings, film: Sequence[Frame], segment: Segment | None = None) -> Any:
    watch = Watch(segment or Segment(0, 0, 60, 0), settings, *tools, FPS)
    for frame in film:
        watch.feed(frame)
    return unpacked(watch.finish(0))


class Film:
    """A source of frames that are there."""

    live, name = False, "film"

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = iter(frames)

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002
        return next(self._frames, None)

    def close(self) -> None:
        """Nothing is open."""


def test_judged_in_blocks_is_as_judged_at_once(tools: Any, settings: Settings, film: list[Frame]) -> None:
    """Without adaptive judging, the rows are what the loop of `monitor run` tells of the same pictures."""
    same = replace(settings, track=replace(settings.track, stable_every_s=None, changing_every_s=None))
    frames, judgements, stats = watched(tools, same, film)
    with thinking(same, tools[0], live=False) as thought:
        live = [item for item in scenes(Film(film), tools[1], *thought) if isinstance(item, Scene)]
    names = (*tools[0].card.classes, "undecided")
    expected = [
        (scene.frame.t, track.id, names[-1 if track.label is None else track.label], track.reason)
        for scene in live
        for track in scene.tracks
    ]
    told = [row for row in frames.to_pylist() if row["person"] is not None]
    assert [(row["t"], row["person"], row["label"], row["reason"]) for row in told] == expected
    assert {row["label"] for row in told} >= {"real", "mask"}
    assert len(judgements) == max(track.judgements for track in live[-1].tracks)
    assert (stats["decoded"], stats["looked_at"]) == (50, 50)


def test_stable_faces_are_judged_rarely_and_a_change_is_seen(tools: Any, settings: Settings, film: list[Frame]) -> None:
    every = replace(settings, analysis=AnalysisSettings(every_face=True))
    rare_frames, rare, _ = watched(tools, settings, film)
    every_frames, always, _ = watched(tools, every, film)
    found = sum(row["found"] for row in every_frames.to_pylist() if row["person"] is not None)
    assert found - 2 <= len(always) <= found  # until it is clear that this is a face, nobody is asked
    _, before_the_change, _ = watched(tools, settings, film[: 3 * FPS])
    assert len(before_the_change) < 0.6 * 3 * FPS
    assert len(rare) < len(always)
    ours, theirs = (
        {(row["t"], row["person"]): row["label"] for row in one.to_pylist()} for one in (rare_frames, every_frames)
    )
    assert np.mean([ours[key] == label for key, label in theirs.items()]) >= 0.95
    assert ours[film[-1].t, 1] == "mask"


def test_a_segment_repeats_to_the_byte(tools: Any, settings: Settings, film: list[Frame]) -> None:
    first, second = (Watch(Segment(0, 0, 60, 0), settings, *tools) for _ in range(2))
    for frame in film:  # side by side, as a file that is read once has its segments watched
        first.feed(frame)
        second.feed(frame)
    assert first.finish(0) == second.finish(0)


def test_the_run_in_makes_known_who_is_there_and_is_not_told(tools: Any, settings: Settings, film: list[Frame]) -> None:
    frames, judgements, stats = watched(tools, settings, film, Segment(1, 2.0, 60, 2.0))
    rows = frames.to_pylist()
    assert {row["frame"] is None for row in rows if row["t"] < 2.0} == {True}
    first = next(row for row in rows if row["frame"] == 0 and row["person"] is not None)
    assert (first["t"], first["label"]) == (2.0, "real")
    assert min(judgements["t"].to_pylist()) >= 2.0
    assert stats["decoded"] == 30


def test_a_stride_looks_at_every_nth_picture_only(tools: Any, settings: Settings, film: list[Frame]) -> None:
    strided = replace(settings, analysis=AnalysisSettings(stride=3))
    frames, _, stats = watched(tools, strided, film)
    assert {row["frame"] % 3 for row in frames.to_pylist()} == {0}
    assert (stats["decoded"], stats["looked_at"], stats["looks"]) == (50, 17, list(range(0, 50, 3)))


def test_pictures_that_stand_alone_are_judged_alone(tools: Any, settings: Settings) -> None:
    """Crops of several files go into one call; everybody gets his own answer."""
    pictures = []
    for i in range(5):
        bgr = np.full((240, 320, 3), 110, np.uint8)
        face = person(COLLINS).copy()
        if i % 2:
            face[..., 1] = np.clip(face[..., 1].astype(int) + 60, 0, 255)
        bgr[20:220, 60 : 60 + face.shape[1]] = face
        pictures.append(Frame(i, 0.0, None, bgr, still=True, origin=Path(f"{i}.jpg")))
    frames, judgements, _ = watched(tools, settings, pictures, Segment(0, 0, 5, 0))
    rows = [row for row in frames.to_pylist() if row["person"] is not None]
    assert [(row["picture"], row["label"]) for row in rows] == [
        (f"{i}.jpg", "mask" if i % 2 else "real") for i in range(5)
    ]
    assert len(judgements) == 5


def test_darkness_and_cuts_are_noticed(tools: Any, settings: Settings) -> None:
    grey = [np.full((240, 320, 3), 20, np.uint8)] * 10 + [np.full((240, 320, 3), 200, np.uint8)] * 10
    _, _, stats = watched(tools, settings, [Frame(i, i / FPS, None, bgr) for i, bgr in enumerate(grey)])
    assert (stats["dark"], stats["cuts"]) == (10, [1.0])

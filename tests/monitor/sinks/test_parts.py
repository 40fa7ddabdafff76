from __future__ import annotations

import resource
from pathlib import Path

import av
import numpy as np
import pytest

from monitor.errors import MediaError, SinkError
from monitor.sinks.parts import PartRecorder, join
from monitor.types import Frame, Scene, Span
from tests.films import times_of
from tests.videos import number_of, numbered

TIMES = [100.0, 100.04, 100.1, 100.5, 100.510011, 101.9, 101.94, 105.0]
SPAN = Span(100.0, 105.5)


def write_part(path: Path, times: list[float], *, first: int = 0, width_px: int = 64, height_px: int = 48) -> Path:
    recorder = PartRecorder(path, width_px, height_px)
    for i, t in enumerate(times, first):
        recorder.write(Scene(Frame(i, t, None, numbered(i, width_px=width_px, height_px=height_px)), (), {}))
    recorder.close()
    recorder.close()
    return path


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [number_of(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def ticks(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [round(p.pts * p.time_base * 90000) for p in container.demux(stream) if p.pts is not None]


def test_two_parts_joined_are_one_video_with_every_time(tmp_path: Path) -> None:
    one = write_part(tmp_path / "one", TIMES)
    two = [write_part(tmp_path / "a", TIMES[:3]), write_part(tmp_path / "b", TIMES[3:], first=3)]
    join([one], tmp_path / "one.mp4", SPAN)
    join(two, tmp_path / "two.mp4", SPAN)
    expected = [round(t * 90000) - 9_000_000 for t in TIMES]
    assert ticks(tmp_path / "one.mp4") == ticks(tmp_path / "two.mp4") == expected, "to the tick"
    assert numbers(tmp_path / "two.mp4") == list(range(len(TIMES)))
    with av.open(str(tmp_path / "two.mp4")) as container:
        assert container.duration == pytest.approx(5.5e6, abs=100), "the last picture stands until the span ends"
    assert not list(tmp_path.glob("*.part"))
    data = (tmp_path / "two.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat"), "the index comes first"


def test_the_first_picture_stands_from_the_spans_start(tmp_path: Path) -> None:
    """Second 0 is the span's start, whenever the first picture after it comes: pages count on it."""
    part = write_part(tmp_path / "a", [100.03, 100.2, 100.3])
    join([part], tmp_path / "a.mp4", Span(100.0, 100.4))
    assert times_of(tmp_path / "a.mp4") == pytest.approx([0.0, 0.2, 0.3], abs=1e-5)


def test_hours_into_a_recording_times_are_as_exact(tmp_path: Path) -> None:
    times = [86400.0 * 3 + i / 29.97 for i in range(9)]
    join([write_part(tmp_path / "a", times)], tmp_path / "a.mp4", Span(times[0], times[-1] + 0.05))
    assert times_of(tmp_path / "a.mp4") == pytest.approx([i / 29.97 for i in range(9)], abs=1.2e-5)


def test_parts_without_pictures_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    parts = [tmp_path / "empty", write_part(tmp_path / "a", TIMES), tmp_path / "empty"]
    join(parts, tmp_path / "a.mp4", SPAN)
    assert numbers(tmp_path / "a.mp4") == list(range(len(TIMES)))
    with pytest.raises(MediaError, match="no picture") as caught:
        join([tmp_path / "empty"], tmp_path / "b.mp4", SPAN)
    assert caught.value.hint
    assert not (tmp_path / "b.mp4").exists()


def test_parts_that_do_not_fit_are_refused_and_the_old_video_stays(tmp_path: Path) -> None:
    parts = [write_part(tmp_path / "a", TIMES[:3]), write_part(tmp_path / "b", TIMES[3:], width_px=96)]
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(SinkError, match="another way") as caught:
        join(parts, tmp_path / "a.mp4", SPAN)
    assert caught.value.hint
    assert (tmp_path / "a.mp4").read_bytes() == b"old"
    assert not list(tmp_path.glob("*.part"))


def test_a_part_that_is_missing_or_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(5000))
    for part in (tmp_path / "missing", tmp_path / "noise"):
        with pytest.raises(SinkError) as caught:
            join([part], tmp_path / "a.mp4", SPAN)
        assert caught.value.hint
        assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize(("width", "height"), [(161, 121), (33, 2)])
def test_odd_sizes_are_padded_to_even(tmp_path: Path, width: int, height: int) -> None:
    part = write_part(tmp_path / "a", TIMES, width_px=width, height_px=height)
    join([part], tmp_path / "a.mp4", SPAN)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (width + 1, height + height % 2)


def test_times_that_do_not_rise_cost_no_picture(tmp_path: Path) -> None:
    parts = [write_part(tmp_path / "a", [100.0, 100.2, 100.2]), write_part(tmp_path / "b", [100.2, 100.3])]
    join(parts, tmp_path / "a.mp4", Span(100.0, 100.4))
    found = times_of(tmp_path / "a.mp4")
    assert len(found) == 5
    assert found == sorted(set(found))


def noise(i: int) -> Scene:
    return Scene(Frame(i, i / 25, None, np.random.default_rng(i).integers(0, 255, (240, 320, 3), np.uint8)), (), {})


def test_a_full_disk_is_told_and_leaves_no_video(tmp_path: Path) -> None:
    recorder = PartRecorder(tmp_path / "a", 320, 240)
    for i in range(60):
        recorder.write(noise(i))
    recorder.close()
    size = (tmp_path / "a").stat().st_size
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, usual[1]))
    try:
        with pytest.raises(SinkError, match=r"a\.mp4") as joined:
            join([tmp_path / "a"], tmp_path / "a.mp4", Span(0.0, 2.4))
        second = PartRecorder(tmp_path / "b", 320, 240)

        def fill() -> None:
            for i in range(60):
                second.write(noise(i))
            second.close()

        with pytest.raises(SinkError) as written:
            fill()
        second.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert "ulimit" in joined.value.hint
    assert "ulimit" in written.value.hint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    part = write_part(tmp_path / "a", TIMES)
    for place in (part / "a.mp4", tmp_path):
        with pytest.raises(SinkError) as caught:
            join([part], place, SPAN)
        assert caught.value.hint

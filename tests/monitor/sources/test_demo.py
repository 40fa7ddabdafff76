"""The built-in scene: as long as it says, the same everywhere, and with the people in it."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.errors import MediaError
from monitor.sources import demo
from monitor.sources.sprites import Sprite, load_cutout, paste, sprite


def test_it_ends_after_thirty_seconds_with_rising_times() -> None:
    source = demo.DemoFaces()
    assert (source.live, source.name) == (False, "demo:faces")
    frames = []
    while (frame := source.read(1.0)) is not None:
        frames.append((frame.index, frame.t, frame.wall, frame.bgr.shape, frame.bgr.flags.writeable))
    assert [row[0] for row in frames] == list(range(900))
    assert [row[1] for row in frames] == [index / 30 for index in range(900)]
    assert {row[2:] for row in frames} == {(None, (720, 1280, 3), False)}


def test_in_a_loop_it_starts_again_and_time_goes_on() -> None:
    source = demo.DemoFaces(loop=True)
    first = source.read(1.0)
    later = None
    for _ in range(900):
        later = source.read(1.0)
    assert first is not None
    assert later is not None
    assert (later.index, later.t) == (900, 30.0)
    assert np.array_equal(first.bgr, later.bgr)
    source.close()
    source.close()
    assert source.read(1.0) is None


def test_the_scene_is_a_function_of_time() -> None:
    assert np.array_equal(demo.render(9.0), demo.render(9.0))
    assert not np.array_equal(demo.render(9.0), demo.render(9.1))


def test_people_come_and_go() -> None:
    room = demo.render(0.0)
    changed = {t: (demo.render(t) != room).any(axis=2).mean() for t in (2.4, 9.0, 15.0, 20.0, 29.95)}
    assert changed[2.4] > 0.05
    assert changed[9.0] > changed[2.4]
    assert changed[20.0] > changed[15.0]  # the phone has joined
    assert changed[29.95] == 0


def test_the_mask_is_put_on_in_the_middle() -> None:
    def mouth_bgr(t: float) -> np.ndarray:
        x, scale, _ = demo._at(demo.HOPPER_WALK, t) or pytest.fail("Hopper is not there")
        offset = (demo.HOPPER[3] - (265, 500)) * scale
        row, column = int(720 + offset[1]), int(x + offset[0])
        return demo.render(t)[row - 8 : row + 9, column - 8 : column + 9].mean(axis=(0, 1))

    bare, masked = mouth_bgr(11.5), mouth_bgr(14.0)
    assert bare[2] > bare[0] + 30  # skin: more red than blue
    assert masked[0] > masked[2] + 20  # cloth: more blue than red


def test_a_damaged_installation_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "collins.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match="collins") as caught:
        load_cutout(tmp_path, "collins")
    assert "pip install" in caught.value.hint


def _square() -> Sprite:
    return sprite(np.full((10, 10, 3), 200, np.uint8), np.full((10, 10), 255, np.uint8), (5, 5))


def test_paste_puts_the_anchor_where_it_is_told() -> None:
    canvas = np.zeros((40, 60, 3), np.uint8)
    paste(canvas, _square(), (30, 20), scale=2.0)
    rows, columns = np.nonzero(canvas[..., 0] > 150)
    assert rows.mean() == pytest.approx(20 - 1, abs=0.6)  # the sprite's middle is half a pixel, doubled, before (5, 5)
    assert columns.mean() == pytest.approx(30 - 1, abs=0.6)
    assert abs(len(rows) - 400) < 60


@pytest.mark.parametrize("at", [(-100, 20), (30, 500), (0, 0), (60, 40)])
def test_paste_stays_inside(at: tuple[float, float]) -> None:
    canvas = np.zeros((40, 60, 3), np.uint8)
    paste(canvas, _square(), at, turn_deg=30)
    assert canvas.any() == (at in {(0, 0), (60, 40)})


def test_half_covered_is_half_mixed() -> None:
    canvas = np.full((20, 20, 3), 100, np.uint8)
    half = sprite(np.full((8, 8, 3), 200, np.uint8), np.full((8, 8), 128, np.uint8), (4, 4))
    paste(canvas, half, (10, 10))
    assert abs(int(canvas[10, 10, 0]) - 150) <= 1
    assert canvas[0, 0, 0] == 100

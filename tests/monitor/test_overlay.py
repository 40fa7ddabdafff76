from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from engines.contract import EngineInfo
from monitor.ink import GREEN, SKY, VERMILION, Ink, looks_of, paste, sprite_of
from monitor.labels import Labels, place
from monitor.overlay import Overlay, text_px
from monitor.settings import ShowSettings
from monitor.types import Gap, Scene
from tests.monitor.scenes import CLASSES, frame, scene, track

ENGINE = EngineInfo("onnxruntime", "int8", "cpu", "fastest here", "0")
SIZES = [(64, 48), (320, 240), (240, 320), (1280, 720), (3840, 2160)]


def overlay(hud: bool = True, details: bool = False, clock: object = None) -> Overlay:
    ticks = count()
    return Overlay(CLASSES, ShowSettings(hud=hud, details=details), ENGINE, clock or (lambda: next(ticks) / 10))  # type: ignore[arg-type]


def canvas(drawn: Scene) -> np.ndarray:
    assert drawn.canvas is not None
    return drawn.canvas


def changed(drawn: Scene) -> np.ndarray:
    return (canvas(drawn) != drawn.frame.bgr).any(axis=2)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("grey", [0, 255])
def test_draws_faces_at_every_edge_at_every_size_and_leaves_the_frame_alone(width: int, height: int, grey: int) -> None:
    w, h = width / 4, height / 4
    corners = [(0, 0), (width - w, 0), (0, height - h), (width - w, height - h)]
    labels = ("real", "fake", "mask", None)
    tracks = [
        track(i, label, box=(x, y, x + w, y + h)) for i, (label, (x, y)) in enumerate(zip(labels, corners, strict=True))
    ]
    given = scene(0, 0.0, *tracks, width_px=width, height_px=height, grey=grey)
    drawn = overlay(details=True).draw(given)
    assert canvas(drawn).shape == (height, width, 3)
    assert canvas(drawn).dtype == np.uint8
    assert (given.frame.bgr == grey).all()
    assert not given.frame.bgr.flags.writeable
    marks = changed(drawn)
    for x, y in corners:
        assert marks[int(y) : int(y + h), int(x) : int(x + w)].any()
    assert drawn.ms["draw"] > 0
    assert drawn.tracks == given.tracks


def test_nothing_to_show_changes_nothing() -> None:
    drawn = overlay(hud=False).draw(scene(0, 0.0, width_px=320, height_px=240))
    assert not changed(drawn).any()


def test_the_middle_of_a_face_stays_free() -> None:
    drawn = overlay().draw(scene(0, 0.0, track(1, "mask", box=(400, 250, 600, 480)), width_px=1280, height_px=720))
    assert not changed(drawn)[300:430, 450:550].any()


@pytest.mark.parametrize(("label", "bgr"), [("real", GREEN), ("fake", VERMILION), ("mask", SKY)])
def test_each_class_has_its_colour(label: str, bgr: tuple[int, int, int]) -> None:
    given = scene(0, 0.0, track(1, label, box=(400, 250, 600, 480)), width_px=1280, height_px=720)
    pixels = canvas(overlay(hud=False).draw(given)).reshape(-1, 3)
    for other in (GREEN, VERMILION, SKY):
        assert (pixels == other).all(axis=1).any() == (other == bgr)


def test_each_class_has_its_shape_too() -> None:
    ink, looks = Ink(), looks_of(CLASSES)
    shapes = [
        255 - ink.icon(kind, 24, (255, 255, 255)).keep[:, :, 0].astype(int)
        for kind in [k.icon for k in looks] + ["unsure"]
    ]
    for i, one in enumerate(shapes):
        for other in shapes[:i]:
            assert np.abs(one - other).mean() > 20


def test_other_classes_get_other_colours() -> None:
    looks = looks_of(("real", "cat", "dog"))
    assert len({look.bgr for look in looks}) == 3
    assert looks[1].name == "Cat"


def test_a_track_that_is_not_found_now_is_drawn_fainter() -> None:
    found = track(1, "fake", box=(400, 250, 600, 480), seen_t=5.0)
    now = overlay(hud=False).draw(scene(0, 5.0, found, width_px=1280, height_px=720))
    in_a_moment = overlay(hud=False).draw(scene(1, 5.2, found, width_px=1280, height_px=720))
    assert (canvas(in_a_moment) == canvas(now)).all(), "a face that is searched for in turns does not flicker"
    later = overlay(hud=False).draw(scene(1, 5.4, found, width_px=1280, height_px=720))
    assert not (canvas(later).reshape(-1, 3) == VERMILION).all(axis=1).any()
    strength = [np.abs(canvas(s).astype(int) - 90).sum() for s in (now, later)]
    assert strength[1] < 0.9 * strength[0]


def test_confidence_is_a_bar() -> None:
    def length(p: float) -> int:
        drawn = overlay(hud=False).draw(
            scene(0, 0.0, track(1, "mask", p=p, box=(400, 250, 600, 480)), width_px=1280, height_px=720)
        )
        above = canvas(drawn)[:245]
        return int((above == SKY).all(axis=2).sum(axis=1).max())

    assert 1.7 < length(1.0) / length(0.5) < 2.3


def test_a_track_that_was_never_judged_has_a_label_all_the_same() -> None:
    drawn = overlay(hud=False).draw(
        scene(0, 0.0, track(1, judgements=0, box=(400, 250, 600, 480)), width_px=1280, height_px=720)
    )
    assert changed(drawn)[:245].any()


@pytest.mark.parametrize("reason", ["small", "blurred", "few judgements", "unsure"])
def test_each_reason_is_written_differently(reason: str) -> None:
    def label(why: str) -> np.ndarray:
        given = scene(0, 0.0, track(1, reason=why, box=(400, 250, 600, 480)), width_px=1280, height_px=720)
        return canvas(overlay(hud=False).draw(given))

    assert (label(reason) != label("another reason")).any()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_labels_stay_in_the_picture_and_off_each_other(width: int, height: int) -> None:
    labels, px, rng = (
        Labels(Ink(), CLASSES),
        text_px(frame(0, 0, width_px=width, height_px=height).bgr),
        np.random.default_rng(1),
    )
    taken: list[tuple[float, float, float, float]] = []
    for i in range(4):
        w, h = width / 6, height / 6
        x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
        face = track(100 + i, None if i % 2 else "fake")
        variants = labels.variants(face, px, coasting=False, details=True)
        block, left, top = place(variants, (x, y, x + w, y + h), taken, [], (height, width, 3))
        right, bottom = left + block.width_px, top + block.height_px
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        if width >= 320:
            assert all(right <= a or c <= left or bottom <= b or d <= top for a, b, c, d in taken)
        taken.append((left, top, right, bottom))


def test_variants_grow_shorter() -> None:
    widths = [b.width_px for b in Labels(Ink(), CLASSES).variants(track(12, "real"), 20, coasting=False, details=False)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 2


def test_a_mask_on_a_fake_is_written_as_such() -> None:
    labels = Labels(Ink(), CLASSES)

    def width(label: str | None, was_fake: bool) -> int:
        given = replace(track(1, label), was_fake=was_fake)
        return next(labels.variants(given, 20, coasting=False, details=False)).width_px

    assert width("mask", True) > width("mask", False) + 20
    assert width(None, True) > width(None, False) + 20
    assert width("fake", True) == width("fake", False)


def test_the_plate_does_not_twitch_with_the_number() -> None:
    labels = Labels(Ink(), CLASSES)
    widths = {
        next(labels.variants(track(1, "real", p=p), 20, coasting=False, details=False)).width_px
        for p in (0.51, 0.77, 0.88, 1.0)
    }
    assert len(widths) == 1


@pytest.mark.parametrize("grey", [0, 255])
def test_text_stands_out_on_black_and_white(grey: int) -> None:
    given = scene(0, 0.0, track(1, "real", box=(400, 250, 600, 480)), width_px=1280, height_px=720, grey=grey)
    plate = canvas(overlay(hud=False).draw(given))[215:240, 405:560].max(axis=2)
    assert plate.max() > 200
    assert np.median(plate) < 90


def test_the_line_of_numbers_counts_dropped_frames() -> None:
    def line(*indexes: int) -> np.ndarray:
        shown = overlay(clock=count().__next__)
        for index in indexes:
            drawn = shown.draw(scene(index, index / 10, width_px=1280, height_px=720))
        return canvas(drawn)[:50]

    assert (line(0, 1, 2, 3) == line(10, 11, 12, 13)).all()
    assert (line(0, 1, 2, 3) != line(0, 1, 2, 4)).any()


def test_no_mark_covers_the_numbers() -> None:
    """A face behind the line of numbers: they are drawn over its box, whose colour shows nowhere among them."""
    size = {"width_px": 640, "height_px": 480}
    away, behind = (scene(0, 1.0, track(1, "mask", box=(20, y, 120, y + 30)), **size) for y in (400, 14))
    alone, over = (canvas(overlay().draw(given))[:40].astype(int) for given in (away, behind))
    bare = canvas(overlay(hud=False).draw(behind))[:40].astype(int)
    digits = np.abs(alone - 90).max(axis=2) > 100
    assert (np.abs(bare - 90).max(axis=2)[digits] > 40).any(), "the box is there"
    assert np.abs(over - alone).max(axis=2)[digits].max() < 40


def test_hud_can_be_left_out_and_fits_small_pictures() -> None:
    given = scene(0, 0.0, width_px=320, height_px=240)
    assert changed(overlay().draw(given))[:40].any()
    assert not changed(overlay(hud=False).draw(given)).any()
    assert not changed(overlay().draw(scene(0, 0.0, width_px=64, height_px=48))).any()


def test_numbers_change_at_most_four_times_a_second() -> None:
    now = [0.0]
    shown = overlay(clock=lambda: now[0])
    pictures = []
    for i in range(26):
        now[0] = i / 25
        drawn = shown.draw(scene(i, i / 25, width_px=640, height_px=480, ms={"detect": float(i)}))
        pictures.append(canvas(drawn).tobytes())
    assert 2 <= len(set(pictures)) <= 5


def test_details_show_more_and_can_be_switched_while_running() -> None:
    shown = overlay()
    given = scene(0, 0.0, track(1, "mask", box=(700, 250, 900, 480)), width_px=1280, height_px=720, ms={"detect": 6.0})
    plain = changed(shown.draw(given)).sum()
    shown.details = True
    assert changed(shown.redraw(given)).sum() > 1.5 * plain
    assert changed(shown.redraw(given))[60:90, 10:150].any(), "the stages"


def test_redrawing_counts_nothing() -> None:
    shown = overlay()
    for i in range(3):
        drawn = shown.draw(scene(i, i / 10, width_px=640, height_px=480))
    before = canvas(shown.redraw(drawn))
    assert (canvas(shown.redraw(replace(drawn, frame=replace(drawn.frame, index=99)))) == before).all()


@pytest.mark.parametrize("state", ["connecting", "stalled", "lost", "something new"])
def test_a_gap_is_written_over_the_last_picture_which_stays(state: str) -> None:
    last = scene(0, 0.0, width_px=640, height_px=480, grey=200)
    shown = overlay()
    picture = shown.draw_gap(Gap(state, 12.3, "it does not answer"), last)
    assert picture.shape == (480, 640, 3)
    assert (last.frame.bgr == 200).all()
    assert picture[5, 5].max() < 100, "darkened"
    assert picture[200:280, 200:440].max() > 200, "written in the middle"
    assert (shown.draw_gap(Gap(state, 14.0, ""), None).shape) == (720, 1280, 3)
    assert (shown.draw_gap(Gap(state, 15.3, "it does not answer"), last) != picture).any(), "the time goes on"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_help_and_notes_are_drawn_on_a_copy(width: int, height: int) -> None:
    given = frame(0, 0.0, width_px=width, height_px=height).bgr
    for picture in (overlay().draw_help(given), overlay().draw_note(given, "saved out/snapshot.png")):
        assert picture.shape == given.shape
        assert (picture != given).any()
    assert (given == 90).all()


def test_sprites_are_cut_at_the_edges_and_opaque_ones_hide_what_is_below() -> None:
    area = np.full((10, 10, 3), 50, np.uint8)
    block = sprite_of(np.full((6, 6), 255, np.uint8), (1, 2, 3))
    for x, y in ((-3, -3), (7, 7), (-3, 7), (20, 20), (-9, 0)):
        paste(area, block, x, y)
    assert (area[0, 0] == (1, 2, 3)).all()
    assert (area[9, 9] == (1, 2, 3)).all()
    assert (area[5, 5] == 50).all()

from __future__ import annotations

import base64
import io
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.analysis.facts import EVERY
from monitor.analysis.render import Look, join_parts, render_part, render_pictures, rows_wanted
from monitor.analysis.sights import Sights
from monitor.analysis.timecode import TimeCode
from monitor.errors import SinkError, SourceError
from monitor.ink import Ink
from monitor.overlay import text_px
from monitor.sources.recordings import scan, scan_pictures
from monitor.types import U8, Media, Span
from tests.browser import chromium, page
from tests.films import beep, times_of, write_film
from tests.monitor.analysis.fabricated import CLASSES, Rect, row, rows_table
from tests.people import played
from tests.videos import number_of, numbered, write_video

PLAIN = Look(CLASSES)
FACE: Rect = (200.0, 120.0, 280.0, 200.0)
VFR = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.501, 0.9, 1.0, 1.5, 1.54, 1.6]


def noisy(i: int = 0, width_px: int = 480, height_px: int = 320) -> U8:
    """Fine grey detail everywhere, the same for the same number."""
    grey = np.random.default_rng(i).integers(60, 200, (height_px, width_px, 1), np.uint8)
    return np.ascontiguousarray(np.repeat(grey, 3, axis=2))


def film(path: Path, times: list[float], picture: U8 | None = None) -> Media:
    bgr = np.full((320, 480, 3), 110, np.uint8) if picture is None else picture
    return scan(str(write_video(path, [bgr] * len(times), times_s=times)))


def rendered(media: Media, rows: list[dict[str, object]], look: Look, cuts: list[float], folder: Path) -> Path:
    """The film from the first cut to the last, drawn in as many parts."""
    parts = []
    for i, (a, b) in enumerate(pairwise(cuts)):
        part = folder / f"part{i}"
        wanted = rows_wanted(media, Span(a, b), look)
        near = [r for r in rows if wanted.from_s <= float(str(r["t"])) < wanted.to_s]
        render_part(media, Span(a, b), rows_table(near), look, part, lambda n: None)
        parts.append(part)
    out = folder / "out.mp4"
    join_parts(parts, media, Span(cuts[0], cuts[-1]), out)
    return out


def changed(before: U8, after: U8, rect: Rect, around: float = 12) -> bool:
    """Whether something is drawn near the outline of `rect`."""
    x0, y0, x1, y1 = (int(v) for v in rect)
    part = np.s_[int(max(0, y0 - around)) : int(y1 + around), int(max(0, x0 - around)) : int(x1 + around)]
    return bool((np.abs(before[part].astype(int) - after[part]).max(axis=2) > 60).mean() > 0.004)


def test_every_frame_keeps_its_time_in_one_part_and_in_three(tmp_path: Path) -> None:
    media = film(tmp_path / "film.mp4", VFR)
    (tmp_path / "one").mkdir()
    (tmp_path / "three").mkdir()
    one = rendered(media, [], PLAIN, [0.0, media.length_s], tmp_path / "one")
    three = rendered(media, [], PLAIN, [0.0, 0.5, 1.2, media.length_s], tmp_path / "three")
    assert times_of(one) == times_of(three) == pytest.approx(VFR, abs=1e-5)
    later = rendered(media, [], PLAIN, [0.2, 1.55], tmp_path)
    assert times_of(later) == pytest.approx([t - 0.2 for t in VFR if 0.2 <= t < 1.55], abs=1e-5)


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    media = film(tmp_path / "film.mp4", [i / 25 for i in range(40)])
    told: list[int] = []
    count = render_part(media, Span(0, 9), rows_table([]), PLAIN, tmp_path / "part", told.append)
    assert count == sum(told) == 40
    assert told[0] > 0


def test_far_from_the_last_keyframe_it_says_that_it_goes_on(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", [numbered(i % 30) for i in range(100)], options={"g": "500"})
    told: list[int] = []
    assert render_part(scan(str(path)), Span(3.6, 4), rows_table([]), PLAIN, tmp_path / "part", told.append) == 10
    assert told == [0] * (90 // EVERY) + [10]


def test_boxes_and_labels_stand_where_the_rows_say(tmp_path: Path) -> None:
    times = [i / 25 for i in range(20)]
    media = film(tmp_path / "film.mp4", times)
    other: Rect = (330.0, 120.0, 400.0, 190.0)
    rows = [row(t, 1, FACE) for t in times[:10]] + [row(t, None, other) for t in times]
    for t, bgr in played(rendered(media, rows, PLAIN, [0.0, media.length_s], tmp_path)):
        plain = np.full_like(bgr, 110)
        assert changed(plain, bgr, FACE) == (t < 0.399), f"nobody is drawn longer than he is there: {t}"
        assert not changed(plain, bgr, other), "what is nobody has no box"
        label = bgr[90:117, 200:300]
        assert (label.max() > 200) == (t < 0.399)


def test_a_face_only_expected_is_drawn_otherwise(tmp_path: Path) -> None:
    media = film(tmp_path / "film.mp4", [0.0, 0.04])
    rows = [row(0.0, 1, FACE), row(0.04, 1, FACE, found=False)]
    (_, first), (_, second) = played(rendered(media, rows, PLAIN, [0.0, media.length_s], tmp_path))
    assert changed(first, second, FACE, 4)


def test_between_pictures_looked_at_boxes_glide(tmp_path: Path) -> None:
    moved: Rect = (240.0, 120.0, 320.0, 200.0)
    sights = Sights([row(1.0, 1, FACE), row(1.2, 1, moved, "mask"), row(1.2, 2, FACE)], CLASSES)
    (track,) = sights.tracks(1.1, 0.2)
    assert track.face.box.x0 == pytest.approx(220)
    assert track.label == 0, "the label of the picture before"
    assert [t.id for t in sights.tracks(1.2, 0.2)] == [1, 2]
    assert [t.id for t in sights.tracks(1.36, 0.2)] == [1, 2], "the last boxes stay until the next look"
    assert sights.tracks(1.4, 0.2) == ()
    assert sights.tracks(1.1) == (), "where every picture was looked at, nobody was there"
    assert sights.tracks(0.9, 0.2) == ()
    assert len(sights.tracks(2.19, 5.0)) == 2
    assert sights.tracks(2.21, 5.0) == (), "no box is older than a second"


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_hidden_faces_keep_their_labels_and_lose_their_detail(tmp_path: Path, how: str) -> None:
    picture = noisy()
    times = [i / 25 for i in range(50)]
    media = film(tmp_path / "film.mp4", times, picture)
    rows = [row(t, 1, FACE) for t in times if 0.8 <= t <= 1.2]
    look = Look(CLASSES, how)  # type: ignore[arg-type]
    inner = np.s_[140:185, 215:265]
    for t, bgr in played(rendered(media, rows, look, [0.0, 0.6, 1.0, media.length_s], tmp_path)):
        likeness = float(np.corrcoef(bgr[inner].ravel(), picture[inner].ravel())[0, 1])
        if 0.3 <= round(t, 3) <= 1.7:
            assert abs(likeness) < 0.3, f"at {t} also in parts whose own rows say nothing of it"
        else:
            assert likeness > 0.8
        assert (bgr[90:117, 200:300].max() > 230) == (0.8 <= round(t, 3) <= 1.2), "the label, above what is hidden"


def test_the_time_stands_in_a_corner_small(tmp_path: Path) -> None:
    for width, height in ((1920, 1080), (1280, 720), (640, 480), (388, 218), (320, 240), (160, 120), (64, 48)):
        for begins in (None, 1_714_816_800.0):
            px = text_px(np.zeros((height, width, 3), np.uint8))
            block = TimeCode(Ink(), begins).block(4533.2, px, width, height)
            if width >= 320:
                assert block is not None
            assert block is None or block.width_px * block.height_px <= 0.02 * width * height
    media = film(tmp_path / "film.mp4", [0.0, 0.04])
    (_, first), (_, second) = played(rendered(media, [], PLAIN, [0.0, media.length_s], tmp_path))
    assert (np.abs(first.astype(int) - second).max(axis=2) > 60).any(), "it goes on"
    assert np.abs(first[:280].astype(int) - 110).max() < 12, "and nothing else is drawn"


def test_the_time_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ink, said = Ink(), list[str]()
    draw = ink.text
    ink.text = lambda text, *more: (said.append(text), draw(text, *more))[1]  # type: ignore[assignment]
    begins = datetime(2026, 5, 4, 8, 0, 0).astimezone().timestamp()
    TimeCode(ink, begins).block(3723.4, 19, 1280, 720)
    assert "".join(said).endswith("1:02:03.4002026-05-0409:02:03")


def test_labels_keep_off_the_time(tmp_path: Path) -> None:
    """Somebody low in the left corner: both can be read."""
    low: Rect = (6.0, 250.0, 60.0, 285.0)
    media = film(tmp_path / "film.mp4", [0.0, 0.04])
    with_face = played(rendered(media, [row(0.0, 1, low)], PLAIN, [0.0, media.length_s], tmp_path))[0][1]
    alone = played(rendered(media, [], PLAIN, [0.0, media.length_s], tmp_path))[0][1]
    assert np.abs(with_face[295:312, 12:80].astype(int) - alone[295:312, 12:80]).mean() < 6


def test_odd_sizes_come_out_even(tmp_path: Path) -> None:
    frames = [np.full((121, 161, 3), 110, np.uint8)] * 5
    path = write_video(tmp_path / "film.mp4", frames, pix_fmt="yuv444p")
    media = scan(str(path))
    assert (media.width_px, media.height_px) == (161, 121)
    (_, bgr), *_ = played(rendered(media, [], PLAIN, [0.0, media.length_s], tmp_path))
    assert bgr.shape == (122, 162, 3)


def test_a_span_without_pictures_is_an_empty_part(tmp_path: Path) -> None:
    media = film(tmp_path / "film.mp4", [0.0, 0.04, 5.0])
    assert render_part(media, Span(1.0, 2.0), rows_table([]), PLAIN, tmp_path / "part", lambda n: None) == 0
    assert (tmp_path / "part").stat().st_size == 0
    out = rendered(media, [], PLAIN, [0.0, 1.0, 2.0, media.length_s], tmp_path)
    assert times_of(out) == pytest.approx([0.0, 0.04, 5.0], abs=1e-5)


def test_what_fails_leaves_no_part(tmp_path: Path) -> None:
    media = film(tmp_path / "film.mp4", [i / 25 for i in range(60)])

    def stop(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_part(media, Span(0, 9), rows_table([]), PLAIN, tmp_path / "part", stop)
    with pytest.raises(SinkError):
        render_part(media, Span(0, 9), rows_table([]), PLAIN, tmp_path / "film.mp4" / "part", lambda n: None)
    (tmp_path / "film.mp4").unlink()
    with pytest.raises(SourceError):
        render_part(media, Span(0, 9), rows_table([]), PLAIN, tmp_path / "part", lambda n: None)
    assert list(tmp_path.iterdir()) == []


def test_annotated_pictures_keep_their_names(tmp_path: Path) -> None:
    places = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png", tmp_path / "a" / "y.jpg"]
    for i, place in enumerate(places):
        place.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(place), noisy(i))
    media = scan_pictures([str(place) for place in places], "folder")
    rows = rows_table([row(0.0, 1, FACE, picture=str(places[0])), row(0.0, None, FACE, picture="y.jpg")])
    told: list[int] = []
    count = render_pictures(media, rows, Look(CLASSES, "pixelate"), tmp_path / "out", told.append)
    assert count == sum(told) == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["x-2.png", "x.png", "y.jpg"]
    out = {p.name: cv2.imread(str(p)) for p in (tmp_path / "out").iterdir()}
    inner = np.s_[140:185, 215:265]
    for name, i, hidden in (("x.png", 0, True), ("x-2.png", 1, False), ("y.jpg", 2, True)):
        likeness = float(np.corrcoef(out[name][inner].ravel(), noisy(i)[inner].ravel())[0, 1])
        assert (abs(likeness) < 0.3) if hidden else (likeness > 0.9)
    assert out["x.png"][90:117, 200:300].max() > 230, "the label"
    assert np.array_equal(out["x-2.png"], noisy(1)), "nothing is drawn on a picture of nobody"


PAGE = """<body style="margin:0"><video id="v" src="data:video/mp4;base64,{data}" preload="auto"></video>"""
SEEK = """(t) => new Promise((done, fail) => {
    const v = document.getElementById("v");
    v.onerror = () => fail(v.error.message);
    v.onseeked = () => requestAnimationFrame(() => requestAnimationFrame(() => done(v.currentTime)));
    v.currentTime = t;
})"""


def test_a_browser_plays_it_and_finds_every_frame(tmp_path: Path) -> None:
    """Numbers are painted in; half a second on, the frame that is due then is shown, also across parts."""
    times = [i / 25 + (0.013 if i % 3 else 0) for i in range(30)]
    frames = [numbered(i, width_px=160, height_px=120) for i in range(30)]
    path = write_film(tmp_path / "film.mp4", frames, times, beep(1.2, 0.5))
    media = scan(str(path))
    out = rendered(media, [], PLAIN, [0.2, 0.6, media.length_s], tmp_path)
    shown = [(i, t - 0.2) for i, t in enumerate(times) if t >= 0.2]
    (tmp_path / "page.html").write_text(PAGE.format(data=base64.b64encode(out.read_bytes()).decode()))
    with chromium() as browser, page(browser, (tmp_path / "page.html").as_uri(), width_px=160, height_px=120) as opened:
        opened.page.wait_for_function("document.getElementById('v').readyState >= 3")
        length_s = opened.page.evaluate("document.getElementById('v').duration")
        assert length_s == pytest.approx(media.length_s - 0.2, abs=0.04)
        for i, t in [shown[12], shown[1], shown[20], shown[9], shown[10], shown[-1]]:
            opened.page.evaluate(SEEK, t + 0.005)
            png = opened.page.screenshot()
            bgr = cv2.imdecode(np.frombuffer(io.BytesIO(png).getvalue(), np.uint8), cv2.IMREAD_COLOR)
            assert number_of(np.asarray(bgr[:120, :160], np.uint8)) == i
        opened.page.evaluate("document.getElementById('v').currentTime = 0; document.getElementById('v').play()")
        opened.page.wait_for_function("document.getElementById('v').ended", timeout=15_000)
        assert not opened.trouble

"""Results for people: tables, a drawing, a page, and all results over time."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

from rich.console import Console

from monitor.bench.compare import compare
from monitor.bench.history import DRAWING, store, write_history
from monitor.bench.page import page
from monitor.bench.plots import svg
from monitor.bench.tables import compared, markdown, rich_table, terminal
from tests.browser import chromium, violations
from tests.browser import page as shown_page
from tests.monitor.bench.reports import LIVE, MADE, RECORDED, measured, report

STRESS = {
    "rate_fps": 30.0, "rule": "none lost", "faces": {"held": 16, "first_missed": 28, "tried": [
        {"faces": 16, "fps": 29.9, "dropped_share": 0.0, "frame_p95_ms": 20.0},
        {"faces": 28, "fps": 29.9, "dropped_share": 0.2, "frame_p95_ms": 40.0}]},
    "cameras": {"held": 2, "first_missed": None, "tried": [
        {"cameras": 2, "fps": 58.7, "dropped_share": 0.0, "frame_p95_ms": 22.0}]},
}  # fmt: skip
ROOF = {
    "int8_gops": 500.0, "fp32_gops": 200.0, "memory_gbps": 34.5, "gpu": None, "how": {}, "stages": [
        {"stage": "detect", "ms": 9.0, "gops": 0.3, "moved_mb": 3.7, "peak_share": 0.15, "bandwidth_share": 0.01,
         "bound": "neither"},
        {"stage": "crop", "ms": 0.5, "gops": None, "moved_mb": None, "peak_share": None, "bandwidth_share": None,
         "bound": "not known"}],
}  # fmt: skip
FULL = report(
    measured(RECORDED, [100, 102, 98, 100]),
    measured(replace(RECORDED, program="tutorial", runtime="keras"), [8.0, 8.1]),
    measured(LIVE, [90, 91]), stress=STRESS, roofline=ROOF, ratio_to_baseline={RECORDED.key: 12.4},
    left_out=(("tensorrt fp16", "there is no GPU"),), soak=({"s": 60.0, "fps": 99.5}, {"s": 120.0, "fps": 97.25}),
    label_agreement={"share": 0.9934, "track_seconds": 47.0, "judgements": 20, "judgements_every_face": 200},
    notes=("it ran on battery (40 %)",),
)  # fmt: skip
SAID = ("100.0", "12.4", "99.34%", "battery", "there is no GPU", "97.25", "16", "34.5 GB/s", "0.58%", "58.7")


def text_of(parts):
    console = Console(width=200, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.export_text()


def test_the_terminal_and_the_markdown_say_everything():
    for told in (text_of(terminal(FULL)), markdown(FULL)):
        assert [word for word in SAID if word not in told] == []
    lines = [line for line in markdown(FULL).splitlines() if line.startswith("| recorded")]
    assert len({line.count("|") for line in lines}) == 1
    assert "&lt;Small>" in markdown(FULL), "nothing becomes markup"


def test_dollars_in_a_films_name_are_no_formula():
    """Two of them are, to Matplotlib, and this one does not parse."""
    film = replace(RECORDED, scene="a$_$b.mp4")
    beside = replace(film, runtime="tensorrt")
    drawing = svg(report(measured(film, [100, 101]), measured(beside, [90, 91]), measured(RECORDED, [1, 2])))
    assert drawing.count(b"a$_$b.mp4") >= 3, "both bars, and the title of the stages"


def test_what_all_points_share_is_said_once():
    told = text_of(terminal(FULL))
    assert told.count("1280x720") <= 4


def test_the_comparison_as_a_table():
    before = report(measured(RECORDED, [100, 101, 99, 100]))
    told = text_of([rich_table(compared(compare(report(measured(RECORDED, [70, 71, 69, 70])), before, 0.05)))])
    assert "regression" in told
    assert "0.700" in told


def test_the_drawing_is_the_same_for_the_same_result_and_shows_every_point():
    drawing = svg(FULL)
    assert drawing == svg(FULL)
    root = ET.fromstring(drawing)
    words = " ".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text"))
    assert [
        w for w in ("100.0", "8.1", "detect", "decode (beside)", "0.58% lost", "milliseconds") if w not in words
    ] == []


def test_the_page_holds_all_loads_nothing_and_fits_a_phone(tmp_path):
    (tmp_path / "page.html").write_text(page(FULL), encoding="utf-8")
    url = (tmp_path / "page.html").as_uri()
    with chromium() as browser, shown_page(browser, url, width_px=390) as shown:
        text = shown.page.inner_text("body")
        assert [word for word in SAID if word not in text] == []
        assert "Quick & <Small>" in text
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert shown.page.evaluate("document.images[0].naturalWidth") > 300
        assert shown.page.evaluate("getComputedStyle(document.querySelector('strong')).fontWeight") == "650"
        assert violations(shown.page) == []
        assert shown.trouble == []


def test_results_are_kept_beside_each_other_and_drawn_together(tmp_path):
    first = store(FULL, tmp_path)
    later = replace(FULL, provenance={**MADE, "date": "2026-12-24T08:00:00+00:00", "program": "0.2.0"})
    second, third = store(later, tmp_path), store(later, tmp_path)
    assert [path.name for path in (first, second, third)] == [
        "bench-quick-small-2-2026-11-27-0.1.0.json", "bench-quick-small-2-2026-12-24-0.2.0.json",
        "bench-quick-small-2-2026-12-24-0.2.0-2.json",
    ]  # fmt: skip
    (tmp_path / "bench-broken.json").write_text("{")
    (unread,) = write_history(tmp_path)
    assert "bench-broken.json" in unread
    drawing = (tmp_path / DRAWING).read_text()
    assert "2026-11-27" in drawing
    assert "0.2.0" in drawing
    assert "Quick &amp; &lt;Small&gt;, 2 cores" in drawing
    assert "tutorial" not in drawing

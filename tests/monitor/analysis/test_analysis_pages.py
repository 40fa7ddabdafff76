"""The pages of an analysis, opened from the disk in a real browser: no server, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from monitor.analysis.pages import index_page, report_page
from tests.browser import Watched, chromium, page, violations
from tests.monitor.analysis.made_up_facts import TABLES, crowd, facts, index_row, person, suspicion
from tests.videos import numbered, write_video

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">'\"&amp;{{data}}\udcff\u202emp4.exe"
FOUR = [
    person(1, [[0.0, 0.4, "undecided", None], [0.4, 9.0, "mask", 0.93]]),
    person(2, [[1.0, 1.2, "undecided", None], [1.2, 4.2, "real", 0.71], [4.2, 5.0, "fake", 0.9]], was_fake=True),
    person(3, [[5.0, 8.0, "undecided", None]]),
    person(4, [[6.0, 6.5, "undecided", None], [6.5, 8.5, "mask", 0.99]]),
]
JPEG = b"\xff\xd8\xff\xe0 no picture"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def report(
    browser: Browser, folder: Path, told: Mapping[str, Any], *, width_px: int = 1280
) -> AbstractContextManager[Watched]:
    (folder / "report.html").write_text(report_page(told, {}), encoding="utf-8")
    return page(browser, (folder / "report.html").as_uri(), width_px=width_px)


def index(browser: Browser, folder: Path, rows: list[dict[str, Any]]) -> AbstractContextManager[Watched]:
    (folder / "index.html").write_text(index_page({"version": 1, "results": rows, "totals": {}}), encoding="utf-8")
    return page(browser, (folder / "index.html").as_uri())


def column(shown: Page, table: str, number: int) -> list[str]:
    return [
        text.split("\n")[0].strip()
        for text in shown.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()
    ]


def test_the_page_says_what_the_facts_say(browser: Browser, tmp_path: Path) -> None:
    told = facts(FOUR, begins=0.0, suspicions=[suspicion(2, 4.4, 0.97)])
    told["quality"]["warnings"] = ["many faces are small"]
    with report(browser, tmp_path, told) as opened:
        shown = opened.page
        expect(shown.locator("h1")).to_have_text("clip.mp4")
        expect(shown).to_have_title("clip.mp4: people and masks")
        expect(shown.locator("#tiles")).to_contain_text("People seen4")
        # 8.6 + 2.0 of 8.6 + 2.0 + 3.0 + 0.8 s
        expect(shown.locator("#tiles")).to_contain_text("74 %10.6 s of the 14.4 s in which a face was decided")
        expect(shown.locator("#tiles")).to_contain_text("face too small to judge")
        expect(shown.locator("#shares .legend li")).to_have_text(
            [re.compile(text) for text in ("Real3.0 s", "Fake0.8 s", "Mask10.6 s", "Undecided4.1 s")]
        )
        expect(shown.locator("#suspicions")).to_contain_text("A suspicion is no proof")
        expect(shown.locator("#suspicions tbody tr")).to_contain_text("97.0 %")
        expect(shown.locator("#quality")).to_contain_text("many faces are small")
        shown.get_by_text("How this was made", exact=True).click()
        expect(shown.locator("#made")).to_contain_text("onnxruntime, int8")
        assert opened.trouble == []


def test_without_a_video_time_codes_are_text(browser: Browser, tmp_path: Path) -> None:
    with report(browser, tmp_path, facts(FOUR)) as opened:
        expect(opened.page.locator("#film-card")).to_be_hidden()
        expect(opened.page.locator("span.time").first).to_have_text("0:00.0")
        assert opened.page.locator("button.time").count() == 0


@pytest.fixture
def filmed(browser: Browser, tmp_path: Path) -> Iterator[Watched]:
    """A report of the seconds 100 to 110 of a film, with its annotated copy beside it."""
    write_video(tmp_path / "annotated.mp4", [numbered(i % 30) for i in range(250)], options={"g": "25"})
    later = [person(p["person"], [[a + 100, b + 100, *rest] for a, b, *rest in p["runs"]]) for p in FOUR]
    told = facts(
        later, 200.0, span={"from_s": 100.0, "to_s": 110.0}, suspicions=[suspicion(2, 104.4, 0.97)], begins=1e9,
        files={"video": "annotated.mp4", "tables": TABLES},
    )  # fmt: skip
    told["quality"]["cuts"] = [103.2]
    with report(browser, tmp_path, told) as opened:
        opened.page.wait_for_function("document.querySelector('video')?.readyState >= 1")
        yield opened


def second(shown: Page) -> float:
    return float(shown.evaluate("document.querySelector('video').currentTime"))


def test_every_moment_leads_into_the_video(filmed: Watched) -> None:
    shown = filmed.page
    shown.locator("#suspicions button.time").first.click()
    assert second(shown) == pytest.approx(4.4, abs=0.001)
    expect(shown.locator("#place")).to_have_text("1:44.400")
    expect(shown.locator("#playhead")).to_be_visible()
    left = shown.evaluate("parseFloat(document.getElementById('playhead').style.left)")
    assert left == pytest.approx(44, abs=0.2)
    shown.locator("#quality button.time").click()
    assert second(shown) == pytest.approx(3.2, abs=0.001)
    expect(shown.locator("#film")).to_have_class("docked")  # its own place is far above
    assert shown.evaluate("document.getElementById('film-card').offsetHeight") > 300  # nothing below has jumped
    for part, share in (("#counts", 0.25), (".lane >> nth=1", 0.5)):
        shown.locator(part).scroll_into_view_if_needed()
        box = shown.locator(part).bounding_box()
        assert box is not None
        shown.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert second(shown) == pytest.approx(10 * share, abs=0.05)
    assert filmed.trouble == []


def test_the_timeline_by_keyboard(filmed: Watched) -> None:
    shown = filmed.page
    shown.locator(".lane[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        shown.keyboard.press(key)
    expect(shown.locator("#said")).to_have_text("Real, 71 % sure, 1:41.2 to 1:44.2")
    expect(shown.locator("#tip")).to_contain_text("Person 2")
    shown.keyboard.press("Enter")
    assert second(shown) == pytest.approx(1.2, abs=0.001)
    assert filmed.trouble == []


def test_a_video_left_behind_leaves_text(browser: Browser, tmp_path: Path) -> None:
    told = facts(FOUR, files={"video": "annotated.mp4", "tables": TABLES})
    with report(browser, tmp_path, told) as opened:
        expect(opened.page.locator("#film")).to_contain_text("is not beside this page")
        assert opened.page.locator("button.time").count() == 0
        expect(opened.page.locator("#people span.time").first).to_have_text("0:00.0")


def test_sorting_and_filtering_and_looking_closer(browser: Browser, tmp_path: Path) -> None:
    with report(browser, tmp_path, facts(FOUR)) as opened:
        shown = opened.page
        shown.select_option("#rows-order", "longest")
        assert [text[:2] for text in shown.locator("#rows .who b").all_inner_texts()] == ["#1", "#2", "#3", "#4"]
        shown.select_option("#rows-order", "sure")
        assert shown.locator("#rows .who b").all_inner_texts() == ["#4", "#1", "#2", "#3"]
        shown.select_option("#rows-label", "undecided")
        assert shown.locator("#rows .who b").all_inner_texts() == ["#3"]
        shown.select_option("#rows-label", "ever fake")
        assert shown.locator("#rows .who b").all_inner_texts() == ["#2"]
        people = "#people-table"
        shown.get_by_role("button", name="In view, s").click()
        assert column(shown, people, 1) == ["#1", "#2", "#3", "#4"]
        shown.get_by_role("button", name="In view, s").click()
        assert column(shown, people, 1) == ["#4", "#3", "#2", "#1"]
        shown.get_by_role("button", name="How sure").click()
        assert column(shown, people, 3) == ["99 %", "93 %", "71 %", "–"]  # nothing comes last, up or down
        shown.fill("#people-find", "mask")
        assert column(shown, people, 1) == ["#4", "#1"]
        shown.select_option("#people-label", "real")
        expect(shown.locator("#people .none")).to_be_visible()
        shown.locator("#counts").scroll_into_view_if_needed()
        box = shown.locator("#counts").bounding_box()
        assert box is not None
        shown.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 20)
        shown.mouse.down()
        shown.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 20, steps=3)
        shown.mouse.up()
        expect(shown.locator("#stretch")).to_have_text(
            re.compile(r"^0:0(1\.9|2\.0) to 0:0(3\.9|4\.0)$")
        )  # whole pixels
        shown.click("#zoom-all")
        expect(shown.locator("#stretch")).to_have_text("all of it")
        assert opened.trouble == []


def test_no_name_breaks_out(browser: Browser, tmp_path: Path) -> None:
    told = facts(FOUR, name=HOSTILE, uri=f"/films/{HOSTILE}", begins=None, classes=["real", "fake", "mask"])
    told["made"]["engine"]["why"] = told["quality"]["warnings"] = [HOSTILE]
    with report(browser, tmp_path, told) as opened:
        expect(opened.page.locator("#people tbody tr")).to_have_count(4)
        expect(opened.page.locator("h1")).to_contain_text("</script><img src=x onerror=")
        assert opened.page.locator("img").count() == 0
        assert opened.trouble == []
    rows = [index_row(HOSTILE, folder=f"a/{HOSTILE}"), index_row("b", status="failed", why=HOSTILE, totals=None)]
    with index(browser, tmp_path, rows) as opened:
        expect(opened.page.locator("#files tbody tr")).to_have_count(2)
        href = opened.page.locator("#files a").get_attribute("href")
        assert href is not None
        assert href.startswith("./a/%3C/script%3E%3Cimg%20src%3Dx%20onerror")
        assert opened.page.locator("img").count() == 0
        assert opened.trouble == []


def test_the_policy_lets_nothing_else_run(browser: Browser, tmp_path: Path) -> None:
    with report(browser, tmp_path, facts([])) as opened:
        opened.page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'broken'";
            document.body.append(script);
        }""")
        expect(opened.page).not_to_have_title("broken")
        assert any("Content Security Policy" in text for text in opened.trouble)


def test_nobody_seen(browser: Browser, tmp_path: Path) -> None:
    with report(browser, tmp_path, facts([])) as opened:
        expect(opened.page.locator("#nobody")).to_have_text(
            "No face was found in clip.mp4; that is not proof that nobody was there."
        )
        for part in ("#over-time", "#people", "#numbers"):
            expect(opened.page.locator(part)).to_be_hidden()
        assert violations(opened.page) == []
        assert opened.trouble == []


def test_nothing_decided_and_a_single_picture(browser: Browser, tmp_path: Path) -> None:
    with report(browser, tmp_path, facts([FOUR[2]])) as opened:
        expect(opened.page.locator("#tiles")).to_contain_text("nothing decided")
        expect(opened.page.locator("#tiles")).to_contain_text("100 %3.0 s of 3.0 s")
        assert opened.trouble == []
    with report(browser, tmp_path, facts([person(1, [[0.0, 0.0, "mask", 0.9]])], 0.04)) as opened:
        expect(opened.page.locator("#tiles")).to_contain_text("1 of 1 face that could be decided")
        expect(opened.page.locator("#rows .run")).to_have_count(1)
        assert opened.trouble == []


def test_pictures_are_told_one_by_one(browser: Browser, tmp_path: Path) -> None:
    people = [person(i, [[0.0, 0.0, label, 0.9]], picture=name) for i, (label, name) in enumerate(
        [("mask", "a.jpg"), ("real", "a.jpg"), ("undecided", "b.jpg")], start=1)]  # fmt: skip
    told = facts(people, 0.0, kind="pictures", suspicions=[suspicion(2, 0.0, 0.6) | {"picture": "a.jpg"}])
    told["frames"]["looked_at"] = 3
    with report(browser, tmp_path, told) as opened:
        shown = opened.page
        assert column(shown, "#pictures-table", 1) == ["a.jpg", "b.jpg"]
        assert column(shown, "#pictures-table", 2) == ["2", "1"]
        expect(shown.locator("#tiles")).to_contain_text("50 %1 of 2 faces")
        expect(shown.locator("#pictures")).to_contain_text("No face was found in 1 other picture")
        expect(shown.locator("#over-time")).to_be_hidden()
        assert violations(shown) == []
        assert opened.trouble == []


def test_a_crowd_is_drawn(browser: Browser, tmp_path: Path) -> None:
    with report(browser, tmp_path, facts(crowd(200, 100, 7200.0), 7200.0, people_left_out=12)) as opened:
        expect(opened.page.locator("#rows .lane svg")).to_have_count(200)
        expect(opened.page.locator("#left-out")).to_contain_text("12 people")
        assert opened.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_for_everybody(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    told = facts(FOUR, begins=1e9, suspicions=[suspicion(2, 4.4, 0.97)])
    with report(browser, tmp_path, told, width_px=390) as opened:
        opened.page.emulate_media(color_scheme=scheme)
        opened.page.get_by_text("Counts as a table").click()
        assert violations(opened.page) == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    rows = [index_row("a.mp4"), index_row("b.mp4", status="failed", why="cut off", totals=None, length_s=None)]
    with index(browser, tmp_path, rows) as opened:
        opened.page.emulate_media(color_scheme=scheme)
        assert violations(opened.page) == []
        assert opened.trouble == []


def test_thumbnails_are_inside(browser: Browser, tmp_path: Path) -> None:
    text = report_page(facts(FOUR), {2: JPEG})
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    with page(browser, (tmp_path / "report.html").as_uri()) as opened:
        picture = opened.page.locator("#people-table img")
        expect(picture).to_have_attribute("src", re.compile("^data:image/jpeg;base64,"))
        expect(picture).to_have_attribute("alt", "Face of person 2")


def test_the_index_sorts_filters_and_adds_up(browser: Browser, tmp_path: Path) -> None:
    totals = {"people": 7, "most_at_once": 4, "seconds": {"real": 30.0, "mask": 10.0}, "compliance": 0.25}
    rows = [
        index_row("clip-10.mp4"), index_row("clip-9.mp4", totals=totals, warnings=3, begins=0.0),
        index_row("gone.avi", status="failed", why="no such file", totals=None, length_s=None),
    ]  # fmt: skip
    with index(browser, tmp_path, rows) as opened:
        shown = opened.page
        assert column(shown, "#files", 1) == ["clip-9.mp4", "clip-10.mp4", "gone.avi"]
        expect(shown.locator("#files tfoot")).to_contain_text("All 3 files")
        expect(shown.locator("#files tfoot")).to_contain_text("50 %")  # 30 + 10 of 40 + 40 s
        expect(shown.locator("#files tbody")).to_contain_text("no such file")
        shown.get_by_role("button", name="People").click()
        assert column(shown, "#files", 1) == ["clip-9.mp4", "clip-10.mp4", "gone.avi"]
        shown.fill("#find", "CLIP-1")
        assert column(shown, "#files", 1) == ["clip-10.mp4"]
        expect(shown.locator("#files tfoot")).to_contain_text("1 of 3 files")
        assert shown.locator("#files a").get_attribute("href") == "./clip-10/report.html"
        shown.fill("#find", "")
        shown.select_option("#status", "failed")
        assert column(shown, "#files", 1) == ["gone.avi"]
        assert opened.trouble == []


def test_an_index_of_thousands(browser: Browser, tmp_path: Path) -> None:
    with index(browser, tmp_path, [index_row(f"clip-{i}.mp4") for i in range(5000)]) as opened:
        shown = opened.page
        assert 0 < shown.locator("#files tbody tr").count() < 1000
        shown.get_by_role("button", name="File").click()
        assert column(shown, "#files", 1)[0] == "clip-4999.mp4"
        shown.get_by_role("button", name="Show all").click()
        expect(shown.locator("#files tbody tr")).to_have_count(5000)
        expect(shown.locator("#files tfoot")).to_contain_text("15\u202f000")
        assert opened.trouble == []

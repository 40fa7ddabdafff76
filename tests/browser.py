"""Debian's Chromium, driven headless: no page of ours is believed to work before a real browser has shown it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.system import need_program

OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
           "--disable-sync", "--no-first-run", "--autoplay-policy=no-user-gesture-required")  # fmt: skip
WATCH = """() => {
    window.said = [];
    const note = () => window.said.push([document.body.dataset.state, Date.now() / 1000]);
    note();
    new MutationObserver(note).observe(document.body, {attributes: true, attributeFilter: ["data-state"]});
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped (or fails, see tests.system) where there is none."""
    program = need_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and what went wrong in it: messages, failed requests, answers of other hosts."""

    page: Page
    trouble: list[str] = field(default_factory=list)

    def said(self) -> list[tuple[str, float]]:
        """(state, second since 1970) of every change of the screen, after `watch_states`."""
        return [(str(state), float(at)) for state, at in self.page.evaluate("window.said")]

    def watch_states(self) -> None:
        self.page.evaluate(WATCH)


@contextmanager
def page(browser: Browser, url: str, *, width_px: int = 1280, height_px: int = 800) -> Iterator[Watched]:
    """A page of its own, with cookies of its own."""
    context = browser.new_context(
        viewport={"width": width_px, "height": height_px}, locale="en-GB", reduced_motion="reduce"
    )
    opened = Watched(context.new_page())
    opened.page.on("pageerror", lambda error: opened.trouble.append(str(error)))
    opened.page.on("console", lambda message: message.type == "error" and opened.trouble.append(message.text))
    own = (f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/", "data:", "blob:")
    opened.page.on("request", lambda asked: asked.url.startswith(own) or opened.trouble.append(f"asked {asked.url}"))
    try:
        opened.page.goto(url)
        yield opened
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page, for people who cannot see, hear or use a mouse."""
    found = Axe().run(page)
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']]}"
        for one in found.response["violations"]
    ]

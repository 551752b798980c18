"""A real browser for tests: Debian's Chromium, and what it finds wrong with a page."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from needed import unavailable

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images" / "admin"
SIZE = {"width": 1280, "height": 800}


def find_chromium() -> str:
    """Give the program."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        unavailable("needs Chromium: apt-get install chromium, or `make test` as root on Debian")
    return found


class Browser:
    """
    Chromium without a window, one for all tests of a process.

    Playwright leaves an event loop running in this thread, which is hidden from tests that use no
    browser: they could not run a loop of their own.
    """

    def __init__(self) -> None:
        program = find_chromium()
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        self._chromium = self._playwright.chromium.launch(
            executable_path=program,
            # Nobody but root is there in most containers, and little shared memory.
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        self.away()

    def away(self) -> None:
        """Hide its loop."""
        asyncio._set_running_loop(None)

    def here(self) -> None:
        """Let its loop be seen, as it has to be for anything to work."""
        asyncio._set_running_loop(self._loop)

    @contextmanager
    def window(self, address: str, cookies=()):
        """Open a window of its own; give its page. What goes wrong in it fails in the end."""
        context = self._chromium.new_context(
            base_url=address, viewport=SIZE, locale="en-GB", reduced_motion="reduce"
        )
        try:
            context.add_cookies(list(cookies))
            context.set_default_timeout(15_000)
            page = context.new_page()
            wrong = page.complaints = watch(page, address)
            yield page
            assert wrong == [], "\n".join(wrong)
        finally:
            context.close()

    def close(self) -> None:
        self.here()
        self._chromium.close()
        self._playwright.stop()
        self.away()


def watch(page, address: str) -> list[str]:
    """Collect what must not happen: errors of scripts and of the server, requests to elsewhere."""
    wrong: list[str] = []
    home = urlsplit(address).netloc

    def said(message):
        # That a page answered with 403 or 404 is what tests look at themselves.
        if message.type == "error" and "Failed to load resource" not in message.text:
            wrong.append(f"{page.url}: the console says: {message.text}")

    def asked(request):
        where = urlsplit(request.url)
        if where.scheme in {"http", "https"} and where.netloc != home:
            wrong.append(f"{page.url}: asks elsewhere: {request.url}")

    def answered(response):
        if response.status >= 500:
            wrong.append(f"{response.url}: status {response.status}")

    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("request", asked)
    page.on("response", answered)
    return wrong


def axe_findings(page) -> list[str]:
    """Give what axe-core finds, one line for each element: the rule, why, and where."""
    if find_spec("axe_playwright_python") is None:
        unavailable("needs axe-core, of the package axe-playwright-python")
    program = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    before = len(page.complaints)
    page.evaluate(f"() => {{ {program} }}")
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    # It changes the style of what it looks at, and back, which the page itself may not.
    page.complaints[before:] = [
        each for each in page.complaints[before:] if "Applying inline style" not in each
    ]
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {node['html']}: {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def save_screenshot(page, name: str) -> None:
    """Write the picture of the whole page into the documentation, if that is asked for."""
    if os.environ.get("EVENTKIT_UPDATE_SCREENSHOTS") == "1":
        IMAGES.mkdir(parents=True, exist_ok=True)
        # What stays in place while one scrolls would be in the middle.
        page.evaluate("() => scrollTo(0, 0)")
        # What sticks to the window would else be where it was scrolled to.
        page.evaluate("() => window.scrollTo(0, 0)")
        page.screenshot(path=IMAGES / f"{name}.png", full_page=True, animations="disabled")

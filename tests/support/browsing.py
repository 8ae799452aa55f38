"""Looking at a page in a browser: sizes, waiting until it is live, pictures for people."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
WIDE = (1920, 1080)
NARROW = (360, 800)

# Each keeps the browser from looking for its maker's servers.
_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]

# A busy machine takes its time; what comes is awaited all the same.
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Return the system's Chromium, ended with the block.

    For fixtures of a module: while Playwright's own loop is open in a thread, no coroutine test can run there.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium on the PATH; install it with: apt-get install chromium"
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else _FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()


def live(page: Page) -> Page:
    """Return the page once the event stream has spoken to it."""
    page.wait_for_selector("html[data-live]", timeout=PATIENCE_MS)
    return page


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep how a page looks."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=whole)


def overflow(page: Page) -> tuple[int, int]:
    """Return by how many pixels the page is wider and taller than its window."""
    wide, tall = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    )
    return max(0, int(wide)), max(0, int(tall))

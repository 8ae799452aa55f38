"""Looking at a page in a browser: sizes, waiting until it is live, pictures for people."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
WIDE = (1920, 1080)
NARROW = (360, 800)

# A busy machine takes its time; what comes is awaited all the same.
expect.set_options(timeout=30_000)


def live(page: Page) -> Page:
    """Return the page once the event stream has spoken to it."""
    page.wait_for_selector("html[data-live]")
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

"""Accessible: everything has a name and a role, headings are in order, nothing needs a colour to be understood."""

import itertools
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from support.browsing import NARROW, live
from support.fake_hub import OPERATOR, key_of
from support.nester_server import NesterServer

OpenPage = Callable[..., Page]
# With all that can be done on them.
ACTING = ["/alerts", f"/alerts/1?key={key_of(1)}", "/alerts/3", "/alerts/history", "/maintenance", "/sign-in"]
PATHS = ["/", "/wall", "/alerts", "/nodes/pve-02", "/nowhere"]

NAMELESS = """
() => [...document.querySelectorAll("a, button, input, select, textarea, summary, fieldset, dialog, nav, section")]
  .concat([...document.querySelectorAll("[role=meter], [role=img], [role=list], [role=group]")])
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.innerText?.trim() || element.getAttribute("aria-label")
    || element.getAttribute("aria-labelledby") || element.labels?.length))
  .map((element) => element.outerHTML.slice(0, 200))
"""
TWICE = """
() => { const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
        return ids.filter((id, place) => ids.indexOf(id) !== place) }
"""
DANGLING = """
() => ["aria-labelledby", "aria-controls", "for"].flatMap((name) =>
  [...document.querySelectorAll(`[${name}]`)].flatMap((element) => element.getAttribute(name).split(" "))
    .filter((id) => !document.getElementById(id)))
"""
HEADINGS = """
() => [...document.querySelectorAll("h1, h2, h3, h4")].filter((element) => !element.closest("dialog"))
  .map((element) => Number(element.tagName[1]))
"""
COLOUR_ALONE = """
() => [...document.querySelectorAll(".state, .alert-state, .attention, .event, .outcome, .wall-tile, .wall-alert")]
  .filter((element) => !element.querySelector("svg") || !element.textContent.trim())
  .map((element) => element.outerHTML.slice(0, 200))
"""


@pytest.fixture
def troubled(server: NesterServer) -> NesterServer:
    server.engines.heat("pve-02", 78)
    server.engines.kill("pve-03")
    server.engines.unplug("pve-01", "enp1s0f1")
    server.engines.care(server.engines.alerts[1], "Ana", seconds=3600, note="on my way")
    server.engines.hold(server.engines.alerts[2])
    server.engines.declare({"nodes": ["pve-01"]}, by="Ana", reason="new fans")
    return server


def check_names(page: Page) -> None:
    """See that everything on a page has a name, and that names lead somewhere."""
    assert page.title()
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(TWICE) == []
    assert page.evaluate(DANGLING) == []
    assert page.evaluate(COLOUR_ALONE) == []
    assert page.query_selector_all("main")
    assert page.query_selector_all("[tabindex]:not([tabindex='-1']):not([tabindex='0'])") == []


def check_headings(page: Page) -> None:
    """See that a page has one title, and leaves out no level below it."""
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1
    for before, after in itertools.pairwise(levels):
        assert after <= before + 1, levels


def check_sizes(page: Page) -> None:
    """See that fingers find what they press."""
    pressed = "header a, header input, .button, .alert-pick, summary, .check, .field input, .field select, .filters a"
    for element in page.query_selector_all(pressed):
        box = element.bounding_box()
        if box is not None and element.is_visible():
            assert box["height"] >= 24, element.inner_text()
            assert box["width"] >= 24, element.inner_text()


@pytest.mark.usefixtures("troubled")
def test_pages_on_which_something_is_done_can_be_used_by_all(server: NesterServer, open_page: OpenPage) -> None:
    page = open_page(f"/sign-in?key={OPERATOR}", size=NARROW)
    for path in ACTING:
        page.goto(server.url + path)
        for folded in page.query_selector_all("main summary"):
            folded.click()
        check_names(page)
        check_headings(page)
        check_sizes(page)


@pytest.mark.usefixtures("troubled")
@pytest.mark.parametrize("path", PATHS)
def test_page_can_be_used_by_those_who_listen(path: str, open_page: OpenPage) -> None:
    page = live(open_page(path))
    check_names(page)
    assert page.get_attribute("html", "lang") == "en"


@pytest.mark.usefixtures("troubled")
@pytest.mark.parametrize("path", PATHS)
def test_headings_leave_out_no_level(path: str, open_page: OpenPage) -> None:
    check_headings(open_page(path))


def test_figures_are_read_out_with_unit_and_limit(troubled: NesterServer, open_page: OpenPage) -> None:
    page = open_page("/")
    gauge = page.get_by_role("meter", name="pve-02")
    assert gauge.get_attribute("aria-valuenow") == "78.0"
    assert gauge.get_attribute("aria-valuetext") == "78 °C, limit 70\u00a0°C"
    assert troubled.engines.nodes["pve-02"].celsius == 78


def test_fingers_find_what_they_press(open_page: OpenPage) -> None:
    check_sizes(open_page("/", size=NARROW))

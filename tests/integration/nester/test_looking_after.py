"""Looking after alerts in a browser: with a mouse and without scripts, wide and narrow, light and dark."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.browsing import NARROW, live, overflow, picture
from support.fake_hub import OPERATOR, key_of
from support.nester_server import NesterServer

OpenPage = Callable[..., Page]


@pytest.fixture
def troubled(server: NesterServer) -> NesterServer:
    engines = server.engines
    engines.heat("pve-02", 78)
    engines.unplug("pve-01", "enp1s0f1")
    engines.kill("pve-03")
    engines.hold(engines.alerts[2])
    engines.fire("FilesystemFilling", "watch", severity="warning", filesystem="/var", value=91, threshold=85, unit="%",
                 ago=5000, summary="watch: /var is 91 % full")  # fmt: skip
    engines.care(engines.alerts[3], "Bo", seconds=7200, note="moving old backups away")
    engines.declare({"nodes": ["pve-03"]}, by="Ana", reason="new fans")
    engines.declare({"groups": ["rack-a"]}, every="first sunday 02:00 for 2h", reason="updates")
    return server


def test_link_of_a_message_leads_to_an_alert_that_is_acknowledged_with_one_click(
    troubled: NesterServer, open_page: OpenPage
) -> None:
    page = live(open_page(f"/alerts/1?key={key_of(1)}"))
    picture(page, "alert-1280-light", whole=True)
    page.get_by_label("Your name").first.fill("Ana")
    page.get_by_label("Note").fill("on my way")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status").filter(has_text="Acknowledged")).to_be_visible()
    expect(page.locator(".events")).to_contain_text("Acknowledged by Ana")
    expect(page.get_by_role("button", name="Hand back")).to_be_visible()
    assert page.get_by_label("Your name").first.input_value() == "Ana"
    # Elsewhere it was handed back: the page learns of it by itself.
    troubled.engines.alerts[0]["care"] = None
    expect(page.get_by_role("button", name="Hand back")).to_be_hidden()
    assert page.get_by_label("Your name").first.input_value() == "Ana"


def test_acknowledged_and_held_alerts_leave_the_wall_calm_and_true(server: NesterServer, open_page: OpenPage) -> None:
    server.engines.heat("pve-02", 78)
    wall = live(open_page("/wall"))
    expect(wall.locator("html[data-state=critical]")).to_have_count(1)
    server.engines.care(server.engines.alerts[0], "Ana")
    expect(wall.locator(".wall-verdict")).to_have_text("1 alert, looked after")
    expect(wall.locator(".wall-tile-acknowledged")).to_contain_text("pve-02")
    expect(wall.locator("html[data-state=acknowledged]")).to_have_count(1)
    colour = "element => getComputedStyle(element).color"
    hot = wall.locator(".wall-tile-acknowledged .wall-figure").first.evaluate(colour)
    assert hot != wall.locator(".wall-tile-up .wall-figure").first.evaluate(colour)
    expect(wall.locator(".wall-alert")).to_contain_text("acknowledged by Ana")
    picture(wall, "wall-acknowledged-1920-light")
    assert overflow(wall) == (0, 0)


def test_without_scripts_everything_can_be_done(troubled: NesterServer, open_page: OpenPage) -> None:
    page = open_page(f"/sign-in?key={OPERATOR}", scripts=False)
    page.goto(f"{troubled.url}/alerts?severity=critical")
    page.get_by_label("Select: CPU").check()
    page.get_by_label("Your name").fill("Ana")
    page.get_by_role("button", name="Acknowledge selected").click()
    expect(page.locator(".alert-acknowledged")).to_have_count(1)
    assert page.url.endswith("/alerts?severity=critical")
    page.goto(f"{troubled.url}/alerts/2")
    page.get_by_text("Silence this alert").click()
    page.get_by_label("Reason").fill("cabling")
    page.get_by_role("button", name="7 days").click()
    expect(page.locator(".outcome")).to_contain_text("Silenced")
    assert troubled.engines.done[-1][2] == {"alert": 2, "seconds": 604_800, "by": "Ana", "reason": "cabling"}
    page.goto(f"{troubled.url}/maintenance")
    page.get_by_text("Declare maintenance").click()
    page.get_by_role("checkbox", name="pve-01").check()
    page.get_by_label("Reason").first.fill("new disks")
    page.get_by_role("button", name="Declare", exact=True).click()
    expect(page.locator("table").first).to_contain_text("new disks")
    page.get_by_role("button", name="End: pve-01").click()
    expect(page.locator("table").first).not_to_contain_text("new disks")


def test_what_fails_is_one_clear_line_and_nothing_is_lost(troubled: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page(f"/alerts/1?key={key_of(1)}"))
    page.get_by_label("Your name").first.fill("Ana")
    page.get_by_label("Note").fill("a long story")
    troubled.engines.hub_answers = False
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".outcome-bad")).to_contain_text("The hub does not answer")
    picture(page, "alert-refused-1280-light", whole=True)
    assert troubled.engines.done == []
    troubled.engines.hub_answers = True
    assert page.get_by_label("Note").input_value() == "a long story"
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".events")).to_contain_text("a long story")


@pytest.mark.parametrize(
    ("language", "theme", "paths"),
    [
        ("en-GB", "dark", ("/alerts", "/alerts/3", "/alerts/history")),
        ("fr-FR", "light", ("/alerts/1", "/alerts/4", "/maintenance")),
    ],
)
def test_every_page_fits_a_phone_with_all_that_can_be_done(
    language: str, theme: str, paths: tuple[str, ...], troubled: NesterServer, open_page: OpenPage
) -> None:
    page = open_page(f"/sign-in?key={OPERATOR}", size=NARROW, language=language, theme=theme)
    for path in paths:
        page.goto(troubled.url + path)
        for folded in page.query_selector_all("main summary"):
            folded.click()
        assert overflow(page)[0] == 0, path
        picture(page, f"{path.strip('/').replace('/', '-')}-acting-360-{language[:2]}-{theme}", whole=True)

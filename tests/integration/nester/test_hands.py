"""Keys, search, theme, language: everything works without a mouse, and stays as it was chosen."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from support.browsing import live, picture
from support.nester_server import NesterServer

OpenPage = Callable[..., Page]


def test_slash_searches_and_enter_goes(server: NesterServer, open_page: OpenPage) -> None:
    server.engines.heat("pve-02", 78)
    page = open_page("/")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    expect(page.locator("#found li").first).to_be_visible()
    page.keyboard.type("pve-03")
    expect(page.locator("#found li")).to_have_count(1)
    picture(page, "search-1920-light")
    page.keyboard.press("Enter")
    page.wait_for_url("**/nodes/pve-03")


def test_enter_before_the_list_has_come_goes_once_it_has(open_page: OpenPage) -> None:
    page = open_page("/")
    held: list[Route] = []
    page.route("**/api/search*", lambda route: held.append(route))
    with page.expect_request("**/api/search*"):
        page.keyboard.press("/")
    page.keyboard.type("pve-03")
    expect(page.locator("#found")).to_be_hidden()
    page.keyboard.press("Enter")
    held[0].continue_()
    page.wait_for_url("**/nodes/pve-03")


def test_arrows_choose_and_escape_leaves(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("/")
    page.keyboard.type("pve")
    expect(page.locator("#found li[aria-selected=true]")).to_contain_text("pve-01")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found li[aria-selected=true]")).to_contain_text("pve-02")
    expect(page.locator("#search")).to_have_attribute("aria-activedescendant", "found-1")
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    expect(page.locator("#search")).not_to_be_focused()


def test_search_finds_alerts_and_without_accents(server: NesterServer, open_page: OpenPage) -> None:
    server.engines.heat("pve-02", 78)
    page = open_page("/", language="fr-FR")
    page.keyboard.press("/")
    page.keyboard.type("synthese")
    expect(page.locator("#found li")).to_contain_text(["Synthèse"])
    page.fill("#search", "78")
    expect(page.locator("#found li")).to_contain_text(["CPU à 78\u202f°C sur pve-02"])
    page.fill("#search", "rien de tel")
    expect(page.locator("#found")).to_have_text("Rien trouvé")


def test_g_and_a_letter_goes(open_page: OpenPage) -> None:
    page = open_page("/")
    # The two belong together within a second and a half, which stands still here.
    page.clock.install()
    page.clock.pause_at(time.time() + 3600)
    for key, path in (("a", "/alerts"), ("w", "/wall"), ("o", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(re.compile(f":[0-9]+{path}$"))


def test_question_mark_lists_the_keys(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()
    picture(page, "keys-1920-light")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


def test_theme_changes_at_once_and_is_kept(open_page: OpenPage) -> None:
    page = open_page("/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click("[data-theme-choice=dark]")
    # What a theme needs may still be coming.
    page.wait_for_function(f"light => {background} !== light", arg=light)
    dark = page.evaluate(background)
    page.reload()
    page.wait_for_function(f"dark => {background} === dark", arg=dark)
    assert page.get_attribute("html", "data-theme") == "dark"
    page.click("[data-theme-choice=auto]")
    page.wait_for_function(f"light => {background} === light", arg=light)


def test_t_changes_the_theme(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("t")
    expect(page.locator("[data-theme-choice=dark]")).to_have_attribute("aria-current", "true")


def test_theme_can_be_chosen_without_scripts(open_page: OpenPage) -> None:
    page = open_page("/alerts", scripts=False)
    page.click("[data-theme-choice=dark]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.url.endswith("/alerts")


def test_language_of_the_browser_is_spoken_and_another_is_kept(open_page: OpenPage) -> None:
    page = open_page("/", language="fr-FR")
    expect(page.locator("h1")).to_have_text("Tout va bien")
    page.click("a[hreflang=en]")
    expect(page.locator("h1")).to_have_text("All is well")
    page.goto(page.url)
    assert page.get_attribute("html", "lang") == "en"


def test_live_values_speak_the_language_of_the_page(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/", language="fr-FR"))
    server.engines.heat("pve-01", 90)
    expect(page.locator("h1")).to_have_text("1 alerte critique")
    expect(page.locator("[data-age]")).to_have_text("données 1\u202fs")


def test_focus_is_always_seen(open_page: OpenPage) -> None:
    page = open_page("/")
    for _ in range(25):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        inside = page.evaluate("document.activeElement !== document.body")
        assert not inside or outline != "none", page.evaluate("document.activeElement.outerHTML")


def test_first_tab_skips_to_the_content(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

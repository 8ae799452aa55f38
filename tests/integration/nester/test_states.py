"""Every state of a site, on both pages, wide and narrow, light and dark: looked at by a browser, kept as pictures."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.browsing import NARROW, WIDE, live, overflow, picture
from support.fake_engines import FakeEngines
from support.nester_server import NesterServer, nester_server

OpenPage = Callable[..., Page]


def all_well(engines: FakeEngines) -> None:
    engines.fire("CpuHot", "pve-03", state="resolved", value=66, peak=74, threshold=70, unit="°C", ago=32_000,
                 resolved_ago=31_700)  # fmt: skip
    engines.fire("LinkDown", "pve-01", state="resolved", device="enp1s0f0", ago=54_000, resolved_ago=53_952)


def hot_node(engines: FakeEngines) -> None:
    all_well(engines)
    engines.heat("pve-02", 78)


def dead_node(engines: FakeEngines) -> None:
    engines.kill("pve-03")


def cut_link(engines: FakeEngines) -> None:
    engines.unplug("pve-01", "enp1s0f1")
    engines.slow("pve-02", "enp1s0f0")


def stale_data(engines: FakeEngines) -> None:
    engines.freeze(seconds_ago=95)


def silent_hub(engines: FakeEngines) -> None:
    engines.heat("pve-02", 78)
    engines.hub_answers = False


def nothing(engines: FakeEngines) -> None:
    engines.empty = True


def everything(engines: FakeEngines) -> None:
    for play in (hot_node, dead_node, cut_link):
        play(engines)
    engines.fire("CpuSensorLost", "watch", severity="warning", state="unknown", ago=900, deliveries=[
        {"receiver": "Discord", "state": "failed", "at": None, "detail": "429 Too Many Requests"}
    ])  # fmt: skip
    engines.fire("TestAlert", severity="info", summary="TestAlert", ago=30, deliveries=[])
    engines.failing_probes.add("website")
    engines.unhealthy["hub"] = "a message waits for 40 s"


STATES: dict[str, tuple[Callable[[FakeEngines], None], str | re.Pattern[str]]] = {
    "all-well": (all_well, "All is well"),
    "hot-node": (hot_node, "1 critical alert"),
    "dead-node": (dead_node, "1 critical alert"),
    "cut-link": (cut_link, "1 critical alert"),
    "stale-data": (stale_data, re.compile(r"No fresh values for [12]\s+min")),
    "silent-hub": (silent_hub, "1 critical alert"),
    "nothing": (nothing, "Waiting for the first measurements"),
    "everything": (everything, "3 critical alerts"),
}


@pytest.mark.parametrize("state", STATES)
def test_state_is_told_on_every_screen(state: str, server: NesterServer, open_page: OpenPage) -> None:
    play, headline = STATES[state]
    play(server.engines)
    for theme in ("light", "dark"):
        wide = open_page("/", size=WIDE, theme=theme)
        expect(wide.locator("h1")).to_contain_text(headline)
        picture(wide, f"overview-{state}-1920-{theme}")
        wide.context.close()
        narrow = open_page("/", size=NARROW, theme=theme)
        assert overflow(narrow)[0] == 0
        picture(narrow, f"overview-{state}-360-{theme}", whole=True)
        narrow.context.close()
        wall = open_page("/wall", size=WIDE, theme=theme)
        assert overflow(wall) == (0, 0)
        picture(wall, f"wall-{state}-1920-{theme}")
        wall.context.close()


@pytest.mark.parametrize("path", ["/", "/wall", "/alerts", "/nodes/pve-02", "/nodes/watch?range=30d", "/nowhere"])
@pytest.mark.parametrize("language", ["en-GB", "fr-FR"])
def test_every_page_fits_a_phone(path: str, language: str, server: NesterServer, open_page: OpenPage) -> None:
    everything(server.engines)
    page = live(open_page(path, size=NARROW, language=language))
    assert overflow(page)[0] == 0
    name = path.strip("/").replace("/", "-").partition("?")[0] or "overview"
    picture(page, f"{name}-360-{language[:2]}", whole=True)


@pytest.mark.parametrize("path", ["/alerts", "/nodes/pve-02", "/nodes/pve-02?range=24h", "/nowhere"])
def test_other_pages_in_french_and_dark(path: str, server: NesterServer, open_page: OpenPage) -> None:
    everything(server.engines)
    page = live(open_page(path, language="fr-FR", theme="dark"))
    if path.startswith("/nodes"):
        page.wait_for_selector(".uplot canvas")
    picture(page, path.strip("/").replace("/", "-").replace("?range=", "-") + "-1920-fr-dark")
    assert page.get_attribute("html", "lang") == "fr"


@pytest.mark.parametrize("size", [(1280, 720), (1366, 768), (1920, 1200), (2560, 1440), (3840, 2160)])
def test_wall_never_scrolls(size: tuple[int, int], server: NesterServer, open_page: OpenPage) -> None:
    everything(server.engines)
    wall = open_page("/wall", size=size)
    assert overflow(wall) == (0, 0)
    for selector in (".wall-tile", ".wall-alert", ".wall-port-row", ".wall-verdict", ".wall-clock"):
        for box in (element.bounding_box() for element in wall.query_selector_all(selector)):
            assert box is not None
            assert box["y"] + box["height"] <= size[1], selector
            assert box["x"] + box["width"] <= size[0], selector


def test_wall_of_many_machines_with_long_names_never_scrolls(
    tmp_path_factory: pytest.TempPathFactory, open_page: OpenPage
) -> None:
    links = [{"device": "enp1s0f0np0", "speed": "10G"}, {"device": "enp1s0f1np1", "speed": "25G"}]
    nodes = [
        {"name": f"hypervisor-rack-b-{n:02}", "address": f"10.0.0.{n + 1}", "kind": "proxmox", "links": links}
        for n in range(20)
    ]
    with nester_server(tmp_path_factory.mktemp("many"), nodes=nodes) as many:
        wall = open_page("/wall")
        wall.goto(f"{many.url}/wall")
        assert overflow(wall) == (0, 0)
        picture(wall, "wall-many-1920-light")
        for n in range(9):
            many.engines.heat(f"hypervisor-rack-b-{n:02}", 80 + n)
        wall.reload()
        assert overflow(wall) == (0, 0)
        picture(wall, "wall-many-hot-1920-light")
        wall.goto("about:blank")


def test_what_matters_on_the_wall_is_read_from_five_metres(server: NesterServer, open_page: OpenPage) -> None:
    hot_node(server.engines)
    wall = open_page("/wall")
    for selector in (".wall-clock", ".wall-tile h2", ".wall-figure"):
        size = wall.locator(selector).first.evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
        assert size >= 84, selector


def test_critical_tile_of_the_wall_is_turned_inside_out(server: NesterServer, open_page: OpenPage) -> None:
    hot_node(server.engines)
    wall = open_page("/wall")
    background = "element => getComputedStyle(element).backgroundColor"
    critical = wall.locator(".wall-tile-critical").first.evaluate(background)
    assert critical != wall.locator(".wall-tile-up").first.evaluate(background)
    expect(wall.locator(".wall-nodes article:first-child h2")).to_have_text("pve-02")


def test_without_scripts_the_state_is_told(server: NesterServer, open_page: OpenPage) -> None:
    hot_node(server.engines)
    page = open_page("/", scripts=False)
    assert page.inner_text("h1") == "1 critical alert"
    assert page.is_hidden("#search")
    history = open_page("/nodes/pve-02", scripts=False)
    assert history.query_selector_all(".chart-box svg .chart-line")
    picture(history, "node-without-scripts")


def test_this_machine_alone_shows_the_way_to_more(
    tmp_path_factory: pytest.TempPathFactory, open_page: OpenPage, server: NesterServer
) -> None:
    alone = {"nodes": [{"name": "watch", "address": "127.0.0.1"}], "probes": []}
    with nester_server(tmp_path_factory.mktemp("alone"), **alone) as other:
        page = open_page("/")
        page.goto(other.url)
        live(page)
        assert "hune lab up" in page.inner_text(".hint")
        picture(page, "overview-alone-1920-light")
        page.goto(f"{other.url}/wall")
        picture(page, "wall-alone-1920-light")
        page.goto("about:blank")

"""Live: values change in place, many tabs share one stream, and a lost connection is seen."""

import re
import urllib.request
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from support.browsing import live, picture
from support.nester_server import NesterServer
from support.product import wait_until

OpenPage = Callable[..., Page]


def streams(server: NesterServer) -> int:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
        found = re.search(r"^hune_nester_streams ([0-9.]+)$", answer.read().decode(), flags=re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def test_values_change_in_place(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/"))
    page.eval_on_selector('[data-key="node-pve-01"] .figure-value', "element => { element.marked = true }")
    page.focus('[data-key="node-pve-01"] h3 a')
    server.engines.nodes["pve-01"].celsius = 63.0
    expect(page.locator('[data-key="node-pve-01"] .figure-value')).to_have_text("63")
    assert page.eval_on_selector('[data-key="node-pve-01"] .figure-value', "element => element.marked") is True
    assert page.evaluate("document.activeElement.textContent") == "pve-01"


def test_hot_node_comes_first_and_is_announced_once(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/"))
    assert page.text_content("[data-announce]") == ""
    server.engines.heat("pve-03", 81)
    expect(page.locator("[data-region=nodes] article").first).to_have_attribute("data-key", "node-pve-03")
    expect(page.locator("[data-announce]")).to_have_text("CPU 81\u00a0°C on pve-03")
    expect(page).to_have_title(re.compile("^■ 1 critical"))
    expect(page.locator("[data-icon]")).to_have_attribute("href", re.compile("critical"))


def test_alerts_that_were_there_when_the_page_opened_are_not_announced(
    server: NesterServer, open_page: OpenPage
) -> None:
    server.engines.heat("pve-03", 81)
    page = live(open_page("/"))
    expect(page.locator("[data-region=alerts] article")).to_have_count(1)
    assert page.text_content("[data-announce]") == ""


def test_resolved_alert_leaves_for_the_last_day(server: NesterServer, open_page: OpenPage) -> None:
    server.engines.heat("pve-03", 81)
    page = live(open_page("/"))
    alert = server.engines.alerts[0]
    server.engines.nodes["pve-03"].celsius = 50.0
    alert.update(state="resolved", resolved_at=alert["starts_at"] + 60)
    expect(page.locator("[data-region=alerts] article")).to_have_count(0)
    expect(page.locator("[data-region=lately] li").first).to_contain_text("CPU 84")
    expect(page.locator("h1")).to_have_text("All is well")


def test_seven_tabs_share_one_stream(server: NesterServer, open_page: OpenPage) -> None:
    paths = ["/", "/", "/wall", "/wall", "/alerts", "/nodes/pve-01", "/"]
    first = live(open_page(paths[0]))
    tabs = [first, *(live(open_page(path, context=first.context)) for path in paths[1:])]
    server.engines.fire("LinkDown", "pve-01", device="enp1s0f1", ago=1)
    for tab in tabs:
        expect(tab).to_have_title(re.compile("^■ 1 critical"))
    # Of a stream that a newer one replaces the server learns when it speaks next.
    wait_until(lambda: streams(server) == 1, "one stream is left")
    tabs[3].close()
    tabs[6].close()
    server.engines.nodes["pve-02"].celsius = 66.0
    expect(first.locator('[data-key="node-pve-02"] .figure-value')).to_have_text("66")
    expect(tabs[2].locator('[data-key="node-pve-02"] .wall-figure span').first).to_have_text("66")


def test_closed_tabs_end_the_stream(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/"))
    assert streams(server) == 1
    page.context.close()
    wait_until(lambda: streams(server) == 0, "the server notices that its reader is gone")


def test_browser_without_shared_workers_is_live_too(server: NesterServer, open_page: OpenPage) -> None:
    page = open_page("/nowhere")
    page.context.add_init_script("delete globalThis.SharedWorker")
    page.goto(server.url)
    live(page)
    server.engines.nodes["pve-01"].celsius = 61.0
    expect(page.locator('[data-key="node-pve-01"] .figure-value')).to_have_text("61")


def test_lost_connection_hatches_the_wall_and_heals(server: NesterServer, open_page: OpenPage) -> None:
    wall = live(open_page("/wall"))
    server.stop()
    wall.wait_for_selector("html.is-lost")
    expect(wall.locator("[data-lost]")).to_be_visible()
    expect(wall.locator("[data-lost-text]")).to_have_text(
        re.compile(r"No connection since \d\d:\d\d:\d\d \(\d+\u00a0s\)")
    )
    picture(wall, "wall-lost-1920-light")
    clock = wall.inner_text("[data-clock]")
    expect(wall.locator("[data-clock]")).not_to_have_text(clock)
    server.start()
    expect(wall.locator("html")).not_to_have_class(re.compile("is-lost"))
    expect(wall.locator("[data-lost]")).to_be_hidden()


def test_tab_with_what_is_gone_does_not_pass_for_live_and_leaves_the_others_alone(
    server: NesterServer, open_page: OpenPage
) -> None:
    page = live(open_page("/"))

    def of_another_site(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace("node/watch:en", "node/gone:en"))

    page.context.route("**/nodes/watch", of_another_site)
    gone = open_page("/nodes/watch", context=page.context)
    expect(gone.locator("[data-lost]")).to_be_visible()
    # Said once to those who listen, however long it lasts.
    expect(gone.locator("[data-lost-said]")).to_contain_text("No connection")
    expect(page.locator("[data-lost]")).to_be_hidden()
    server.engines.nodes["pve-01"].celsius = 66.0
    expect(page.locator('[data-key="node-pve-01"] .figure-value')).to_have_text("66")


def test_lost_connection_is_told_on_the_overview(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/"))
    server.stop()
    page.wait_for_selector("html.is-lost")
    expect(page.locator("[data-lost]")).to_be_visible()
    picture(page, "overview-lost-1920-light")
    server.start()
    expect(page.locator("[data-lost]")).to_be_hidden()


def test_age_grows_when_prometheus_measures_nothing_more(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/"))
    expect(page.locator("[data-age]")).to_have_text("data 1\u00a0s")
    server.engines.freeze(seconds_ago=0)
    expect(page.locator("[data-age]")).to_have_text(re.compile(r"data ([5-9]|[1-5]\d)\u00a0s"))
    expect(page.locator("[data-key=node-pve-01]")).to_have_class(re.compile("stale"))
    assert page.eval_on_selector("[data-key=node-pve-01] .figure", "e => getComputedStyle(e).backgroundImage") != "none"


def test_silent_prometheus_leaves_hatched_values_and_no_error(server: NesterServer, open_page: OpenPage) -> None:
    page = live(open_page("/"))
    server.engines.prometheus_answers = False
    expect(page.locator("[data-key=node-pve-02]")).to_have_class(re.compile("stale"))
    expect(page.locator("[data-key=node-pve-02] .figure-value")).to_have_text("51")
    expect(page.locator("h1")).to_contain_text("No fresh values")
    page.reload()
    expect(page.locator("[data-key=node-pve-02] .figure-value")).to_have_text("51")
    server.engines.prometheus_answers = True
    expect(page.locator("h1")).to_have_text("All is well")


def test_charts_are_drawn_and_can_be_read(server: NesterServer, open_page: OpenPage) -> None:
    server.engines.heat("pve-02", 78)
    page = live(open_page("/nodes/pve-02"))
    expect(page.locator(".uplot")).to_have_count(4)
    expect(page.locator('[data-chart="temperature"] .u-legend')).to_contain_text("78\u00a0°C")
    page.hover('[data-chart="temperature"] .u-over', position={"x": 20, "y": 40})
    expect(page.locator('[data-chart="temperature"] .u-legend')).not_to_contain_text("78\u00a0°C")
    page.click("[data-range='24h']")
    expect(page.locator("[data-range='24h']")).to_have_attribute("aria-current", "true")
    expect(page.locator(".uplot")).to_have_count(4)
    picture(page, "node-24h-1920-light")

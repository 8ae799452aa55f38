"""The lab's Proxmox cluster in a browser: figures, guests, what is wrong, what is old, all of it live."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browsing import NARROW, launched, live, overflow, picture
from support.product import Product, query, wait_until

PATIENT = 120_000
"""What Proxmox says is asked every 30 s, and shown up to 15 s later; on a busy machine a scrape may also fail."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with its lab up, and the cluster measured once in full."""
    product = Product(tmp_path_factory.mktemp("pages"))
    product.up()
    try:
        product.ask("lab", "up")
        verdicts = 'count(hune_guest_protected{job="pve-hune"}) > 90'
        wait_until(lambda: query(product.url("prometheus"), verdicts), "the cluster is measured", seconds=240)
        yield product
    finally:
        product.down()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


def opened(
    browser: Browser, lab: Product, path: str, *, size: tuple[int, int] = (1280, 900), locale: str = "en-GB"
) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=locale, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENT)
    page = context.new_page()
    page.goto(lab.url("nester") + path)
    return live(page)


def test_a_cluster_that_is_well_is_figures_in_grey(lab: Product, browser: Browser) -> None:
    page = opened(browser, lab, "/")
    figures = page.locator(".cluster")
    expect(figures).to_contain_text("3 of 3", timeout=PATIENT)
    expect(figures).to_contain_text("93 protected", timeout=PATIENT)
    for text in ("quorum, 2 of 3 votes", "21 services", "6 stopped", "oldest last backup", "none open", "/ min"):
        # Calls a minute take two scrapes to be known.
        expect(figures).to_contain_text(text, timeout=PATIENT)
    expect(figures.locator(".pve-fact:not(.pve-fact-up)")).to_have_count(0)
    picture(page, "proxmox-overview-1280-light", whole=True)
    page.goto(lab.url("nester") + "/wall")
    expect(page.locator(".wall-cluster")).to_contain_text("3 of 3")


def test_guests_are_found_ordered_and_gone_to_by_keyboard(lab: Product, browser: Browser) -> None:
    page = opened(browser, lab, "/clusters/lab", size=NARROW, locale="fr-FR")
    expect(page.locator("tr.guest")).to_have_count(50)
    assert overflow(page)[0] == 0
    picture(page, "proxmox-cluster-360-light", whole=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("link", name="CPU", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"sort=cpu"))
    expect(page.locator("th[aria-sort]")).to_contain_text("CPU")
    page.fill("#q", "sql")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=sql"))
    expect(page.locator("tr.guest")).to_have_count(3)
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("104")
    expect(page.locator("#found li").first).to_contain_text("sql-1 104")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/clusters/lab/guests/104$"))
    expect(page.locator("h1")).to_have_text("sql-1")
    expect(page.locator("#cpu svg, #cpu canvas").first).to_be_visible()
    picture(page, "proxmox-guest-1280-light", whole=True)


def test_faults_show_live_where_they_are_and_what_may_not_be_read_is_unknown(lab: Product, browser: Browser) -> None:
    page = opened(browser, lab, "/clusters/lab")
    lab.ask("lab", "fill", "nas", "97")
    expect(page.locator("#storages tr", has_text="nas")).to_contain_text("critical: 97%", timeout=PATIENT)
    lab.ask("lab", "forbid", "Sys.Audit")
    expect(page.locator("#collectors")).to_contain_text("the account needs Sys.Audit", timeout=PATIENT)
    expect(page.locator(".pve-fact", has_text="HA master")).to_contain_text("unknown", timeout=PATIENT)
    expect(page.locator("#guests")).to_contain_text("sql-1")
    picture(page, "proxmox-faults-1280-light", whole=True)
    lab.ask("lab", "mend")


@pytest.mark.long
def test_what_a_dead_api_last_said_is_shown_as_old(lab: Product, browser: Browser) -> None:
    page = opened(browser, lab, "/clusters/lab")
    expect(page.locator("tr.guest").first).to_be_visible()
    exporter = lab.pid("pve-exporter")
    os.kill(exporter, signal.SIGSTOP)
    try:
        expect(page.locator(".cluster-age")).to_contain_text("has not answered for", timeout=PATIENT)
        expect(page.locator("tr.guest.stale").first).to_be_visible(timeout=PATIENT)
        expect(page.locator(".cluster.stale")).to_be_visible()
    finally:
        os.kill(exporter, signal.SIGCONT)

"""Words that others put into labels, names and messages are words on every page: nothing runs, nothing overflows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page

from hune.alerting.words.proxmox import WORDS_PVE
from hune.nester.proxmox import queries
from hune.site.models import Site
from support.browsing import NARROW, PATIENCE_MS, live, overflow
from support.clusters import Row, guest_rows, node_rows
from support.fake_engines import CHIP, FakeEngines
from support.fake_hub import OPERATOR
from support.nester_server import NesterServer

DESK = (1280, 800)
HOSTILE = (
    "<script>hacked=1;alert(1)</script>",
    '<img src=x onerror="hacked=2">',
    "javascript:hacked=3//",
    '"><svg onload=hacked=4>',
    "'></script></title></template></textarea><script>hacked=5</script>",
    "{{7*7}}{% raw %}${7*7}<%=7*7%>",
    "\u202egnp.exe",
    "W" * 1000,
    "🔥👩\u200d👩\u200d👧\u200d👦",
    "a\x00b\x01c\x1b[31md\x7fe\x85f\ufeffg",
    "http://evil.example/" + "a/" * 500,
)
VMIDS = range(101, 101 + len(HOSTILE))
FOUND = "/clusters/lab/guests/101"
PAGES_OF_ALERTS = ("/alerts/1", "/alerts/history", "/maintenance")
PATHS = ("/", "/wall", "/alerts", "/alerts?digest=1", "/nodes/pve-02", "/clusters/lab", FOUND, *PAGES_OF_ALERTS)
WATCH = """
document.addEventListener("securitypolicyviolation", (event) => console.error("policy", event.blockedURI));
"""
# What stands in the page that the browser would act on, and where a word turns around what stands beside it.
LOOK = r"""() => {
  const wrong = [];
  if (window.hacked !== undefined) wrong.push(`ran: ${window.hacked}`);
  for (const each of document.querySelectorAll("*"))
    for (const { name } of each.attributes) if (name.startsWith("on")) wrong.push(`${each.tagName} ${name}`);
  for (const each of document.querySelectorAll("script, img, iframe, object, embed"))
    if (!(each.tagName === "SCRIPT" && (each.id === "page" || each.src.startsWith(location.origin + "/static/"))))
      wrong.push(each.outerHTML.slice(0, 80));
  for (const each of document.querySelectorAll("[href], [action], [src]"))
    for (const name of ["href", "action", "src"]) {
      const to = each.getAttribute(name);
      if (to !== null && new URL(to, location.href).origin !== location.origin) wrong.push(`${each.tagName} to ${to}`);
    }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.data.includes("\u202e") || text.parentElement.closest("script, svg")) continue;
    let box = text.parentElement;
    while (getComputedStyle(box).display === "inline" && !/isolate|plaintext/.test(getComputedStyle(box).unicodeBidi))
      box = box.parentElement;
    if (/isolate|plaintext/.test(getComputedStyle(box).unicodeBidi)) continue;
    const after = box.textContent.split("\u202egnp.exe").at(-1).trim();
    if (after) wrong.push(`turned around: ${box.outerHTML.slice(0, 160)}`);
  }
  return [...new Set(wrong)];
}"""
# Whose words reach beyond the window, for whoever mends it.
WIDEST = r"""() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    range.selectNodeContents(walker.currentNode);
    if (range.getBoundingClientRect().right <= innerWidth + 1) continue;
    let box = walker.currentNode.parentElement;
    const path = [`${box.tagName}.${box.className}`];
    while (box && getComputedStyle(box).overflowX === "visible") {
      box = box.parentElement;
      if (box) path.push(`${box.tagName}.${box.className}`);
    }
    if (!box) found.add(path.slice(0, 5).join(" < "));
  }
  return [...found].slice(0, 4).join("; ");
}"""
SEEN = "() => [...document.querySelectorAll('main, .wall, [data-region]')].map((each) => each.textContent).join(' ')"


def expanded(pattern: str) -> list[str]:
    """Return the names that a pattern of names stands for: `a_(b|c(d|e))`."""
    inner = re.search(r"\(([^()]*)\)", pattern)
    if inner is None:
        return [pattern]
    return [name for word in inner[1].split("|") for name in expanded(pattern.replace(inner[0], word, 1))]


def hostile_rows(names: tuple[str, ...], labels: tuple[str, ...]) -> list[Row]:
    """Return every series of these names for each hostile word, which is the value of nearly every label."""
    rows: list[Row] = []
    for number, word in zip(VMIDS, HOSTILE, strict=True):
        own = {label: word for label in labels if label != "id"} | {"id": f"qemu/{number}"}
        for name in (each for pattern in names for each in expanded(pattern)):
            rows.append((name, 1.0, own))
            # States that are known lead to other words and other rows.
            rows.append((name, 0.0, {**own, "node": "pve-01", "state": "error", "status": "FAILED", "type": "vzdump"}))
    return rows


class HostileEngines(FakeEngines):
    """Engines whose every word that isn't of the site file is hostile."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._answers = self._proxmox()
        for number, word in zip(VMIDS, HOSTILE, strict=True):
            named: dict[str, Any] = {
                "chip": word,
                "sensor": word,
                "label": word,
                "device": word,
                "storage": word,
                "pool": word,
            }
            about: dict[str, Any] = {
                "cluster": "lab",
                "id": f"qemu/{number}",
                "probe": word,
                "osd": word,
                "target": word,
                "file": word,
            }
            deliveries = [{"receiver": "Discord", "state": "failed", "at": None, "detail": word}]
            told: dict[str, Any] = {"summary": word, "unit": word, "value": 3.0, "threshold": 2.0}
            self.fire(word, "pve-02", deliveries=deliveries, **told, **named, **about)
            self.fire(f"Own{number}", word, **told, **named)
            self.fire("CpuHot", "pve-02", state="resolved", resolved_ago=9.0, value=71.0, **named)
        for name in WORDS_PVE["en"]:
            self.fire(name, HOSTILE[3], cluster="lab", id="qemu/101", storage=HOSTILE[0], pool=HOSTILE[1],
                      device=HOSTILE[7], summary=f"{HOSTILE[6]} (qemu/101) {HOSTILE[0]}")  # fmt: skip
        self.digests["1"] = self.alerts
        self._said()
        self.unhealthy = {"hub": HOSTILE[0], "prometheus": HOSTILE[7]}

    def _said(self) -> None:
        """Have people say hostile words about what they do, and rules name hostile receivers."""
        first = self.alerts[0]
        for word in HOSTILE:
            self.care(first, word, note=word)
            self.hold(first, "silence", reason=word)
            self._note(first, "told", receiver=word)
            self._note(first, word, receiver=word, by=word)
            self._note(first, "refused", receiver=word, problem=word)
            first["escalation"].append({"step": 1, "receivers": [word], "due_at": time.time() + 60, "done_at": None})
            matcher = {"name": "node", "value": word, "is_regex": True, "is_equal": False}
            self.silences.append({"id": word, "matchers": [matcher], "begins": time.time(), "ends": time.time() + 60,
                                  "by": word, "reason": word})  # fmt: skip
            self.declare({"nodes": [word], word: [word]}, by=word, reason=word)
            self.care(self.alerts[1], word, note=word)
        finding = {"topic": HOSTILE[0], "state": HOSTILE[1], "question": HOSTILE[2]}
        self.why = {"findings": [{**finding, "answer": word, "detail": word} for word in HOSTILE]}

    def _proxmox(self) -> dict[str, list[Row]]:
        status = [row for word in HOSTILE for row in node_rows(word)]
        for number, word in zip(VMIDS, HOSTILE, strict=True):
            status += guest_rows(number, word, word, tags=f"{word};b", lock=word)
            status += [(f"pve_{name}_state", 1.0, {"id": f"qemu/{number}", "state": word}) for name in ("ha", "lock")]
        summed: list[Row] = [(read, 1.0, {"read": read, "node": word}) for read in ("online", "fencing", "master")
                             for word in HOSTILE]  # fmt: skip
        summed += [("", 0.0, {"read": "online", "node": word}) for word in HOSTILE]
        summed += [("", 0.0, {"read": "collector", "collector": word}) for word in HOSTILE]
        summed += [("", 1.0, {"read": "verdict", "state": word}) for word in HOSTILE]
        now = time.time()
        return {
            queries.SEEN: [("", now, {"cluster": "lab", "seen": what}) for what in ("status", "details")],
            queries.SEEN_BEFORE: [],
            queries.LOAD: [("", 9.0, {"cluster": "lab", "read": "calls"})],
            queries.status_of("lab"): [("", 3.0, {"read": read}) for read in ("nodes", "nodes_up", "running")],
            queries.health_of("lab"): summed,
            queries.all_status_of("lab"): status,
            queries.all_details_of("lab"): hostile_rows(queries._DETAIL_NAMES, queries._DETAIL_LABELS),
            queries.guests_of("lab"): [row for row in status if row[0] == "pve_guest_info"],
            queries.all_of_guest("lab", "qemu/101"): hostile_rows(queries._GUEST_NAMES, queries._GUEST_LABELS),
        }

    def vector(self, expression: str) -> list[dict[str, Any]]:
        if expression in self._answers:
            return [
                {"metric": {**labels, **({"__name__": name} if name else {})}, "value": [time.time(), str(value)]}
                for name, value, labels in self._answers[expression]
            ]
        return super().vector(expression)

    def _heat_of(self, node: Any, now: float) -> Iterator[tuple[dict[str, str], float]]:
        yield from super()._heat_of(node, now)
        for word in HOSTILE:
            yield node.labels(__name__="hune:cpu_celsius", chip=word, sensor=word, label=word), 40.0
            yield node.labels(__name__="hune:cpu_celsius", chip=CHIP, sensor=word), 41.0
            yield node.labels(__name__="hune:link_up", device=word), 1.0
            yield {**node.labels(__name__="hune:node_up"), "node": word}, 0.0

    def matrix(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        if "pve_" in expression:
            return []
        rows = super().matrix(expression, start, end, step)
        return rows + [{**row, "metric": {**row["metric"], "device": word}} for row in rows[:1] for word in HOSTILE]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NesterServer]:
    server = NesterServer(
        tmp_path_factory.mktemp("hostile"),
        proxmox=[
            {
                "name": "lab",
                "nodes": ["pve-01", "pve-02", "pve-03"],
                "token": {"id": "hune@pve!mon", "secret": "env:SECRET"},
            }
        ],
    )
    server.engines = HostileEngines(server.site)
    server.start()
    yield server
    server.stop()


def words(text: str) -> str:
    """Return a text without what browsers fold, drop or replace."""
    return re.sub(r"[\s\x00-\x20\x7f-\x9f\ufffd]", "", text)


def test_hostile_words_are_words_on_every_page(hostile: NesterServer, browser: Browser) -> None:
    heard: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        heard.append(f"dialog {dialog.message}")
        dialog.dismiss()

    context = browser.new_context(viewport={"width": 360, "height": 800}, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH)
    context.add_cookies([{"name": "hune-operator", "value": OPERATOR, "url": hostile.url}])
    page = context.new_page()
    page.on("dialog", dismissed)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda told: heard.append(told.text) if told.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith(hostile.url) else heard.append(asked.url))
    found: dict[str, list[str]] = {}
    for path in PATHS:
        page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        response = page.goto(hostile.url + path)
        assert response is not None
        assert response.status == 200, path
        wrong = found.setdefault(path, [])
        live(page)
        if path == "/":
            wrong += search(page)
        for size in (NARROW, DESK):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            if wide := overflow(page)[0]:
                wrong.append(f"{wide} px too wide at {size[0]}: {page.evaluate(WIDEST)}")
        wrong += page.evaluate(LOOK)
        text = words(page.evaluate(SEEN))
        if path in SHOWS_ALL:
            wrong += [f"not seen: {word[:40]!r}" for word in HOSTILE if words(word) not in text]
        wrong += ["counted" for _ in [0] if "4949" in text]
        wrong += heard
        heard.clear()
    context.close()
    assert not any(found.values()), "\n".join(f"{path}: {each}" for path, wrong in found.items() for each in wrong)


SHOWS_ALL = {"/alerts", "/nodes/pve-02", "/clusters/lab", FOUND, "/alerts/1", "/maintenance"}


def search(page: Page) -> list[str]:
    """Look for the hostile guests, return what is wrong with what is found."""
    for typed in ("hacked", "wwww"):
        page.fill("#search", typed)
        page.wait_for_selector("#found li[role=option]")
    page.fill("#search", "hacked")
    listed = words(page.locator("#found").inner_text())
    wrong = [f"search: {overflow(page)[0]} px too wide"] if overflow(page)[0] else []
    return wrong + ([] if words(HOSTILE[0]) in listed else [f"search found {listed[:200]}"])

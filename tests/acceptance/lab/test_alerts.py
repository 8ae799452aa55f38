"""From a fault in the lab to what people are told: at once, once, and never a resolution that was not measured."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hune.alerting.catalogue import ALERTS
from support.capture import Capture
from support.lab_alerts import Told, command, open_alerts, words
from support.product import Product, get_json, query, wait_until

QUIET_SECONDS = 12.0
"""How long a false message is waited for: the hub reconciles every 10 s."""


SITE = """
thresholds: {link_flaps: 100}  # ports go down and machines boot here as often as if they flapped
receivers: [{name: discord, lab: true, discord: {webhook: env:DISCORD_WEBHOOK_URL}}]
routes: [{match: {severity: critical}, receivers: [discord]}]
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, capture: Capture) -> Iterator[Product]:
    """A site as short as can be, with the lab's three nodes."""
    product = Product(tmp_path_factory.mktemp("lab"), environ={"DISCORD_WEBHOOK_URL": capture.url})
    product.write_site(SITE)
    product.up()
    try:
        product.ask("lab", "up")
        prometheus = product.url("prometheus")
        wait_until(lambda: query(prometheus, "hune:settled"), "the grace period is over")
        yield product
    finally:
        product.down()


def state_of(product: Product, alertname: str, node: str) -> str:
    """Return the newest state of an alert of a node, or nothing if there never was one."""
    alerts = get_json(f"{product.url('hub')}/alerts")["alerts"]
    rows = [row for row in alerts if row["alertname"] == alertname and row["labels"].get("node") == node]
    return str(max(rows, key=lambda row: row["starts_at"])["state"]) if rows else ""


def kill(product: Product, process: str) -> None:
    before = product.pid(process)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: product.pid(process) not in (0, before), f"{process} is started again")
    wait_until(lambda: product.health()["healthy"], f"{process} works again")


def assert_never_told_resolved(capture: Capture, node: str, *, since: float) -> None:
    end = time.time() + QUIET_SECONDS
    while time.time() < end:
        assert capture.messages("resolved", node, since=since) == []
        time.sleep(0.5)


def test_heat_is_one_message_then_an_edit_and_a_reply(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "heat", "pve-02", "78")
    [message] = capture.wait_for("pve-02", since=began)
    assert message.method == "POST"
    assert "lab" in message.text
    assert "70" in message.text
    assert "critical" in message.text
    command(lab, "cool", "pve-02")
    capture.wait_for("pve-02", "resolved", since=began, count=2)
    kinds = [(found.method, found.id == message.id) for found in capture.messages("pve-02", since=began)]
    assert kinds.count(("PATCH", True)) == 1
    assert kinds.count(("POST", False)) == 1
    assert len(kinds) == 3


def test_the_page_shows_the_hot_node_first_without_any_script(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "heat", "pve-03", "81")
    capture.wait_for("pve-03", since=began)
    request = urllib.request.Request(f"{lab.url('nester')}/", headers={"Accept-Language": "en"})

    def shown() -> bool:
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = answer.read().decode()
        main = page[page.index("<main") :]
        is_first = main.index("pve-03") < min(main.index("pve-01"), main.index("pve-02"))
        return "critical" in main and "81" in main and is_first

    wait_until(shown, "the page shows it")


@pytest.mark.parametrize(
    ("fault", "undo", "expected"),
    [
        (("unplug", "pve-01", "enp1s0f1"), ("plug", "pve-01", "enp1s0f1"), ("LinkDown", "pve-01 enp1s0f1")),
        (("slow", "pve-02", "enp1s0f0"), ("plug", "pve-02", "enp1s0f0"), ("LinkSlow", "pve-02 enp1s0f0")),
        (("kill", "pve-03"), ("revive", "pve-03"), ("NodeDown", "pve-03")),
        (("kill", "pve-03", "--how", "hang"), ("revive", "pve-03"), ("NodeDown", "pve-03")),
        pytest.param(
            ("kill", "pve-03", "--how", "exporter"),
            ("revive", "pve-03"),
            ("ExporterSilent", "pve-03"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_fault_raises_its_alert_and_no_other(
    lab: Product, capture: Capture, began: float, fault: tuple[str, ...], undo: tuple[str, ...], expected: Told
) -> None:
    # People hear of what is critical; the rest is in the book.
    heard = ALERTS[expected[0]].severity == "critical"
    command(lab, *fault)
    wait_until(lambda: open_alerts(lab), f"{expected} begins", seconds=180)
    if heard:
        capture.wait_for(*words(expected), since=began)
    time.sleep(2)
    assert open_alerts(lab) == {expected}
    assert len(capture.messages(since=began)) == int(heard)
    command(lab, *undo)
    wait_until(lambda: not open_alerts(lab), f"{expected} ends", seconds=180)
    if heard:
        capture.wait_for("resolved", *words(expected), since=began)


def test_a_silent_exporter_on_a_living_machine_is_no_dead_node(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "kill", "pve-03", "--how", "exporter")
    time.sleep(8)
    assert capture.messages(since=began) == []


def test_all_nodes_silent_at_once_is_one_alert(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "kill", "pve-01", "pve-02", "pve-03", "--how", "hang")
    wait_until(lambda: "CutOff" in {name for name, _ in open_alerts(lab)}, "the cut is seen")
    time.sleep(5)
    names = [name for name, _ in open_alerts(lab)]
    assert names.count("CutOff") == 1


def test_a_node_that_dies_hot_is_not_resolved(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "heat", "pve-01", "95")
    capture.wait_for("pve-01", since=began)
    command(lab, "kill", "pve-01")
    wait_until(lambda: state_of(lab, "NodeDown", "pve-01") == "firing", "the death is seen")
    assert_never_told_resolved(capture, "pve-01", since=began)
    command(lab, "revive", "pve-01")
    wait_until(lambda: state_of(lab, "NodeDown", "pve-01") == "resolved", "it is back")
    assert state_of(lab, "CpuHot", "pve-01") == "firing"
    command(lab, "cool", "pve-01")
    wait_until(lambda: state_of(lab, "CpuHot", "pve-01") == "resolved", "measured as cool")


def test_prometheus_killed_while_hot_resolves_nothing(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "heat", "pve-02", "80")
    capture.wait_for("pve-02", since=began)
    kill(lab, "prometheus")
    assert_never_told_resolved(capture, "pve-02", since=began)
    assert len(capture.messages("pve-02", since=began)) == 1
    command(lab, "cool", "pve-02")
    capture.wait_for("pve-02", "resolved", since=began, count=2)


def test_what_alertmanager_lets_expire_is_not_believed(lab: Product, capture: Capture, began: float) -> None:
    command(lab, "heat", "pve-02", "80")
    capture.wait_for("pve-02", since=began)
    alertmanager = lab.url("alertmanager")
    key = lab.key_to("alertmanager")
    [alert] = [row for row in get_json(f"{alertmanager}/api/v2/alerts", key) if row["labels"].get("node") == "pve-02"]
    # What Alertmanager does by itself when Prometheus has been dead for four minutes.
    time.sleep(2)
    ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    body = [
        {"labels": alert["labels"], "annotations": alert["annotations"], "startsAt": alert["startsAt"], "endsAt": ended}
    ]
    request = urllib.request.Request(
        f"{alertmanager}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json", **key}
    )
    urllib.request.urlopen(request, timeout=60).close()
    assert_never_told_resolved(capture, "pve-02", since=began)


@pytest.mark.parametrize("process", ["alertmanager", "services"])
def test_killed_while_hot_and_while_cooling_nothing_is_lost_or_told_twice(
    lab: Product, capture: Capture, began: float, process: str
) -> None:
    command(lab, "heat", "pve-02", "80")
    capture.wait_for("pve-02", since=began)
    kill(lab, process)
    time.sleep(6)
    assert len(capture.messages("pve-02", since=began)) == 1
    os.kill(lab.pid(process), signal.SIGKILL)
    command(lab, "cool", "pve-02")
    capture.wait_for("pve-02", "resolved", since=began, count=2)
    wait_until(lambda: lab.health()["healthy"], f"{process} works again")
    assert [found.method for found in capture.messages("pve-02", since=began)].count("PATCH") == 1
    assert len(capture.messages("pve-02", since=began)) == 3


def test_a_crossing_while_the_hub_is_dead_is_told(lab: Product, capture: Capture, began: float) -> None:
    os.kill(lab.pid("services"), signal.SIGKILL)
    command(lab, "heat", "pve-03", "82")
    capture.wait_for("pve-03", since=began)


def test_the_minimal_payload_of_a_test_is_accepted_and_printed(lab: Product, capture: Capture) -> None:
    body = b'{"alerts":[{"status":"firing","labels":{"alertname":"TestAlert"}}]}'
    request = urllib.request.Request(
        f"{lab.url('hub')}/webhook", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200
    wait_until(lambda: "TestAlert" in lab.run("logs", "services", "-n", "50").stdout, "it is printed")


def test_the_webhook_address_is_nowhere_to_be_read(lab: Product, capture: Capture) -> None:
    token = capture.url.rsplit("/", 1)[1]
    for path, content in lab.contents(""):
        assert "engines" in path.parts or token.encode() not in content, path
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert token.encode() not in process.read_bytes()
        except OSError:
            continue
    assert token not in lab.run("status", "--json").stdout + lab.run("plan", "--auto-ports", "--json").stdout


def test_taking_the_lab_away_is_no_fault(lab: Product, capture: Capture, began: float) -> None:
    assert lab.run("lab", "down").returncode == 0
    try:
        time.sleep(QUIET_SECONDS)
        assert capture.messages(since=began) == []
    finally:
        lab.ask("lab", "up")

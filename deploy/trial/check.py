"""Look at the running containers from inside their network namespace: `check.py works | threshold N | renewed N`."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROMETHEUS = "http://127.0.0.1:9090"
STORE = "http://127.0.0.1:8428"
ALERTMANAGER = "http://127.0.0.1:9093"
BLACKBOX = "http://127.0.0.1:9115"
HUB = "http://127.0.0.1:9094"
NESTER = "http://127.0.0.1:8080"
JOBS = {
    "alertmanager",
    "blackbox-exporter",
    "hub",
    "nester",
    "node",
    "node-alive",
    "node-fast",
    "prometheus",
    "victoriametrics",
}
PATIENCE_SECONDS = 60.0


def get(url: str, **parameters: str) -> bytes:
    """Return what a URL answers."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    with urllib.request.urlopen(url + query, timeout=10) as answer:  # noqa: S310 - http, on this machine
        body = answer.read()
    assert isinstance(body, bytes)
    return body


def post(url: str, document: object) -> None:
    """Send a document; anything but 200 is an error."""
    body = json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200, answer.status


def notifications(kind: str) -> float:
    """Return how many of Alertmanager's webhook notifications there were, or failed."""
    found = re.findall(
        rf'^alertmanager_notifications_{kind}{{integration="webhook".*?}} (\S+)$',
        get(f"{ALERTMANAGER}/metrics").decode(),
        re.MULTILINE,
    )
    return sum(map(float, found))


def value(base: str, expression: str) -> float:
    """Return the value of an expression with one result, NaN if it has none."""
    rows = json.loads(get(f"{base}/api/v1/query", query=expression))["data"]["result"]
    return float(rows[0]["value"][1]) if rows else float("nan")


def soon(condition: Callable[[], Any], what: str) -> Any:
    """Return the condition's first true value; end the check when it stays false."""
    end = time.monotonic() + PATIENCE_SECONDS
    reason = ""
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (OSError, ValueError) as error:
            reason = f" ({error})"
        time.sleep(0.5)
    sys.exit(f"not in {PATIENCE_SECONDS:g} s: {what}{reason}")


def targets() -> dict[str, str]:
    """Return the health of each job's target."""
    rows = json.loads(get(f"{PROMETHEUS}/api/v1/targets", state="active"))["data"]["activeTargets"]
    return {row["labels"]["job"]: row["health"] for row in rows}


def listening() -> set[str]:
    """Return the addresses that anything listens on in this network, as the kernel writes them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {row[1].partition(":")[0] for row in rows if row[3] == "0A"}
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(address))) for address in addresses}


def say(text: str) -> None:
    print(f"  {text}")  # noqa: T201 - a script


def works() -> None:
    """Check that samples, alerts and pages go their ways."""
    soon(lambda: targets() == dict.fromkeys(JOBS, "up"), f"every job up, {targets()}")
    soon(lambda: value(PROMETHEUS, 'hune:node_up{node="here"}') == 1, "this host known as up")
    soon(lambda: value(PROMETHEUS, 'count({__name__=~".+"})') > 1000, "1000 series in Prometheus")
    soon(lambda: value(STORE, 'count({__name__=~".+"})') > 1000, "1000 series in the store")
    assert value(PROMETHEUS, 'count(node_network_up{device="hune0"})') == 1, "the host's own network is measured"
    echo = get(f"{BLACKBOX}/probe", module="alive_icmp", target="node-exporter").decode()
    assert "\nprobe_success 1" in echo, "echo requests are sent without a capability"
    post(f"{HUB}/webhook", {"alerts": [{"status": "firing", "labels": {"alertname": "TestAlert"}}]})
    post(f"{ALERTMANAGER}/api/v2/alerts", [{"labels": {"alertname": "Trial", "severity": "critical"}}])
    soon(lambda: notifications("total") > 0, "a notification handed from Alertmanager to the hub")
    assert notifications("failed_total") == 0, "each of them taken"
    assert b"<html" in get(NESTER), "Nester serves its page"
    outside = {address for address in listening() if not address.startswith("127.")}
    assert outside == {"172.30.94.1"}, f"published on loopback only; the exporter at the gateway: {outside}"
    say("targets up, samples in both, echo requests, alerts taken, page served, nothing published beyond loopback")


def threshold(wanted: float) -> None:
    """Check that a rendered change has reached the rules."""
    soon(lambda: value(PROMETHEUS, 'hune:site_cpu_limit_celsius{node="here"}') == wanted, f"the limit {wanted:g}")
    say(f"the limit is {wanted:g} °C now")


def renewed(count: int) -> None:
    """Check that a change renewed only the containers whose files changed: Prometheus, hub and Nester."""
    assert count == 3, f"{count} containers were made anew"
    say("only the 3 containers that it concerns were made anew")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["works"]:
            works()
        case ["threshold", number]:
            threshold(float(number))
        case ["renewed", number]:
            renewed(int(number))
        case _:
            sys.exit(__doc__)

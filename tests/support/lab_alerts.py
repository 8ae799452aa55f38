"""The lab of a running product: breaking it, and which alerts are open of it."""

from __future__ import annotations

import os
import signal
from typing import Any

from hune.alerting.catalogue.machine import TROUBLES
from hune.alerting.words import WORDS
from support.product import Product, get_json, wait_until

Told = tuple[str, str]
"""An alert's name, and what it is about."""

HOURLY = {"age-backup", "fail-backup", "corrupt-backup", "expire-certificate", "fail-disk"}
"""Faults of what Proxmox is asked for once an hour, or seldom."""

_ABOUT = ("node", "id", "target", "storage", "pool", "device", "osd", "file", "collector")
_ABOUT_HUNE = ("service", "receiver", "rule_group")


def open_alerts(product: Product) -> set[Told]:
    """Return what is open: of the lab, and of Hune itself."""
    alerts = get_json(f"{product.url('hub')}/alerts")["alerts"]
    # What ails the machine that the tests run on is no fault of the lab.
    ours = [row for row in alerts if row["labels"].get("lab") or row["alertname"] not in {*TROUBLES, "TestAlert"}]
    return {told(row["labels"]) for row in ours if row["state"] != "resolved"}


def told(labels: dict[str, Any]) -> Told:
    """Return an alert by its name and what it is about."""
    about = [labels[name] for name in (*_ABOUT, *_ABOUT_HUNE) if name in labels]
    return labels["alertname"], " ".join(about)


def words(alert: Told) -> list[str]:
    """Return what a message about an alert is recognized by."""
    name, about = alert
    return [WORDS["en"][name].title, *about.split()]


def command(product: Product, *arguments: str) -> None:
    """Give the lab a command, which it obeys."""
    result = product.run("lab", *arguments)
    assert result.returncode == 0, result.stderr


def break_it(product: Product, *faults: tuple[str, ...]) -> None:
    """Make faults; what is asked for seldom is asked for at once."""
    for fault in faults:
        command(product, *fault)
    if any(fault[0] in HOURLY for fault in faults):
        forget_answers(product)


def forget_answers(product: Product) -> None:
    """Let Proxmox be asked for everything again: by an exporter that was started anew."""
    # One that was killed a moment ago has no process yet, and 0 would be this one's own group.
    pid = wait_until(lambda: product.pid("pve-exporter"), "the exporter runs")
    os.kill(pid, signal.SIGKILL)


def make_whole(product: Product) -> None:
    """Undo every fault, and wait until nothing is open any more."""
    for undo in ("mend", "revive", "cool", "plug"):
        # One that finds nothing to undo says so.
        product.run("lab", undo)
    if any(name.startswith(("Backup", "Certificate", "Disk")) for name, _ in open_alerts(product)):
        forget_answers(product)
    try:
        wait_until(lambda: open_alerts(product) == set(), "every alert is over", seconds=240)
    except AssertionError as error:
        raise AssertionError(f"{error}; open: {sorted(open_alerts(product))}") from None

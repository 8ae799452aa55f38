"""The chain from rules to people, in the product: what breaks it is told once, and what doesn't isn't told."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support.capture import capturing
from support.product import Product, wait_until

SITE = """
name: home
receivers: [{name: operations, discord: {webhook: env:DISCORD_WEBHOOK_URL}}]
"""


def hub(product: Product) -> dict[str, Any]:
    [row] = [row for row in product.health()["services"] if row["name"] == "hub"]
    url = f"http://{row['address']}/health"
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.long
def test_what_hangs_is_told_once_and_what_is_killed_is_back_before_anybody_hears_of_it(tmp_path: Path) -> None:
    with capturing(tmp_path) as capture:
        product = Product(tmp_path, environ={"DISCORD_WEBHOOK_URL": capture.url})
        product.write_site(SITE)
        product.up()
        try:
            wait_until(lambda: hub(product)["chain"]["state"] == "working", "the Watchdog is heard")
            for name in ("alertmanager", "prometheus", "services"):
                os.kill(product.pid(name), signal.SIGKILL)
                wait_until(lambda: product.health()["healthy"], f"{name} is back")
            product.run("reload")
            began = time.time()
            # Longer than the Watchdog may stay away.
            while time.time() - began < 75:
                assert capture.messages() == []
                time.sleep(1)

            for name, words in (
                ("alertmanager", "alertmanager can't be asked"),
                ("prometheus", "prometheus can't be asked"),
            ):
                began = time.time()
                os.kill(product.pid(name), signal.SIGSTOP)
                capture.wait_for("watchdog", words, since=began, seconds=240)
                # The conductor ends what hangs for a minute, and starts it again; it leaves telling to the hub.
                capture.wait_for("resolved", "alerts don't arrive", since=began, seconds=240)
                wait_until(lambda: product.health()["healthy"], "all works again")
                assert capture.messages("🆘", since=began) == []
                told = [one for one in capture.messages("watchdog", since=began) if one.method == "POST"]
                assert len({one.id for one in told}) <= 2, told
        finally:
            product.down()

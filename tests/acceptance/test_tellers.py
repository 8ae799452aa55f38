"""If those who tell people are dead, the conductor tells people itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from support.capture import capturing
from support.product import Product, wait_until


def test_a_hub_that_stays_dead_is_told_by_the_conductor_and_its_return_too(tmp_path: Path) -> None:
    with capturing(tmp_path) as capture:
        product = Product(tmp_path, environ={"DISCORD_WEBHOOK_URL": capture.url})
        product.up()
        try:
            began = time.time()
            pid = product.pid("services")
            # Stopped, not killed: a killed one would be started again at once.
            os.kill(pid, signal.SIGSTOP)
            capture.wait_for("hub", "does not", since=began)
            # What hangs for a minute is ended, and started again.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            capture.wait_for("hub", "works again", since=began)
            wait_until(lambda: product.health()["healthy"], "all works again")
            assert len(capture.messages("hub", "does not", since=began)) == 1
        finally:
            product.down()


def test_an_unhealthy_service_is_told_with_its_reason(product: Product) -> None:
    product.up()
    pid = product.pid("alertmanager")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not product.health()["healthy"], "it is noticed")
    result = product.run("health")
    assert result.returncode == 1
    assert "does not answer" in result.stdout
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: product.health()["healthy"], "all works again")

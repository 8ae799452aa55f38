"""The hub as a process of its own, and tests' hold on it.

`python -m support.hub_process DATA_DIR [TIMING as JSON]` reads DATA_DIR/config/site.json and says `ready` on standard
error once it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from hune.alerting.hub.service import Hub
from hune.alerting.hub.timing import Timing
from hune.alerting.state.episode import Incoming
from hune.core.layout import Layout
from hune.core.logs import set_up
from hune.core.service import start
from hune.site.models import Site
from support.alerts import payload

SRC = Path(__file__).parents[2] / "src"
TESTS = Path(__file__).parents[1]


class HubProcess:
    """A hub on a data directory; it can be started, killed and started again."""

    def __init__(
        self, root: Path, site: Site, *, environ: Mapping[str, str], timing: Mapping[str, float] | None = None
    ) -> None:
        self.layout = Layout(root)
        self.url = site.url("hub")
        self.site = site
        self._environ = environ
        self._timing = dict(timing or {})
        self._process: asyncio.subprocess.Process | None = None
        self._log = root / "hub.log"
        self._log_before = 0
        # Each time anew: the hub ends connections that lie idle, perhaps just as another request goes out on one.
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        self.layout.config.mkdir(parents=True, exist_ok=True)
        self.layout.site_json.write_text(site.model_dump_json())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def retime(self, **seconds: float) -> None:
        """Have the hub wait otherwise from its next start on."""
        self._timing |= seconds

    async def start(self) -> None:
        """Start it and wait until it serves."""
        path = os.pathsep.join(map(str, (SRC, TESTS)))
        self._log_before = len(self.log()) if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "support.hub_process",
                str(self.layout.root),
                json.dumps(self._timing),
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **self._environ},
                stdout=log,
                stderr=log,
            )
        await self.until(self._serves, "the hub serves")

    async def _serves(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log()
        return "ready\n" in self.log()[self._log_before :]

    async def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """End it in an orderly way, if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(60.0):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
                raise

    async def close(self) -> None:
        await self.stop()
        await self.session.close()

    def log(self) -> str:
        """Return everything it has printed."""
        # It may be in the middle of a character.
        return self._log.read_text(errors="replace")

    async def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        async with self.session.get(self.url + path) as response:
            return await response.json()

    async def post(self, body: bytes, **headers: str) -> int:
        """Post to the webhook; return the status."""
        given = {"Content-Type": "application/json", **headers}
        async with self.session.post(self.url + "/webhook", data=io.BytesIO(body), headers=given) as response:
            return response.status

    async def notify(self, *alerts: Incoming, receiver: str = "discord") -> None:
        """Post a notification, which is accepted."""
        assert await self.post(payload(alerts, receiver=receiver)) == 200

    async def alerts(self) -> list[dict[str, Any]]:
        """Return the book, oldest first."""
        answer = await self.get("/alerts?limit=5000")
        return sorted(answer["alerts"], key=lambda alert: int(alert["id"]))

    async def states(self) -> list[str]:
        """Return the states of the book, oldest first."""
        return [alert["state"] for alert in await self.alerts()]

    async def receiver(self, name: str) -> dict[str, Any]:
        """Return what `/health` says of a receiver."""
        report = await self.get("/health")
        return next(row for row in report["receivers"] if row["name"] == name)

    async def all_marked(self) -> None:
        """Wait until what people were told stands in the book: a hub that is killed before that tells it again."""

        async def marked() -> bool:
            rows = [row for alert in await self.alerts() for row in alert["deliveries"]]
            return all(row["state"] not in ("pending", "failed") for row in rows)

        await self.until(marked, "everything is told and marked")

    async def until(self, holds: Callable[[], Any], what: str, *, timeout_seconds: float = 90.0) -> None:
        """Wait until an asynchronous statement holds; `what` names it when it doesn't."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await holds():  # noqa: ASYNC110 - of another process, so there is no event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_seconds:g} s: {what}\n{self.log()[-4000:]}") from None


@contextlib.asynccontextmanager
async def running_hub(
    root: Path, site: Site, *, environ: Mapping[str, str], timing: Mapping[str, float] | None = None
) -> AsyncIterator[HubProcess]:
    """Run a hub for as long as the block lasts."""
    hub = HubProcess(root, site, environ=environ, timing=timing)
    try:
        await hub.start()
        yield hub
    finally:
        await hub.close()


async def _main() -> None:
    set_up()
    layout = Layout(Path(sys.argv[1]))
    site = Site.model_validate_json(layout.site_json.read_text())
    timing = Timing(**json.loads(sys.argv[2])) if len(sys.argv) > 2 else Timing()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with asyncio.TaskGroup() as group:
        task = await start(group, Hub(site, layout, environ=os.environ, timing=timing))
        sys.stderr.write("ready\n")
        sys.stderr.flush()
        await ended.wait()
        task.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())

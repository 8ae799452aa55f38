"""Two real Alertmanagers that gossip, started as Hune starts them, before one hub."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from hune.alerting.routing import render_alertmanager
from hune.core.layout import Layout
from hune.site.models import Site
from hune.stack.engines import alertmanager
from hune.stack.setting import Binary, Setting
from support.ports import free_port


class Pair:
    """`sites` are those of the two machines; the hub is the first's."""

    def __init__(self, root: Path, site: Mapping[str, Any]) -> None:
        gossip, ports, hub = [free_port(), free_port()], [free_port(), free_port()], free_port()
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.sites = [
            Site.model_validate(
                {
                    **site,
                    "engines": {
                        **site.get("engines", {}),
                        "alertmanager": {
                            "port": ports[one],
                            "cluster": {
                                "listen": f"127.0.0.1:{gossip[one]}",
                                "peers": [f"127.0.0.1:{gossip[1 - one]}"],
                            },
                            "others": [{"url": self.urls[1 - one]}],
                        },
                    },
                    "services": {"hub": {"port": hub}, "nester": {"port": free_port()}},
                }
            )
            for one in (0, 1)
        ]
        self._layouts = [Layout(root / f"machine-{one}") for one in (0, 1)]
        self._processes: list[asyncio.subprocess.Process | None] = [None, None]
        self.session = aiohttp.ClientSession()

    async def start(self, one: int) -> None:
        """Start one of them, and wait until it answers."""
        program = shutil.which("prometheus-alertmanager")
        assert program, "prometheus-alertmanager is not on the PATH"
        layout = self._layouts[one]
        layout.config.mkdir(parents=True, exist_ok=True)
        (layout.config / "alertmanager.yml").write_text(render_alertmanager(self.sites[one]))
        setting = Setting(self.sites[one], layout, {"alertmanager": Binary(Path(program))}, ("hune",))
        process = await asyncio.to_thread(alertmanager.process, setting)
        with (layout.root / "log").open("ab") as log:
            self._processes[one] = await asyncio.create_subprocess_exec(
                *process.argv, cwd=Path(program).parents[2], stdout=log, stderr=log
            )
        async with asyncio.timeout(90.0):
            while not await self._answers(one):  # noqa: ASYNC110 - of another process, so there is no event
                await asyncio.sleep(0.05)

    async def _answers(self, one: int) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with self.session.get(self.urls[one] + "/-/ready") as answer:
                return answer.status == 200
        return False

    async def settle(self) -> None:
        """Wait until both tell alerts; one that starts looks for the other first."""
        async with asyncio.timeout(90.0):
            for url in self.urls:
                while True:
                    async with self.session.get(url + "/api/v2/status") as answer:
                        if (await answer.json())["cluster"]["status"] == "ready":
                            break
                    await asyncio.sleep(0.05)

    async def kill(self, one: int) -> None:
        """End one of them with SIGKILL."""
        process = self._processes[one]
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def tell(self, *names: str, to: tuple[int, ...] = (0, 1)) -> None:
        """Send alerts as Prometheus does: to all, whoever of them is there."""
        now = datetime.now(UTC)
        document = [
            {
                "labels": {"alertname": "Storm", "severity": "critical", "site": "home", "node": name},
                "annotations": {"summary": f"{name} storms"},
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": (now + timedelta(minutes=5)).isoformat(),
            }
            for name in names
        ]

        async def send(one: int) -> None:
            with contextlib.suppress(aiohttp.ClientError):
                async with self.session.post(self.urls[one] + "/api/v2/alerts", json=document) as answer:
                    assert answer.status == 200, await answer.text()

        await asyncio.gather(*(send(one) for one in to))

    async def close(self) -> None:
        await asyncio.gather(self.kill(0), self.kill(1))
        await self.session.close()


@contextlib.asynccontextmanager
async def running_pair(root: Path, site: Mapping[str, Any]) -> AsyncIterator[Pair]:
    """Run both for as long as the block lasts."""
    pair = Pair(root, site)
    try:
        await asyncio.gather(pair.start(0), pair.start(1))
        yield pair
    finally:
        await pair.close()

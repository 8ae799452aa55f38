"""A node exporter whose temperature tests set: as much of its exposition as the rules of CPU and node read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

CHIP = "platform_coretemp_0"


class NodeExporter:
    """Serves `/metrics`; `celsius` is the CPU's temperature."""

    def __init__(self, *, host: str = "127.0.0.1", port: int) -> None:
        self.host, self.port = host, port
        self.celsius = 45.0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """From now on connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, _request: web.Request) -> web.Response:
        labels = f'chip="{CHIP}",sensor="temp1"'
        return web.Response(
            text=(
                f'node_hwmon_chip_names{{chip="{CHIP}",chip_name="coretemp"}} 1\n'
                f'node_hwmon_sensor_label{{{labels},label="package_id_0"}} 1\n'
                f"node_hwmon_temp_celsius{{{labels}}} {self.celsius}\n"
                'node_scrape_collector_success{collector="netclass"} 1\n'
            )
        )


@contextlib.asynccontextmanager
async def node_exporter(port: int) -> AsyncIterator[NodeExporter]:
    """Run one for as long as the block lasts."""
    exporter = NodeExporter(port=port)
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.stop()

"""The real node_exporter, shown a simulated machine."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from hune.core.backoff import Backoff
from hune.core.errors import Unavailable
from hune.stack.spawn import guarded

log = logging.getLogger(__name__)

# What reads only files, plus three that ask the host's kernel: filesystem, timex, uname.
COLLECTORS = (
    "conntrack cpu cpufreq diskstats dmi entropy filefd filesystem hwmon loadavg mdadm meminfo netclass netdev netstat "
    "nvme os pressure schedstat sockstat softnet stat thermal_zone time timex udp_queues uname vmstat"
)
_STEADY_SECONDS = 60.0
_START_SECONDS = 20.0


def command(binary: str, root: Path, address: str, port: int) -> list[str]:
    """Return the command line that shows the tree below `root` at `address:port`."""
    return [
        binary,
        f"--web.listen-address={address}:{port}",
        f"--path.sysfs={root}/sys",
        f"--path.procfs={root}/proc",
        f"--path.rootfs={root}/root",
        f"--path.udev.data={root}/root/run/udev/data",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in COLLECTORS.split()),
        "--collector.cpu.info",
        # Through netlink it would see the host's devices instead of the tree's.
        "--no-collector.netdev.netlink",
        "--log.level=error",
    ]


class Exporter:
    """Keeps one exporter running between `start` and `stop`."""

    def __init__(self, argv: list[str], address: str, port: int, name: str) -> None:
        self._argv = guarded(argv, os.getpid())
        self._place = (address, port)
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self.pid: int | None = None

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Start it, unless it runs, and return when it answers.

        Raises Unavailable if it doesn't in time; it is tried further all the same.
        """
        if self._task is None:
            self._task = group.create_task(self._keep(), name=f"exporter {self._name}")
        try:
            async with asyncio.timeout(_START_SECONDS):
                while True:
                    if self.pid and await self._answers():
                        return
                    await asyncio.sleep(0.02)  # it tells nobody when it listens
        except TimeoutError:
            raise Unavailable("its exporter does not answer") from None

    async def stop(self) -> None:
        """Kill it and return when it is gone."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep(self) -> None:
        backoff = Backoff(initial=0.2, ceiling=10.0)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            code = await self._live()
            if loop.time() - began > _STEADY_SECONDS:
                backoff.reset()
            delay = backoff.next()
            log.warning("exporter of %s ended with code %s; starts again in %.1f s", self._name, code, delay)
            await asyncio.sleep(delay)

    async def _live(self) -> int:
        # Nothing of the environment: it may hold secrets, and the exporter needs none of it.
        process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, env={"PATH": os.defpath}
        )
        self.pid = process.pid
        try:
            return await process.wait()
        finally:
            self.pid = None
            if process.returncode is None:
                process.kill()
                async with asyncio.timeout(_START_SECONDS):
                    await process.wait()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(*self._place)
        except OSError:
            return False
        writer.close()
        return True

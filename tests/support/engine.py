"""A real engine as a process that tests start, kill and start again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import aiohttp


class Engine:
    """A process that can be killed and started again."""

    def __init__(self, url: str, ready: str, *argv: str) -> None:
        program = shutil.which(argv[0])
        assert program, f"{argv[0]}: not on the PATH"
        self._argv = (program, *argv[1:])
        # Unpacked by `dpkg -x`, Alertmanager finds its templates from the root of the tree.
        self._root = Path(program).parents[2]
        self._ready = url + ready
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *self._argv, cwd=self._root, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(120.0), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(self._ready) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it with SIGKILL, if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


def alertmanager(root: Path, url: str) -> Engine:
    """Return an Alertmanager that reads `root / "alertmanager.yml"`."""
    return Engine(
        url,
        "/-/ready",
        "prometheus-alertmanager",
        f"--config.file={root / 'alertmanager.yml'}",
        f"--storage.path={root / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--data.maintenance-interval=1s",
        "--cluster.listen-address=",
    )
